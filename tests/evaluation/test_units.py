"""Promised: copies of an image are one unit, groups that share one are one group, and splits can count by them."""

import numpy as np
import pytest

from featx.evaluation.units import (
    content_units,
    count_by_group,
    join_groups,
    nearest_number,
    nontrivial_groups,
    same_content,
)


def test_units_are_numbered_by_their_first_rows_and_count_for_the_smaller_class():
    units = content_units(np.array([0, 1, 0, 1, 1, 1]), np.array([9, 4, 9, 4, 7, 9]))
    assert units.codes.tolist() == [0, 1, 0, 1, 2, 0]
    assert units.labels.tolist() == [0, 1, 1]
    assert units.rows(np.array([0, 2])).tolist() == [0, 2, 4, 5]
    # Sixteen images, each under both labels: eight count for either.
    both = content_units(np.tile([0, 1], 16), np.repeat(np.arange(16), 2))
    assert np.bincount(both.labels).tolist() == [8, 8]


def test_groups_that_share_a_content_are_one():
    groups = np.array(["p", "p", "q", "q", "r", "s"])
    assert join_groups(groups, np.arange(6)) is groups
    assert join_groups(groups, None) is groups
    joined = join_groups(groups, np.array([0, 1, 1, 2, 2, 3]))
    assert len(set(joined[:5])) == 1
    assert joined[5] not in joined[:5]


def test_images_of_the_same_content_have_one_number_and_unknown_ones_their_own():
    assert same_content([b"x", b"y", b"x", b"z", b"y"]).tolist() == [0, 1, 0, 3, 1]
    assert same_content([b"x", b"y"]) is None
    unknown = OSError("unreadable")
    assert same_content([unknown, unknown, b"x"]) is None
    assert same_content([unknown, b"x", unknown, b"x"]).tolist() == [0, 1, 2, 1]


def test_without_copies_each_row_is_a_unit_in_its_place():
    truth = np.array([1, 0, 1])
    units = content_units(truth, None)
    assert units.codes.tolist() == [0, 1, 2]
    assert units.labels is truth
    assert units.rows(np.array([2, 0])).tolist() == [0, 2]


def test_groups_of_one_image_each_are_none():
    groups = np.array(["a", "b", "a"])
    assert nontrivial_groups(groups) is groups
    assert nontrivial_groups(groups[:2]) is None
    assert nontrivial_groups(None) is None


def test_rows_are_counted_by_group_and_class():
    counts = count_by_group(np.array([0, 1, 1, 2, 0]), np.array([0, 0, 1, 1, 1]))
    assert counts.tolist() == [[1, 1, 0], [1, 1, 1]]


@pytest.mark.parametrize(("size", "number"), [(0, 1), (3, 1), (4, 2), (6, 2), (9, 3), (99, 3)])
def test_the_number_of_groups_nearest_to_a_size_is_at_least_one(size, number):
    counts = np.array([[1, 1], [3, 0], [0, 4]])  # 2, 3 and 4 rows
    assert nearest_number(counts, np.array([0, 1, 2]), size) == number
