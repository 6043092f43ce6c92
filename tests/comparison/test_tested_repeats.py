"""Promised: repeats say no more of groups and images than there are."""

import math

import numpy as np
import pytest

from featx.comparison.repeats import Repeat
from featx.comparison.summary import SummaryStatistics
from featx.comparison.tested_repeats import OneTestSet
from featx.evaluation.resampled import corrected_test


def figures_of(groups, tests):
    repeats = [Repeat(number, np.array(test), []) for number, test in enumerate(tests)]
    return SummaryStatistics(np.zeros(len(groups), int), 2, np.array(groups), repeats, {}, 0)


def test_the_groups_of_all_repeats_are_counted():
    groups = np.repeat(np.arange(8), 5)
    one, other = np.ones(10, bool), np.arange(10) % 5 > 0
    same = figures_of(groups, [range(10), range(10), range(10)])
    assert not same.tested.compare([one] * 3, [other] * 3).difference.has_interval
    spread = figures_of(groups, [range(10), range(10, 20), range(20, 30)])
    assert spread.tested.compare([one] * 3, [other] * 3).difference.has_interval


def test_repeats_say_no_more_of_groups_than_each_of_them_tested_once():
    """Six groups, in each of which one strategy is a little better, again and again."""
    groups = np.repeat(np.arange(6), 50)
    one, other = np.ones(300, bool), np.arange(300) % 50 > 4
    rows = [np.flatnonzero(np.isin(groups, some)) for some in ([0, 1], [2, 3], [4, 5], [0, 2], [1, 3], [4, 0])]
    figures = figures_of(groups, rows)
    found = figures.tested.compare([one[some] for some in rows], [other[some] for some in rows])
    plain = corrected_test([0.1] * 6, n_train=200, n_test=100)
    assert plain.p_value < 0.01
    assert found.p_value == pytest.approx(2 / 2**6)  # that of six signs
    assert found.difference.low == 0
    assert found.difference.high > 0.3  # groups that were not met may differ by more
    assert np.isnan(found.detectable) or found.detectable > plain.detectable


def test_the_spread_after_one_repeat_is_that_of_its_images_or_groups():
    one, other = np.arange(100) < 90, np.arange(100) % 10 > 1
    gains = one.astype(float) - other
    repeats = [Repeat(0, np.arange(100), [])]
    single = SummaryStatistics(np.zeros(100, int), 2, None, repeats, {}, 0).tested.spread([one], [other])
    assert single == pytest.approx(np.std(gains) / 10)
    assert SummaryStatistics(np.zeros(100, int), 2, None, repeats, {}, 0).tested.spread([one], [one]) == 0.01
    # Groups of images that are all alike spread as their number says.
    twice = figures_of(np.repeat(np.arange(50), 2), [range(100)])
    half = np.repeat(np.arange(50) < 45, 2), np.repeat(np.arange(50) % 10 > 1, 2)
    gaps = half[0][::2].astype(float) - half[1][::2]
    assert twice.tested.spread([half[0]], [half[1]]) == pytest.approx(np.std(gaps) / math.sqrt(50))


def test_the_spread_of_few_repeats_is_no_less_than_that_of_their_images():
    rng = np.random.default_rng(0)
    repeats = [Repeat(number, rng.permutation(400)[:100], []) for number in range(3)]
    figures = SummaryStatistics(np.zeros(400, int), 2, None, repeats, {}, 0)
    one, other = np.arange(100) < 90, np.arange(100) % 10 > 0
    # The same difference in all repeats, though 18 images of 100 tell the two apart.
    apart = math.sqrt(0.18 / 100 * 300 / 400)
    assert figures.tested.spread([one] * 3, [other] * 3) == pytest.approx(apart)
    moved = [np.arange(100) < 90 - 20 * number for number in range(3)]
    gains = [some.mean() - 0.9 for some in moved]
    assert figures.tested.spread(moved, [other] * 3) == pytest.approx(np.std(gains, ddof=1))


def test_confusion_matrices_have_true_classes_in_rows_and_all_repeats():
    truth = np.array([0, 1, 1, 2])
    repeats = [Repeat(number, np.array(rows), []) for number, rows in enumerate([[0, 1], [2, 3]])]
    tested = OneTestSet(truth, 3, None, repeats)
    answers = [np.eye(3)[[0, 2]], np.eye(3)[[2, 2]]]
    assert tested.confusion(answers).tolist() == [[1, 0, 0], [0, 0, 2], [0, 0, 1]]
