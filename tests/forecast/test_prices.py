"""Promised: copies, unreadable images and what earlier parts cache are counted as the command would find them."""

import time
from dataclasses import replace

import numpy as np
from forecasts import forecast_passes, kept

from featx import (
    EmbeddingCache,
    load_dataset,
)
from featx.forecast.extract import forecast_extraction
from featx.forecast.prices import Prices
from featx.images.sources import as_sources


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
    dataset.images[0] = str(folder / "missing.png")
    forecast = forecast_extraction(dataset, transformer)
    assert 1 <= forecast.n_unreadable <= 4
    assert any(row.path == str(folder / "missing.png") for row in as_sources(dataset.images))


def test_counting_remembers_what_its_parts_would_have_cached(folder, transformer, tmp_path):
    images = as_sources(load_dataset(folder).images)
    prices = Prices(images, cache=EmbeddingCache(tmp_path / "cache"), began=time.perf_counter())
    every, some = transformer.plan(np.arange(80)), transformer.plan(np.arange(30))
    assert prices.passes(some).n_images == 30
    assert prices.passes(every).n_images == 50
    assert prices.passes(every).seconds == 0
    assert prices.passes(replace(some, rows=np.arange(10), kept=False)).n_images == 10
    assert prices.passes(replace(every, views=[*every.views, every.source.view(None, "max")])).n_images == 80
    assert (prices.n_passes, prices.n_cached) == (280, 110)
    assert len(prices.probed) == 64


def test_images_pass_again_to_measure_the_pace_and_nothing_is_kept(
    folder, transformer, forwards, tmp_path, monkeypatch
):
    monkeypatch.setattr("featx.forecast.prices.PACE_SECONDS", 60.0)
    images = as_sources(load_dataset(folder).images)
    passes = replace(transformer.plan(np.arange(80)), views=[("features.7", "avg"), ("features.7", "max")])
    prices = Prices(images, cache=EmbeddingCache(tmp_path / "cache"), began=time.perf_counter())
    pace = prices.pace(passes)
    assert pace.seconds > 0
    assert pace.rows.tolist() == prices.probed
    assert [matrix.shape[0] for matrix in pace.embeddings] == [64, 64]
    assert forwards.since() == 8 + 8 + 8 * 64
    assert kept(tmp_path) == []
    rows, found = prices.embeddings(passes, passes.views[1])
    np.testing.assert_array_equal(found, pace.embeddings[1])
    # What comes from a server is not fetched again.
    urls = as_sources([f"file://{image.content}" for image in images])
    Prices(urls, cache=None, began=time.perf_counter()).pace(passes)
    assert forwards.since() == 8 + 8 + 64


def test_what_cannot_be_read_is_no_part_of_the_pace(folder, transformer):
    images = as_sources(load_dataset(folder).images)[:10]
    (folder / "dark" / "03.png").write_bytes(b"no image")
    pace = Prices(images, cache=None, began=time.perf_counter()).pace(transformer.plan(np.arange(10)))
    assert sorted(pace.rows) == [0, 1, 2, 4, 5, 6, 7, 8, 9]
    assert len(pace.embeddings[0]) == 9
