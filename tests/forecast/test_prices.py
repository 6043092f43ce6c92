"""Promised: copies, unreadable images and what earlier parts cache are counted as the command would find them."""

import time
from dataclasses import replace

import numpy as np

from featx import (
    load_dataset,
)
from featx.forecast.extract import forecast_extraction
from featx.forecast.prices import Prices
from featx.images.sources import as_sources
from forecasts import forecast_passes


def test_copies_of_an_image_are_one(folder, transformer):
    for number in range(1, 40):
        (folder / "dark" / f"{number:02}.png").write_bytes((folder / "dark" / "00.png").read_bytes())
    forecast = forecast_extraction(load_dataset(folder), transformer)
    assert forecast_passes(forecast) == 41


def test_of_too_many_files_a_random_part_is_looked_at(folder, transformer, monkeypatch):
    monkeypatch.setattr("featx.forecast.prices.DIGEST_SECONDS", 0.0)
    monkeypatch.setattr("featx.forecast.prices.DIGESTS_AT_A_TIME", 40)
    dataset = load_dataset(folder)
    transformer.extract(as_sources(dataset.images[:40]))
    forecast = forecast_extraction(dataset, transformer)
    assert forecast.about
    assert 20 <= forecast.n_cached <= 60
    assert forecast_passes(forecast) == 80 - forecast.n_cached
    assert any("tell which are cached" in part.name and part.n_images == 40 for part in forecast.parts)


def test_unreadable_images_are_counted(folder, transformer):
    for name in ("01", "02", "03"):
        (folder / "dark" / f"{name}.png").write_bytes(name.encode())
    dataset = load_dataset(folder)
    dataset = replace(dataset, images=[str(folder / "missing.png"), *dataset.images[1:]])
    forecast = forecast_extraction(dataset, transformer)
    assert 1 <= forecast.n_unreadable <= 4
    assert any(row.path == str(folder / "missing.png") for row in as_sources(dataset.images))


def test_unreadable_images_and_their_copies_are_none_to_forward(folder, transformer):
    for number in range(20, 40):
        (folder / "dark" / f"{number}.png").write_bytes(b"one" if number % 2 else b"other")
    images = as_sources(load_dataset(folder).images)
    prices = Prices(images, None, readers=[transformer], began=time.perf_counter())
    every = transformer.plan(np.arange(80))
    assert prices.price(every).n_images == 60
    assert (prices.n_passes, prices.n_cached, len(prices.unreadable)) == (60, 0, 20)
    assert prices.price(replace(every, kept=False)).n_images == 60
    decoded = Prices(images, None, readers=[transformer], began=time.perf_counter())
    decoded.decoding()
    assert decoded.price(every).n_images == 60
    assert len(decoded.probed) == 60


def test_counting_remembers_what_its_parts_would_have_cached(folder, transformer):
    images = as_sources(load_dataset(folder).images)
    prices = Prices(images, None, readers=[transformer], began=time.perf_counter())
    every, some = transformer.plan(np.arange(80)), transformer.plan(np.arange(30))
    assert prices.price(some).n_images == 30
    assert prices.price(every).n_images == 50
    assert prices.price(every).seconds == 0
    assert prices.price(replace(some, rows=np.arange(10), kept=False)).n_images == 10
    assert prices.price(replace(every, views=[*every.views, every.source.view(None, "max")])).n_images == 80
    assert (prices.n_passes, prices.n_cached) == (280, 110)
    assert len(prices.probed) == 64


def test_the_first_rows_are_those_that_are_measured(folder, transformer):
    images = as_sources(load_dataset(folder).images)
    prices = Prices(images, None, readers=[transformer], began=time.perf_counter())
    prices.price(transformer.plan(np.arange(20, 30)))
    assert sorted(prices.probed[:10]) == list(range(20, 30))
    assert len(set(prices.probed)) == 64
