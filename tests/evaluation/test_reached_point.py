"""Promised: what an operating point reaches has the intervals of its share, and a verdict on what was asked."""

import numpy as np
import pytest
from scipy.stats import binomtest

from featx.evaluation.operating_point import parse_operating_point
from featx.evaluation.reached_point import judge_point
from featx.evaluation.thresholds import ChosenThreshold

OWN = np.arange(200) < 100


def judged(flagged, text="sensitivity=0.9", own=OWN, units=None):
    chosen = ChosenThreshold(0.3, {"sensitivity": 0.9}, ["a note"])
    point = parse_operating_point(text)
    return judge_point(own, flagged, point, chosen, positive="crack", thresholds=[0.2, 0.4], units=units)


def assert_exact(found, hits, n):
    expected = binomtest(hits, n).proportion_ci(method="exact")
    assert (found.value, found.low, found.high) == pytest.approx((hits / n, *expected))


def test_shares_have_exact_intervals():
    flagged = (np.arange(200) < 90) | (np.arange(200) >= 160)
    found = judged(flagged)
    assert_exact(found.reached["sensitivity"], 90, 100)
    assert_exact(found.reached["specificity"], 60, 100)
    assert_exact(found.reached["precision"], 90, 130)
    assert (found.positive, found.asked, found.threshold) == ("crack", "sensitivity=0.9", 0.3)
    assert (found.thresholds, found.notes) == ([0.2, 0.4], ["a note"])


@pytest.mark.parametrize(
    ("hits", "words"), [(90, "lies within the interval"), (70, "it is not reached"), (100, "it is reached")]
)
def test_the_verdict_compares_the_interval_with_what_was_asked(hits, words):
    assert words in judged(np.arange(200) < hits).verdict


def test_whole_groups_have_wider_intervals_and_few_of_them_none():
    flagged = np.arange(200) % 100 < 80
    alone, grouped = judged(flagged), judged(flagged, units=np.arange(200) // 10)
    widths = [each.reached["sensitivity"].high - each.reached["sensitivity"].low for each in (alone, grouped)]
    assert widths[1] > 1.5 * widths[0]
    few = judged(flagged, units=np.arange(200) // 30)
    assert few.reached["sensitivity"].reason == "the images of the class are in fewer than 5 groups"
    assert "neither shows nor refutes" in few.verdict


def test_costs_are_compared_with_one_answer_for_all():
    found = judged(np.arange(200) < 110, "cost=5:1")
    assert found.reached["cost"].value == pytest.approx(10 / 200)
    assert found.reached["cost"].low < 0.05 < found.reached["cost"].high
    assert found.verdict == "calling every image so would cost 0.500 an image, calling none so 2.500"


def test_nothing_called_so_has_no_precision():
    found = judged(np.zeros(200, bool), "precision=0.9")
    assert np.isnan(found.reached["precision"].value)
    assert "there are no images called so" in found.verdict
