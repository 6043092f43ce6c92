"""Promised: a race finds what all scores would have found, and asks for no score that cannot matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from featx.heads.elimination import find_best_value


def run(scores, n_jobs=1):
    """Return the winner, its mean, and the (fold, value) pairs that were asked for."""
    asked = []

    def score(tasks):
        asked.extend((fold, value) for fold, values in tasks for value in values)
        return [[scores[value, fold] for value in values] for fold, values in tasks]

    return *find_best_value(score, *scores.shape, n_jobs=n_jobs), asked


@settings(deadline=None)
@given(st.data())
def test_the_winner_is_the_first_of_the_best_means(data):
    values, folds = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 4))
    few = st.sampled_from([0.0, 0.2, 0.5, 0.7, 0.9, 1.0])
    scores = np.array(data.draw(st.lists(few, min_size=values * folds, max_size=values * folds))).reshape(values, folds)
    best, mean, asked = run(scores, data.draw(st.integers(1, 9)))
    means = scores.mean(axis=1)
    # Equal means may differ in their last digit.
    assert means[best] == pytest.approx(means.max(), abs=1e-12)
    assert mean == means[best]
    assert best == means.argmax()
    assert len(asked) == len(set(asked))


def test_hopeless_values_are_left_where_they_are():
    scores = np.array([[0.10, 0.10, 0.10], [0.60, 0.60, 0.60], [0.90, 0.90, 0.90], [0.89, 0.91, 0.88]])
    best, mean, asked = run(scores)
    assert (best, round(mean, 6)) == (2, 0.9)
    assert sorted(asked) == [(0, 0), (0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 2), (2, 3)]


def test_a_value_that_began_badly_can_still_win():
    scores = np.array([[0.9, 0.1, 0.1], [0.6, 0.9, 0.9]])
    best, _, asked = run(scores)
    assert best == 1
    assert (0, 1) in asked
    assert (2, 0) not in asked


def test_work_is_divided_among_processes():
    sizes = []

    def score(tasks):
        sizes.append(sorted(len(values) for _, values in tasks))
        return [[0.5] * len(values) for _, values in tasks]

    find_best_value(score, 5, 3, n_jobs=2)
    assert sizes == 3 * [[2, 3]]
    sizes.clear()
    find_best_value(score, 5, 3, n_jobs=15)
    assert sizes == [15 * [1]]
