"""Promised: every accuracy stands beside that of always answering the largest class."""

import json

import numpy as np
import pytest

from comparisons import (
    Network,
    images_of,
)
from featx import compare_strategies
from featx.comparison.repeats import Repeat, draw_repeats
from featx.comparison.runner import RunResult
from featx.comparison.summary import SummaryStatistics
from featx.display.text_tables import render_text
from featx.reports.comparison import comparison_parts


def test_a_strategy_that_does_not_beat_the_largest_class_is_warned_of():
    strategies = {"good": Network(), "guess": Network(0.24), "bad": Network(0.9), "worse": Network(0.95)}
    result = compare_strategies(images_of([60, 20]), strategies, repeats=3)
    (size,) = result.sizes
    figures = {found.strategy: f"{100 * found.accuracy.value:.1f} %" for found in size.strategies}
    assert size.warnings == [
        f"guess ({figures['guess']}) is not distinguishably better than always answering the largest class (75.0 %)",
        f"bad ({figures['bad']}) and worse ({figures['worse']}) are no better than always answering the largest class "
        "(75.0 %)",
    ]
    assert all(f"warning: {text}" in render_text(comparison_parts(result)) for text in size.warnings)
    assert json.loads(result.to_json())["sizes"][0]["baseline"] == 0.75


def test_the_largest_class_is_that_of_the_training_part_of_each_repeat():
    y, test = np.repeat([0, 1], [50, 50]), np.array([0, 1, 2, 60])
    repeats = [Repeat(0, test, [np.array([5, 6, 70])]), Repeat(1, test, [np.array([5, 70, 71])])]
    run = RunResult(np.eye(2)[y[test]], None, None, dict.fromkeys(["extraction", "training", "prediction"], 1.0), 1.0)
    size = SummaryStatistics(y, 2, None, repeats, {"net": "other"}, 0).size(0, {"net": [run, run]})
    assert size.baseline == pytest.approx((0.75 + 0.25) / 2)


@pytest.mark.parametrize("repeats", [1, 3])
@pytest.mark.parametrize(("number", "tested"), [(4, False), (40, True)])
def test_a_comparison_says_that_groups_are_too_few(repeats, number, tested):
    y, groups = np.arange(160) % 2, np.arange(160) // 2 % number
    plan = draw_repeats(y, train_sizes=None, test_size=0.25, groups=groups, repeats=repeats)
    runs = []
    for repeat in plan:
        sure = np.eye(2)[y[repeat.test]] * 0.8 + 0.1
        sure[:3] = sure[:3, ::-1]
        runs.append(RunResult(sure, None, None, dict.fromkeys(("extraction", "training", "prediction"), 1.0), 1.0))
    figures = SummaryStatistics(y, 2, groups, plan, {"frozen": "frozen"}, 0)
    size = figures.size(0, {"frozen": runs})
    (found,) = size.strategies
    notes = "\n".join(figures.notes([size]))
    for estimate in (found.accuracy, found.macro_f1):
        assert estimate.has_interval is tested
        assert estimate.reason == ("" if tested else "too few groups (fewer than 5)")
    assert ("accuracy, macro F1: too few groups" in notes) is not tested
