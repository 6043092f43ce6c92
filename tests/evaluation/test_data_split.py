"""Promised: a split says which rows are fitted on and which are tested on, and how the test images were chosen."""

import numpy as np
import pytest

from featx import DatasetError, ParameterError
from featx.evaluation.data_split import UNGROUPED, DataSplit

ROWS = np.arange(8)


def test_a_held_out_split_is_fitted_on_all_but_its_test_rows():
    split = DataSplit.held_out(ROWS[2:], ROWS[:2], how=", drawn at random")
    assert split.protocol == "held-out test set of 2 images, drawn at random"
    ((fitted, tested),) = split.splits
    assert (fitted.tolist(), tested.tolist()) == (list(range(2, 8)), [0, 1])
    assert not len(split.validation)


def test_the_validation_part_is_fitted_on_but_not_tested_on():
    split = DataSplit(ROWS[5:], ROWS[2:5], ROWS[:2], "test set", given=True)
    assert split.fitted.tolist() == list(range(2, 8))


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        (None, False),
        (list("aabbccdd"), True),
        (list("abbbccdd"), False),
        # Of the images without a group, those of the test part may be of any.
        ([f"{UNGROUPED}0", f"{UNGROUPED}1", *"bbccdd"], False),
    ],
    ids=["no groups", "whole groups", "a group on both sides", "some without groups"],
)
def test_whole_groups_are_claimed_only_where_they_are_known_to_be(groups, said):
    groups = None if groups is None else np.array(groups)
    assert ("whole groups on one side" in DataSplit.held_out(ROWS[2:], ROWS[:2], groups=groups).protocol) is said


def test_cross_validation_tests_every_row_once():
    labels = np.array(list("aabb") * 6)
    split = DataSplit.cross_validation(labels, 3)
    assert split.protocol == "nested cross-validation: 3 stratified folds"
    assert sorted(np.concatenate([test for _, test in split.splits])) == list(range(24))
    assert all(not set(train) & set(test) for train, test in split.splits)
    assert split.fitted.tolist() == split.test.tolist() == list(range(24))
    grouped = DataSplit.cross_validation(labels, 3, groups=np.arange(24) // 2)
    assert grouped.protocol.endswith("3 stratified folds, whole groups on one side")
    with pytest.raises(ParameterError, match="got cv=1"):
        DataSplit.cross_validation(labels, 1)
    with pytest.raises(DatasetError, match="class 'b' has 2 images"):
        DataSplit.cross_validation(labels[:5], 3)
