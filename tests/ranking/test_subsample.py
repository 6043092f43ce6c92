"""Promised: rounds lie inside each other, are stratified, keep groups whole and have enough of each class."""

from itertools import pairwise

import numpy as np

from featx.ranking.subsample import draw_rounds, round_sizes


def test_rounds_are_a_quarter_a_half_and_the_whole_where_there_are_images_for_folds():
    assert round_sizes(1000, cv=5) == [250, 500, 1000]
    assert round_sizes(300, cv=5) == [150, 300]
    assert round_sizes(60, cv=5) == [60]


def test_rounds_are_nested_and_stratified():
    truth = np.repeat([0, 1, 2], [600, 300, 100])
    rounds = draw_rounds(truth, [100, 200, 400], least=5)
    assert [len(rows) for rows in rounds] == [100, 200, 400]
    for rows, after in pairwise(rounds):
        assert set(rows) <= set(after)
    assert np.bincount(truth[rounds[0]]).tolist() == [60, 30, 10]


def test_rare_classes_get_more_as_far_as_there_are_any():
    truth = np.repeat([0, 1, 2], [970, 20, 3])
    rounds = draw_rounds(truth, [50, 100], least=5)
    for rows in rounds:
        assert np.bincount(truth[rows])[1:].tolist() >= [5, 3]
    assert np.bincount(truth[rounds[0]])[2] == 3


def test_rounds_that_become_as_large_as_the_next_are_left_out():
    truth = np.arange(300) % 60
    rounds = draw_rounds(truth, [75, 150, 300], least=5)
    assert [len(rows) for rows in rounds] == [300]


def test_groups_and_copies_are_taken_whole():
    truth, groups = np.arange(400) % 2, np.arange(400) // 8
    for rows in draw_rounds(truth, [100, 200], least=5, groups=groups):
        assert np.isin(np.flatnonzero(np.isin(groups, groups[rows])), rows).all()
    copies = np.arange(400) // 4 * 4
    for rows in draw_rounds(np.zeros(400, int), [100, 200], least=5, together=copies):
        assert np.isin(np.flatnonzero(np.isin(copies, copies[rows])), rows).all()
    # A class in few groups gets groups, not images.
    truth = np.where(groups < 6, 1, 0)
    rows = draw_rounds(truth, [40], least=5, groups=groups)[0]
    assert len(np.unique(groups[rows][truth[rows] == 1])) >= 5
