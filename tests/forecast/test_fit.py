"""Promised: the forecast of a fit counts the passes that are then made, and names every head."""

import numpy as np
import pytest

from featx import (
    DatasetError,
    fit_model,
    load_dataset,
)
from featx.forecast.fit import forecast_fit
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
