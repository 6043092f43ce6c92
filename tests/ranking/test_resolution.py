"""Promised: differences of the size that is said are told four times in five; more images tell smaller ones."""

import numpy as np
import pytest

from featx.ranking.resolution import Resolution, resolution_of
from featx.ranking.undistinguished import compare_with_best

LEVEL = 0.05


def right_of(gap, n, *, seed, m=6):
    """Return on which images candidates are right: one with 0.8, and others that are behind it by a gap."""
    rng = np.random.default_rng(seed)
    shared, own = rng.random((1, n)), rng.random((m, n))
    accuracy = np.where(np.arange(m) == 0, 0.8, 0.8 - gap)[:, None]
    return np.where(rng.random((1, n)) < 0.7, shared, own) < accuracy


def test_a_difference_of_this_size_is_told_four_times_in_five(monkeypatch):
    monkeypatch.setattr("featx.ranking.undistinguished.FLIPS", 999)
    gap = np.mean([resolution_of(compare_with_best(right_of(0.08, 300, seed=s)), LEVEL).difference for s in range(10)])
    told = [compare_with_best(right_of(gap, 300, seed=100 + s)).p_values[1:] < LEVEL for s in range(40)]
    assert np.mean(told) == pytest.approx(0.8, abs=0.1)


def test_of_four_times_the_images_half_the_difference_is_told():
    one, four = (resolution_of(compare_with_best(right_of(0.08, n, seed=0)), LEVEL) for n in (400, 1600))
    assert one.difference_of(1600) == pytest.approx(one.difference / 2)
    assert four.difference == pytest.approx(one.difference / 2, rel=0.15)
    assert one.images_for(one.difference) == 400
    assert one.images_for(one.difference / 2) == 1600


def test_few_images_tell_large_differences_only_however_alike_candidates_are():
    # On 50 images, the disagreement that rejects a candidate is of more images than 4 % of them.
    alike = Resolution(n_images=50, difference=0.04, multiple=3.0, images_of_a_unit=1.0)
    assert alike.difference_of(50) == pytest.approx(9 / 50)
    assert alike.images_for(0.02) == 450
    right = np.ones((2, 50))
    right[1, 0] = 0
    assert resolution_of(compare_with_best(right), LEVEL).difference > 5 / 50


def test_folds_groups_and_a_smaller_level_need_larger_differences():
    right = right_of(0.08, 400, seed=0)
    plain = resolution_of(compare_with_best(right), LEVEL).difference
    assert resolution_of(compare_with_best(right, folds=5), LEVEL).difference == pytest.approx(1.5 * plain)
    assert resolution_of(compare_with_best(right), LEVEL / 5).difference > plain
    four = compare_with_best(np.repeat(right, 4, axis=1), units=np.repeat(np.arange(400), 4))
    grouped = resolution_of(four, LEVEL)
    assert grouped.difference == pytest.approx(plain)
    assert (grouped.n_images, grouped.images_of_a_unit) == (1600, 4)


def test_it_is_not_known_of_one_candidate_of_equal_ones_or_of_few_groups():
    right = right_of(0.08, 100, seed=0)
    assert resolution_of(compare_with_best(right[:1]), LEVEL) is None
    assert resolution_of(compare_with_best(np.repeat(right[:1], 3, axis=0)), LEVEL) is None
    assert resolution_of(compare_with_best(right, units=np.arange(100) // 6), LEVEL) is None
    assert resolution_of(compare_with_best(right[:, :20], folds=5), 1e-5) is None
