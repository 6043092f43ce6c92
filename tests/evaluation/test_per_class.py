"""draw_per_class: at most a number of images of each class."""

import itertools

import numpy as np
import pytest

from featx import ParameterError
from featx.evaluation.per_class import draw_per_class

LABELS = np.repeat(["cat", "dog", "newt"], [40, 12, 3])


def test_each_class_has_at_most_that_many_rows_and_small_classes_stay_whole():
    rows = draw_per_class(LABELS, 10)
    assert np.unique(LABELS[rows], return_counts=True)[1].tolist() == [10, 10, 3]
    assert rows.tolist() == sorted(set(rows.tolist()))
    assert draw_per_class(LABELS, 40).tolist() == list(range(len(LABELS)))


def test_the_same_seed_draws_the_same_rows_and_another_seed_others():
    assert draw_per_class(LABELS, 5).tolist() == draw_per_class(list(LABELS), np.int64(5)).tolist()
    assert draw_per_class(LABELS, 5).tolist() != draw_per_class(LABELS, 5, random_state=1).tolist()


def test_every_row_is_equally_likely():
    counts = sum(np.bincount(draw_per_class(LABELS, 10, random_state=seed), minlength=55) for seed in range(400))
    # 100 of 400 are expected of each of the 40: five standard deviations are 43.
    assert abs(counts[:40] - 100).max() < 43


@pytest.mark.parametrize("copies", [False, True], ids=["no copies", "copies"])
def test_a_smaller_number_is_inside_a_larger_one(copies):
    together = np.arange(len(LABELS)) // 2 if copies else None
    drawn = [set(draw_per_class(LABELS, n, together=together, random_state=3).tolist()) for n in (1, 2, 5, 11, 100)]
    assert all(small < large for small, large in itertools.pairwise(drawn))


def test_copies_count_once_and_are_taken_together():
    together = np.r_[np.arange(40) // 4, np.arange(100, 115)]  # cats are ten images, four times each
    rows = draw_per_class(LABELS, 3, together=together)
    assert np.unique(LABELS[rows], return_counts=True)[1].tolist() == [12, 3, 3]
    assert len(np.unique(together[rows])) == 9


def test_copies_with_two_labels_count_once():
    labels, together = np.array(["a", "b", "a", "b", "b", "b"]), np.array([0, 0, 2, 3, 4, 5])
    for seed in range(5):
        rows = draw_per_class(labels, 1, together=together, random_state=seed)
        assert len(np.unique(together[rows])) == 2


def test_no_rows_give_no_rows():
    assert draw_per_class([], 3).tolist() == []


@pytest.mark.parametrize("wrong", [0, -1, 2.0, True, "3", None])
def test_other_numbers_are_refused(wrong):
    with pytest.raises(ParameterError, match=r"got per_class=.*; expected a positive integer"):
        draw_per_class(LABELS, wrong)
