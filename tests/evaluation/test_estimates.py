"""Promised: a figure without an interval says so in print, in JSON and in pictures, and claims nothing."""

import json
import math
import pickle
from dataclasses import asdict

import numpy as np
import pytest

from featx.evaluation.estimates import Estimate, missing_intervals

KNOWN = Estimate(0.949, 0.938, 0.958)
BARE = Estimate(0.9, reason="too few groups")


def test_an_estimate_without_interval_has_nan_and_a_reason():
    assert KNOWN.has_interval
    assert not BARE.has_interval
    assert math.isnan(BARE.low)
    assert math.isnan(BARE.high)
    # half an interval is none
    assert math.isnan(Estimate(0.9, 0.8, math.nan).low)


def test_estimates_without_interval_equal_each_other_wherever_the_nan_is_from():
    assert Estimate(0.9, float("nan"), float("nan"), "too few groups") == BARE
    assert Estimate(**json.loads(json.dumps(asdict(BARE)))) == BARE
    assert Estimate(0.9, np.float64("nan"), 0.95, "too few groups") == BARE
    assert Estimate(0.9, reason="another") != BARE
    assert pickle.loads(pickle.dumps(KNOWN)) == KNOWN


@pytest.mark.parametrize(
    ("estimate", "percent", "text"),
    [
        (KNOWN, True, "94.9 % (93.8-95.8)"),
        (Estimate(0.1966, 0.158, 0.248), False, "0.197 (0.158-0.248)"),
        (BARE, True, "90.0 %"),
        (BARE, False, "0.900"),
        (Estimate(1.0, 0.839, 1.0), True, "100.0 % (83.9-100.0)"),
        (Estimate(-0.495, -0.61, -0.38), False, "-0.495 (-0.610 to -0.380)"),
        (Estimate(0.004, -0.012, 0.02), True, "0.4 % (-1.2 to 2.0)"),
    ],
)
def test_the_text_has_the_interval_where_there_is_one(estimate, percent, text):
    assert estimate.text(percent=percent) == text


def test_each_reason_is_given_once_with_the_figures_that_it_concerns():
    figures = [("accuracy", KNOWN), ("macro F1", BARE), ("log loss", Estimate(1.2, reason="other")), ("macro F1", BARE)]
    assert missing_intervals(figures) == [
        "without interval: macro F1: too few groups",
        "without interval: log loss: other",
    ]
    assert missing_intervals([("accuracy", KNOWN)]) == []
