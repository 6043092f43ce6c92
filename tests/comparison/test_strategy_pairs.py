"""Promised: p-values of all pairs are adjusted, so that equal strategies are seldom called different."""

import itertools
import math

import numpy as np
import pytest

from comparisons import (
    pair_result,
    strategy_result,
)
from featx.comparison.strategy_pairs import PairResult, adjust_all_pairs, adjust_pairs
from featx.evaluation.resampled import corrected_test


def test_p_values_of_all_pairs_are_adjusted_by_shaffer():
    # Of three, once a pair differs at most one is equal; of four, after the first at most three are.
    assert adjust_all_pairs([0.01, 0.04, 0.03], 3) == pytest.approx([0.03, 0.04, 0.03])
    assert adjust_all_pairs([0.2], 2) == [0.2]
    six = adjust_all_pairs([0.001, 0.002, 0.004, 0.01, 0.02, 0.04], 4)
    assert six == pytest.approx([0.006, 0.006, 0.012, 0.03, 0.04, 0.04])
    assert adjust_all_pairs([0.9, 0.8, 0.7], 3) == [1.0, 1.0, 1.0]
    assert adjust_all_pairs([], 1) == []


def test_any_of_ten_equal_strategies_is_called_worse_no_more_often_than_promised():
    rng = np.random.default_rng(0)
    called = alone = 0
    for _ in range(300):
        accuracies = 0.88 + 0.01 * rng.normal(size=10) * 0.5 + 0.01 * math.sqrt(0.75) * rng.normal(size=(10, 10))
        pairs = []
        for a, b in itertools.combinations(range(10), 2):
            test = corrected_test(accuracies[:, a] - accuracies[:, b], n_train=750, n_test=250)
            pairs.append(PairResult(str(a), str(b), test.difference, test.p_value, 1.0, test.detectable, 0.01))
        found = adjust_pairs(pairs)
        called += any(pair.better() or pair.flipped().better() for pair in found)
        alone += any(pair.p_value < 0.05 for pair in found)
    assert called / 300 <= 0.07
    assert alone / 300 > 0.4


def test_a_pair_can_be_turned_round():
    a, b, c = strategy_result("a", 0.9, 1), strategy_result("b", 0.85, 1), strategy_result("c", 0.9, 1)
    found = pair_result(a, b, 2)
    back = found.flipped()
    assert (back.first, back.second, back.difference.value) == ("b", "a", pytest.approx(-0.05))
    assert (back.difference.low, back.difference.high) == pytest.approx((-0.07, -0.03))
    assert back.flipped() == found
    assert not pair_result(a, c, None).flipped().difference.has_interval
