"""Promised: the forecast of a fit counts the passes that are then made, and names every head."""

import numpy as np
import pytest

from featx import (
    DatasetError,
    fit_model,
    load_dataset,
)
from featx.forecast import timings
from featx.forecast.fit import forecast_fit
from featx.heads.svm_cost import svm_cost
from featx.process import forget
from forecasts import GRIDS, forecast_passes, kept


def test_nothing_is_known_of_a_search_on_unreadable_images(folder, transformer):
    for path in folder.rglob("*.png"):
        path.write_bytes(path.name.encode() + path.parent.name.encode())
    with pytest.raises(DatasetError, match="none of the images can be read"):
        forecast_fit(load_dataset(folder), transformer)


def test_a_fit_is_forecast_with_every_head_and_view(folder, transformer, forwards, tmp_path):
    dataset = load_dataset(folder)
    search = {"heads": ["logistic", "knn"], "poolings": ["avg", "max"], "grids": GRIDS, "cv": 3}
    forecast = forecast_fit(dataset, transformer, **search)
    names = [part.name for part in forecast.parts]
    assert names[-3:] == ["tune logistic on 2 views", "tune knn on 2 views", "figures and the last fit"]
    assert kept(tmp_path) == []
    forwards.since()
    fit_model(dataset, transformer, **search)
    assert forecast_passes(forecast) == forwards.since() == 80
    # By now all embeddings are cached, and heads are timed on them.
    again = forecast_fit(dataset, transformer, **search, test_size=None)
    assert (again.n_cached, again.n_probed) == (80, 0)
    assert forwards.since() == 0


def test_a_forecast_of_known_images_is_of_their_own_embeddings(folder, transformer, monkeypatch):
    # All 80 images are enough for two sizes from 36 on, the 64 that would be forwarded are not.
    monkeypatch.setattr("featx.forecast.timings.FIRST_ROWS", 36)
    monkeypatch.setattr("featx.forecast.timings.BUDGET_SECONDS", 100.0)
    dataset, seen = load_dataset(folder), []
    embeddings = transformer.fit_transform(dataset.images)
    original = timings.draw_rows

    def draw(*about):
        seen.append(original(*about))
        return seen[-1]

    monkeypatch.setattr(timings, "draw_rows", draw)
    forecast_fit(dataset, transformer, grids=GRIDS)
    drawn, labels = seen[-1]
    assert len(drawn) == 80
    rows = [np.abs(embeddings - row).sum(axis=1).argmin() for row in drawn]
    np.testing.assert_array_equal(embeddings[rows], drawn)
    assert labels.tolist() == [dataset.labels[row] for row in rows]


def test_an_svm_is_said_to_be_fitted_in_each_fold_and_on_all(folder, transformer, monkeypatch, caplog):
    forget("remarks")
    # More than one fit, which is timed, and less than six.
    most = 2 * svm_cost(80, 512, n_values=1, tuning_images=None).seconds
    monkeypatch.setattr("featx.heads.svm_cost.MOST_SECONDS", most)
    forecast_fit(load_dataset(folder), transformer, heads=["svm"], grids={"svm": {"C": [1.0]}}, cv=5)
    (text,) = [text for text in caplog.messages if "head svm" in text]
    assert "for up to 80 images of 512 features" in text
    assert "tuned and fitted 6 times" in text
    forget("remarks")


def test_the_test_set_belongs_to_the_forecast(folder, transformer):
    dataset = load_dataset(folder)
    assert forecast_fit(dataset, transformer, grids=GRIDS, test=dataset.take(np.arange(30, 50))).n_images == 100
    assert forecast_fit(dataset, transformer, grids=GRIDS, test_size=0.25).n_images == 80


def test_each_network_of_a_search_belongs_to_the_forecast(folder, transformer, forwards):
    search = {"backbones": ["squeezenet1_1", "squeezenet1_0"], "grids": GRIDS, "cv": 3}
    forecast = forecast_fit(load_dataset(folder), transformer, **search)
    assert "tune logistic on 2 views" in [part.name for part in forecast.parts]
    forwards.since()
    fit_model(load_dataset(folder), transformer, **search)
    assert forecast_passes(forecast) == forwards.since() == 160
