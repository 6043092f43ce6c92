"""What evaluate_heads is given has the shapes that it needs, or the message says which."""

import numpy as np
import pytest

from featx import ParameterError
from featx.heads.checked_input import checked_matrices, checked_split

ROWS = np.zeros((4, 2), np.float32)


def test_matrices_of_as_many_rows_are_taken():
    assert checked_matrices({("head", "avg"): ROWS, ("net", "stage1", "max"): np.zeros((4, 9))}) is ROWS


@pytest.mark.parametrize(
    "matrices",
    [{}, ROWS, {("head", "avg"): ROWS[0]}, {("head", "avg"): ROWS.tolist()}, {"head": ROWS}, {("head", 1): ROWS},
     {("head", "avg"): ROWS, ("head", "max"): ROWS[:3]}],
)  # fmt: skip
def test_other_matrices_are_refused(matrices):
    with pytest.raises(ParameterError, match=r"expected (a mapping of )?\(layer, pooling\)"):
        checked_matrices(matrices)


def test_a_split_is_two_arrays_of_rows():
    train, test = checked_split((range(3), [3]), 4)
    assert (train.tolist(), test.tolist()) == ([0, 1, 2], [3])


@pytest.mark.parametrize(
    "split", [None, ([0],), ([0], []), ([0], [4]), ([-1], [0]), ([0.5], [1]), ([[0]], [1]), ([True], [1])]
)
def test_other_splits_are_refused(split):
    with pytest.raises(ParameterError, match="integers from 0 to 3"):
        checked_split(split, 4)
