"""Promised: heads are timed at growing sizes, on rows that are like the real ones, and continued by a power law."""

import numpy as np
import pytest

from featx import (
    load_dataset,
)
from featx.exceptions import ParameterError
from featx.forecast.fit import forecast_fit
from featx.forecast.head_times import Features, extrapolate_seconds, measure_growth


def test_a_power_law_is_continued():
    points = [(50, 5.0), (100, 1.0), (200, 4.0)]
    assert extrapolate_seconds(points, 400) == pytest.approx(16.0)
    assert extrapolate_seconds(points, 200) == 4.0
    assert extrapolate_seconds([(100, 2.0)], 200) == 4.0
    assert extrapolate_seconds([(100, 2.0), (200, 1.0)], 800) == 1.0
    assert extrapolate_seconds([(100, 1e-6), (200, 1.0)], 400) == pytest.approx(8.0)


def test_sizes_are_doubled_while_the_budget_lasts():
    asked = []

    def run(size):
        asked.append(size)
        return size / 100

    assert measure_growth(run, first=10, last=35, budget=99.0) == [(10, 0.1), (20, 0.2), (35, 0.35)]
    assert asked == [10, 10, 20, 35]
    assert [size for size, _ in measure_growth(run, first=10, last=1000, budget=1.0)] == [10, 20, 40]


def test_drawn_rows_are_real_ones_as_far_as_they_go():
    rng = np.random.default_rng(0)
    labels = np.array(["a"] * 300 + ["b"] * 100 + ["rare"])
    rows, y = rng.normal(3.0, 2.0, (64, 20)).astype(np.float32), rng.choice(labels, 64)
    rows[y == "b"] += 6.0
    features = Features(rows, y, labels)
    same, _ = features.draw(40)
    np.testing.assert_array_equal(same, rows[:40])
    drawn, names = features.draw(2000)
    assert drawn.dtype == np.float32
    assert min(np.unique(names, return_counts=True)[1]) >= 8
    assert set(names) == {"a", "b", "rare"}
    assert np.abs(drawn.std(axis=0) / rows.std(axis=0) - 1).max() < 0.5
    apart = drawn[names == "b"].mean(axis=0) - drawn[names == "a"].mean(axis=0)
    assert apart.mean() == pytest.approx(6.0, abs=1.0)


def test_more_neighbours_than_probed_rows_are_no_error(folder, transformer, monkeypatch):
    monkeypatch.setattr("featx.forecast.head_times.FIRST_ROWS", 32)
    dataset = load_dataset(folder)
    assert forecast_fit(dataset, transformer, heads=["knn"], grids={"knn": {"n_neighbors": [30]}}, cv=3).seconds > 0
    with pytest.raises(ParameterError, match="n_neighbors=500"):
        forecast_fit(dataset, transformer, heads=["knn"], grids={"knn": {"n_neighbors": [500]}}, cv=3)
