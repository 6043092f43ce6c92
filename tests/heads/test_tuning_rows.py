"""The part that parameters are chosen on has every class, whole groups and copies, and no more rows than asked."""

import numpy as np
import pytest

from featx import TunedHead, evaluate_heads
from featx.heads.tuning_rows import tuning_notes, tuning_rows

TRUTH = np.repeat([0, 1, 2], [600, 300, 8])


@pytest.mark.parametrize("most", [None, 908, 5000])
def test_nothing_is_drawn_where_there_are_no_more_rows(most):
    assert tuning_rows(TRUTH, most) is None


def test_rows_are_drawn_by_class_and_by_seed():
    rows = tuning_rows(TRUTH, 300)
    counts = np.bincount(TRUTH[rows])
    assert abs(counts[0] / counts[1] - 2) < 0.05
    assert counts[2] == 6
    assert (np.diff(rows) > 0).all()
    assert len(rows) <= 300 + 6
    np.testing.assert_array_equal(rows, tuning_rows(TRUTH, 300))
    assert not np.array_equal(rows, tuning_rows(TRUTH, 300, random_state=1))


@pytest.mark.parametrize("name", ["groups", "together"])
def test_groups_and_copies_are_whole(name):
    units = np.arange(len(TRUTH)) // 4
    rows = tuning_rows(TRUTH, 300, **{name: units})
    assert len(rows) < 320
    assert set(np.bincount(units[rows])) <= {0, 4}
    assert set(TRUTH[rows]) == {0, 1, 2}


def test_the_head_is_fitted_on_all_rows_and_the_result_says_it():
    rng = np.random.default_rng(0)
    y = np.arange(120) % 2
    X = (rng.standard_normal((120, 4)) + y[:, None]).astype(np.float32)
    given = X.copy()
    some, every = (TunedHead(grid={"C": [0.1]}, tuning_images=most).fit(X, y) for most in (40, None))
    assert (some.n_tuned_on_, every.n_tuned_on_) == (40, 120)
    np.testing.assert_array_equal(some.head_[-1].coef_, every.head_[-1].coef_)
    result, _ = evaluate_heads({("head", "avg"): X}, y, tuning_images=40)
    assert any("40 of 120 images" in note for note in result.notes)
    np.testing.assert_array_equal(X, given)
    assert tuning_notes(120, 120) == []


@pytest.mark.parametrize("head", ["logistic", "svm"])
def test_a_fit_on_rows_is_that_of_these_rows_alone(head):
    rng = np.random.default_rng(0)
    y = np.array(["a", "b", "c"])[np.arange(150) % 3]
    X = (rng.standard_normal((150, 6)) + (np.arange(150) % 3)[:, None]).astype(np.float32)
    given, rows = X.copy(), np.flatnonzero(np.arange(150) % 5)
    point = {"positive": "b", "operating_point": "sensitivity=0.9"}
    found = TunedHead(head, **point).fit_rows(X, y, rows)
    np.testing.assert_array_equal(X, given)
    expected = TunedHead(head, **point).fit(X[rows], y[rows])
    assert (found.best_params_, found.best_score_) == (expected.best_params_, expected.best_score_)
    assert found.threshold_ == expected.threshold_
    np.testing.assert_array_equal(found.predict_proba(X), expected.predict_proba(X))
    np.testing.assert_array_equal(X, given)
