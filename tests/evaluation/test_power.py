"""Promised: the detectable difference and the repeats that are advised are found as often as is said."""

import math

import numpy as np
import pytest
from scipy.stats import nct, t

from featx.evaluation.power import OpenComparison, detectable_multiple
from featx.evaluation.resampled import corrected_error, corrected_test


def open_comparison(**changes):
    usual = {"difference": 0.05, "spread": 0.02, "ratio": 1 / 3, "repeats": 3, "margin": 0.01}
    return OpenComparison(**{**usual, "first_costs_no_more": False, "second_costs_no_more": True, **changes})


def test_fewer_repeats_decide_larger_differences_and_narrower_spreads():
    small, large = open_comparison(difference=0.04).repeats_needed(), open_comparison(difference=0.06).repeats_needed()
    assert 3 < large < small <= 100
    assert open_comparison(difference=0.04, spread=0.01).repeats_needed() < small
    assert open_comparison(difference=0.06, p_value_factor=3.0).repeats_needed() > large


def test_where_no_number_of_repeats_would_do_more_images_would():
    # The error falls to 0.02 * sqrt(1/3) = 0.0115, twice which is more than the difference.
    stuck = open_comparison(difference=0.015)
    assert stuck.repeats_needed() is None
    assert 2 < stuck.times_needed() < 20
    assert open_comparison(difference=0.015, spread=0.04).times_needed() == pytest.approx(
        4 * stuck.times_needed(), rel=0.1
    )
    # Without a margin equal strategies stay undecided for ever.
    assert open_comparison(difference=0.0, margin=0.0).times_needed() is None


def test_the_advised_repeats_decide_as_often_as_promised():
    rng = np.random.default_rng(0)
    asked, spread, difference = 0, 0.02, 0.045
    decided = []
    for _ in range(1500):
        mean = difference + spread * math.sqrt(0.25) * rng.normal()
        gains = mean + spread * math.sqrt(0.75) * rng.normal(size=5)
        seen = corrected_test(gains, n_train=750, n_test=250)
        if seen.p_value < 0.05:
            continue
        needed = open_comparison(difference=gains.mean(), spread=np.std(gains, ddof=1), repeats=5).repeats_needed()
        if needed is None:
            continue
        asked += 1
        more = np.concatenate([gains, mean + spread * math.sqrt(0.75) * rng.normal(size=needed - 5)])
        gap = corrected_test(more, n_train=750, n_test=250).difference
        decided.append(gap.low > 0 or gap.high < 0.01)
        if asked == 60:
            break
    assert asked == 60
    # Four times in five; the spread that is seen first is uncertain.
    assert np.mean(decided) > 0.6


def test_with_a_known_spread_the_power_is_that_of_the_noncentral_t():
    # With many repeats the error is as good as known.
    multiple = detectable_multiple(400)
    assert nct.sf(t.ppf(0.975, 400), 400, multiple) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("repeats", [2, 3, 5, 10])
def test_the_detectable_difference_is_found_four_times_in_five(repeats):
    rng = np.random.default_rng(0)
    rows = {"n_train": 750, "n_test": 250}

    def draw():
        return 0.02 * (0.5 * rng.normal() + math.sqrt(0.75) * rng.normal(size=repeats))

    found = []
    for _ in range(3000):
        # What one comparison says, tried on another.
        said = detectable_multiple(repeats - 1) * corrected_error(draw(), **rows)
        gains = draw() + said
        needed = t.ppf(0.975, repeats - 1) * corrected_error(gains, **rows)
        found.append(abs(gains.mean()) > needed)
    # A spread below one test image is taken as that, which makes it a little more often after two.
    assert 0.77 <= np.mean(found) <= (0.88 if repeats == 2 else 0.83)


def test_a_difference_that_was_not_found_is_smaller_than_what_would_be():
    rng = np.random.default_rng(1)
    for _ in range(300):
        gains = 0.05 + 0.05 * rng.normal(size=3)
        test = corrected_test(gains, n_train=750, n_test=250)
        if test.p_value >= 0.05 and not math.isnan(test.detectable):
            assert abs(test.difference.value) < test.detectable
    # More than 100 points: nothing can be said.
    assert math.isnan(corrected_test([0.0, 0.4], n_train=75, n_test=25).detectable)
