"""Promised: candidates that are clearly worse are rejected, and the best one at most as often as the level says."""

import numpy as np
import pytest

from featx.evaluation.paired import compare_paired
from featx.ranking.undistinguished import compare_with_best, p_values_of_being_best


def answers(accuracies, n, *, seed, agreement=0.6):
    """Return correlated answers of candidates: many follow one another."""
    rng = np.random.default_rng(seed)
    shared, own = rng.random((1, n)), rng.random((len(accuracies), n))
    followed = rng.random((1, n)) < agreement
    return np.where(followed, shared, own) < np.array(accuracies)[:, None]


def test_the_best_is_rejected_at_most_as_often_as_the_level_says(monkeypatch):
    monkeypatch.setattr("featx.ranking.undistinguished.FLIPS", 999)
    rejected = [p_values_of_being_best(answers([0.8] * 8, 150, seed=s), random_state=s)[0] < 0.05 for s in range(200)]
    assert np.mean(rejected) <= 0.09


def test_what_is_clearly_worse_is_rejected_and_the_most_accurate_never():
    found = p_values_of_being_best(answers([0.9, 0.89, 0.6], 300, seed=0))
    assert found[0] > 0.3
    assert found[2] < 0.001
    right = answers([0.7, 0.72, 0.75], 100, seed=1)
    assert p_values_of_being_best(right)[right.mean(axis=1).argmax()] > 0.5


def test_two_candidates_are_compared_as_the_sign_flip_test_compares_them():
    right = answers([0.8, 0.72], 120, seed=3)
    expected = compare_paired(right[1], right[0]).p_value / 2  # one-sided
    assert p_values_of_being_best(right)[1] == pytest.approx(expected, abs=0.01)


def test_folds_and_groups_make_it_harder_to_reject():
    right = answers([0.85, 0.75], 200, seed=2)
    alone = p_values_of_being_best(right)[1]
    assert alone < p_values_of_being_best(right, folds=5)[1]
    four = np.repeat(right, 4, axis=1)
    grouped = p_values_of_being_best(four, units=np.repeat(np.arange(200), 4))[1]
    assert grouped == pytest.approx(alone, abs=0.01)
    assert p_values_of_being_best(four)[1] < alone


def test_equal_answers_and_a_single_candidate_may_be_the_best():
    right = answers([0.8], 50, seed=0)
    assert p_values_of_being_best(right).tolist() == [1]
    assert p_values_of_being_best(np.repeat(right, 3, axis=0)).tolist() == [1, 1, 1]


def test_a_candidate_is_rejected_where_the_gain_of_another_exceeds_the_critical_value():
    for seed in range(20):
        found = compare_with_best(answers([0.8, 0.78, 0.74], 100, seed=seed), folds=5)
        for one in range(3):
            others = np.arange(3) != one
            seen = (found.gains[one, others] / found.errors[one, others]).max()
            assert (seen > found.critical(one, 0.05)) == (found.p_values[one] < 0.05)
    assert compare_with_best(answers([0.8], 100, seed=0)).critical(0, 0.05) == np.inf
    assert found.critical(0, 1e-5) == np.inf


def test_differences_that_are_rounding_are_none():
    right = np.tile(np.array([1, 2, 3]) / 3, 50)
    found = compare_with_best(np.stack([right, right + 1e-12]))
    assert not found.errors.any()
    assert found.p_values.tolist() == [1, 1]
