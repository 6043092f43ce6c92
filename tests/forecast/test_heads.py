"""Promised: heads are timed at growing sizes, on rows that are like the real ones, and continued by a power law."""

import numpy as np
import pytest

from featx import (
    load_dataset,
)
from featx.exceptions import ParameterError
from featx.extraction.passes import Passes
from featx.forecast.fit import forecast_fit
from featx.forecast.heads import HeadPrices, seconds_at
from featx.heads.head_fits import HeadFits


@pytest.mark.parametrize(
    ("power", "size", "asked", "seconds"),
    [
        (1, 20, [10, 10, 20], 0.02),  # timed at the size itself
        (1, 5, [5, 5], 0.005),
        (2, 320, [10, 10, 20, 40], 102.4),
        (0, 4000, [10, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 4000], 1e-3),
        (3, 80, [10, 10, 20, 40], 25.6),  # at most with the square
    ],
)
def test_what_is_too_long_to_be_timed_is_continued_by_a_power_law(power, size, asked, seconds, monkeypatch):
    monkeypatch.setattr("featx.forecast.heads.BUDGET_SECONDS", 4.0)
    sizes = []

    def timed(size):
        sizes.append(size)
        return 1e-3 * size**power if power < 3 else 1e-4 * size**3

    found = seconds_at(timed, size, first=10)
    assert sizes == asked
    assert found == pytest.approx(seconds)


def test_drawn_rows_are_like_the_known_ones():
    rng = np.random.default_rng(0)
    labels = np.array(["a"] * 300 + ["b"] * 100 + ["rare"] * 2)
    known, rows = np.arange(0, 390, 6), np.arange(402)
    matrix = rng.normal(3.0, 2.0, (len(known), 20)).astype(np.float32)
    matrix[labels[known] == "b"] += 6.0

    class Known:
        def embeddings(self, passes, view):
            return known, matrix

    fits = HeadFits(None, ("x", "avg"), rows, [402], "tune")
    passes = Passes(None, [fits.view], rows, "float32")
    heads = HeadPrices(Known(), labels)
    same, y = heads.draw(fits, passes, 402)
    assert (y == labels).all()
    drawn, names = heads.draw(fits, passes, 256)
    assert drawn.dtype == np.float32
    assert min(np.unique(names, return_counts=True)[1]) >= 3
    apart = same[y == "b"].mean(axis=0) - same[y == "a"].mean(axis=0)
    assert apart.mean() == pytest.approx(6.0 / 2**0.5, abs=1.0)


def test_more_neighbours_than_probed_rows_are_no_error(folder, transformer, monkeypatch):
    monkeypatch.setattr("featx.forecast.heads.FIRST_ROWS", 32)
    dataset = load_dataset(folder)
    assert forecast_fit(dataset, transformer, heads=["knn"], grids={"knn": {"n_neighbors": [30]}}, cv=3).seconds > 0
    with pytest.raises(ParameterError, match="n_neighbors=500"):
        forecast_fit(dataset, transformer, heads=["knn"], grids={"knn": {"n_neighbors": [500]}}, cv=3)
