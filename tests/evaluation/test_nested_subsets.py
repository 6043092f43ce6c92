"""Promised: nested subsets hold every class to within one image of its share, and whole groups."""

import numpy as np
import pytest

from featx import ParameterError
from featx.evaluation.nested_subsets import nested_subsets


def test_every_subset_holds_each_class_to_within_one_image_of_its_share():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        counts = rng.integers(1, 30, rng.integers(2, 12))
        y = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        n = len(y)
        for size, rows in enumerate(nested_subsets(y, range(1, n + 1), random_state=seed), start=1):
            assert len(rows) == len(set(rows)) == size
            assert np.abs(np.bincount(y[rows], minlength=len(counts)) - size * counts / n).max() < 1


def test_smaller_subsets_lie_inside_larger_ones_and_follow_the_seed():
    y = np.arange(60) % 3
    sizes = [30, 6, 60]
    first, again, other = (nested_subsets(y, sizes, random_state=seed) for seed in (0, 0, 1))
    assert [len(rows) for rows in first] == sizes
    assert set(first[1]) < set(first[0]) < set(first[2])
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])


def test_subsets_take_whole_groups_and_meet_their_sizes_roughly():
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.repeat(np.arange(60), rng.integers(1, 6, 60)))
    y = np.where(groups % 3 == 0, "rare", "common")
    n = len(y)
    small, large = nested_subsets(y, [n // 5, n // 2], groups=groups)
    assert set(small) < set(large)
    for rows, size in ((small, n // 5), (large, n // 2)):
        assert not set(groups[rows]) & set(np.delete(groups, rows))
        assert abs(len(rows) - size) <= 3
        assert np.sum(y[rows] == "rare") == pytest.approx(len(rows) * np.mean(y == "rare"), abs=5)


@pytest.mark.parametrize("size", [0, 11, 2.5, True, "3"])
def test_subsets_that_cannot_be_are_refused(size):
    with pytest.raises(ParameterError, match="got a subset of"):
        nested_subsets(np.arange(10) % 2, [size])
