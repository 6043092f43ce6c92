"""Promised: heads are timed at growing sizes, on rows that are like the real ones, and continued by a power law."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import make_pipeline

from featx import TunedHead, load_dataset
from featx.exceptions import ParameterError
from featx.forecast.fit import forecast_fit
from featx.forecast.timings import FitTimes, draw_rows, extrapolate, tuned_head
from featx.heads.svm_cost import svm_cost


def test_a_power_law_is_continued():
    assert extrapolate([(50, 5.0), (100, 1.0), (200, 2.0)], 200) == 2.0
    assert extrapolate([(100, 2.0)], 200) == 4.0
    assert extrapolate([(100, 1.0), (200, 4.0)], 400) == pytest.approx(16.0)
    assert extrapolate([(100, 1e-6), (200, 1.0)], 400) == pytest.approx(4.0)
    assert extrapolate([(100, 2.0), (200, 1.0)], 800) == pytest.approx(4.0)
    # Between two sizes, and beyond two that are too near to each other to tell a power.
    assert extrapolate([(100, 1.0), (200, 4.0)], 150) == pytest.approx(2.25)
    assert extrapolate([(100, 1.0), (190, 1.9), (200, 4.0)], 400) == pytest.approx(16.0)
    assert extrapolate([(190, 1.9), (200, 4.0)], 400) == pytest.approx(8.0)


def timed(head, n, known, classes, labels):
    return FitTimes(head, lambda: (known, classes), known.shape[1], labels).seconds(n, 1.0)


def test_heads_are_fitted_to_growing_numbers_of_rows_while_there_is_time(monkeypatch):
    sizes, clock = [], [0.0]

    class Slow(DummyClassifier):
        """Takes a second for each ten thousand rows."""

        def fit(self, X, y):
            sizes.append(len(X))
            clock[0] += len(X) / 10_000
            return super().fit(X, y)

    monkeypatch.setattr("featx.forecast.timings.time.perf_counter", lambda: clock[0])
    known, labels = np.zeros((4, 2), np.float32), np.array(["a", "b"] * 500)
    assert timed(Slow(), 200, known, labels[:4], labels) == pytest.approx(0.02)
    assert sizes == [200, 200]
    # Enough for 512 rows, not for 1,000.
    monkeypatch.setattr("featx.forecast.timings.BUDGET_SECONDS", 0.09)
    assert timed(Slow(), 1000, known, labels[:4], labels) == pytest.approx(0.1)
    assert sizes[2:] == [256, 256, 512]


def test_the_search_is_continued_to_its_part_and_the_last_fit_to_all_rows(monkeypatch):
    sizes, clock = [], [0.0]

    class Classifier(DummyClassifier):
        """Takes a second for each thousand rows."""

        def fit(self, X, y):
            sizes.append(len(X))
            clock[0] += len(X) / 1000
            return super().fit(X, y)

    monkeypatch.setattr("featx.forecast.timings.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr("featx.forecast.timings.BUDGET_SECONDS", 100.0)
    known, labels = np.arange(64, dtype=np.float32).reshape(32, 2), np.array(["a", "b"] * 500)
    head = TunedHead(Classifier(strategy="prior"), grid={"constant": [None]}, tuning_images=300)
    found = timed(head, 1000, known, labels[:32], labels)
    assert max(sizes) == 300
    # Three inner folds of two thirds of 300 rows, and a fit of all; a tried fit on made-up rows is not that much.
    assert found == pytest.approx(0.6 + 1.0, abs=0.3)
    head.set_params(tuning_images=None)
    assert timed(head, 1000, known, labels[:32], labels) == pytest.approx(2.0 + 1.0, abs=0.3)


def test_fits_of_another_number_of_rows_are_not_timed_again(monkeypatch):
    sizes = []

    class Counted(DummyClassifier):
        def fit(self, X, y):
            sizes.append(len(X))
            return super().fit(X, y)

    monkeypatch.setattr("featx.forecast.timings.BUDGET_SECONDS", 100.0)
    known, labels = np.zeros((4, 2), np.float32), np.array(["a", "b"] * 500)
    times = FitTimes(Counted(), lambda: (known, labels[:4]), 2, labels)
    times.seconds(600)
    times.seconds(400)
    assert sizes == [256, 256, 512, 600]
    times.seconds(1000)
    assert sizes[4:] == [1000]


def test_no_row_is_made_up_where_enough_are_known(monkeypatch):
    seen = []

    class Seen(DummyClassifier):
        def fit(self, X, y):
            seen.append(X)
            return super().fit(X, y)

    monkeypatch.setattr("featx.forecast.timings.BUDGET_SECONDS", 100.0)
    known, labels = np.arange(1800, dtype=np.float32).reshape(900, 2), np.array(["a", "b"] * 1000)
    classes = np.array(["a", "b", "left out"] * 300)
    FitTimes(Seen(), lambda: (known, classes), 2, labels).seconds(2000)
    assert [len(X) for X in seen] == [256, 256, 512, 600]
    np.testing.assert_array_equal(seen[-1], known[classes != "left out"])
    # Too few for two sizes from 256 on.
    FitTimes(Seen(), lambda: (known[:600], classes[:600]), 2, labels).seconds(2000)
    assert len(seen[-1]) == 2000


def test_many_rows_of_an_svm_take_what_its_formula_says():
    head = TunedHead("svm", tuning_images=None)
    known, labels = np.arange(64, dtype=np.float32).reshape(32, 2), np.array(["a", "b"] * 10_000)
    found = timed(head.set_params(grid={"C": [1.0]}), 20_000, known, labels[:32], labels)
    assert found >= svm_cost(20_000, 2, n_values=1, tuning_images=None).seconds
    assert tuned_head(make_pipeline(head)) is head
    assert tuned_head(DummyClassifier()) is None


def test_drawn_rows_are_like_the_known_ones():
    rng = np.random.default_rng(0)
    labels = np.array(["a"] * 300 + ["b"] * 100 + ["rare"])
    classes = labels[::6]
    known = rng.normal(3.0, 2.0, (len(classes), 20)).astype(np.float32)
    known[classes == "b"] += 6.0
    drawn, y = draw_rows(2000, known, classes, labels)
    assert drawn.dtype == np.float32
    assert drawn.shape == (2000, 20)
    assert min(np.unique(y, return_counts=True)[1]) >= 3
    apart = drawn[y == "b"].mean(axis=0) - drawn[y == "a"].mean(axis=0)
    assert apart.mean() == pytest.approx(6.0, abs=1.0)
    assert len(draw_rows(5, known[:3], classes[:3], labels)[1]) == 9


def test_known_rows_are_drawn_before_any_is_made_up():
    rng = np.random.default_rng(0)
    known, classes = rng.normal(size=(60, 5)).astype(np.float32), np.array(["a", "b"] * 30)
    drawn, y = draw_rows(40, known, classes, classes)
    np.testing.assert_array_equal(drawn, known[:40])
    assert y.tolist() == classes[:40].tolist()
    drawn, y = draw_rows(40, known, classes, np.array([*classes, "rare"]))
    np.testing.assert_array_equal(drawn[:40], known[:40])
    assert y[40:].tolist() == ["rare"] * 3


def test_more_neighbours_than_probed_rows_are_no_error(folder, transformer, monkeypatch):
    monkeypatch.setattr("featx.forecast.timings.FIRST_ROWS", 32)
    dataset = load_dataset(folder)
    assert forecast_fit(dataset, transformer, heads=["knn"], grids={"knn": {"n_neighbors": [30]}}, cv=3).seconds > 0
    with pytest.raises(ParameterError, match="n_neighbors=500"):
        forecast_fit(dataset, transformer, heads=["knn"], grids={"knn": {"n_neighbors": [500]}}, cv=3)
