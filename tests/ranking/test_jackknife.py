"""Promised: the interval of a mean is that of the mean, groups are left out whole, and its coverage is as said."""

import numpy as np
import pytest
from scipy.stats import sem

from featx.ranking.jackknife import PARTS, jackknife_interval
from featx.ranking.logme import log_evidence


def test_the_error_of_a_mean_is_its_standard_error_on_average():
    rng, ratios = np.random.default_rng(0), []
    for seed in range(200):
        values = rng.normal(size=100)
        found = jackknife_interval(
            lambda rows, values=values: values[rows].mean(), np.zeros(100, int), np.arange(100), random_state=seed
        )
        ratios.append(((found.high - found.low) / 2 / 2.262 / sem(values)) ** 2)
    assert np.mean(ratios) == pytest.approx(1, abs=0.1)


def test_the_interval_of_log_evidence_holds_the_mean_over_draws():
    rng, values, ends = np.random.default_rng(0), [], []
    centres = rng.normal(size=(3, 8))
    for seed in range(60):
        truth = np.arange(60) % 3
        X = centres[truth] + rng.normal(size=(60, 8))
        found = jackknife_interval(
            lambda rows, X=X, truth=truth: log_evidence(X[rows], truth[rows]), truth, np.arange(60), random_state=seed
        )
        values.append(found.value)
        ends.append((found.low, found.high))
    covered = [low <= np.mean(values) <= high for low, high in ends]
    assert np.mean(covered) >= 0.9


def test_units_are_left_out_whole_and_parts_have_their_share_of_each_class():
    units, truth = np.repeat(np.arange(40), 3), np.repeat(np.arange(40) % 2, 3)
    seen = []
    jackknife_interval(lambda rows: seen.append(rows) or 0.0, truth, units)
    assert len(seen) == 1 + PARTS
    for rows in seen[1:]:
        left = np.setdiff1d(np.arange(120), rows)
        assert np.isin(units[left], units[rows]).sum() == 0
        assert np.bincount(truth[left]).tolist() == [6, 6]


def test_there_is_no_interval_of_few_units_or_where_the_score_is_not_defined():
    assert not jackknife_interval(lambda rows: 1.0, np.zeros(9, int), np.arange(9)).has_interval
    found = jackknife_interval(lambda rows: 1.0 if len(rows) == 20 else -np.inf, np.zeros(20, int), np.arange(20))
    assert not found.has_interval
    assert found.reason == "not defined without some of the images"


def test_an_interval_does_not_leave_the_values_that_a_score_can_have():
    truth, rows = np.arange(20) % 2, np.random.default_rng(0).random(20)
    free, cut = (
        jackknife_interval(lambda kept: rows[kept].mean(), truth, np.arange(20), **within)
        for within in ({}, {"within": (0.5, 0.6)})
    )
    assert free.low < 0.5
    assert free.high > 0.6
    assert (cut.value, cut.low, cut.high) == (free.value, 0.5, 0.6)
