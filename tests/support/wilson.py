"""SciPy's interval of a proportion, which that of accuracy is compared with."""

import pytest
from scipy.stats import binomtest

from featx.evaluation.estimates import Estimate


def wilson(successes, trials):
    interval = binomtest(successes, trials).proportion_ci(method="wilson")
    return Estimate(successes / trials, interval.low, interval.high)


def assert_wilson(found, successes, trials):
    expected = wilson(successes, trials)
    assert (found.value, found.reason) == (expected.value, "")
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
