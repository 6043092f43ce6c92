"""Promised: the chart has a row for each candidate, and a line at the baseline where it is in reach."""

from dataclasses import replace

from featx.evaluation.estimates import Estimate
from featx.html_report.candidates import MOST_DRAWN, candidate_table, interval_chart
from shown_results import evaluation

HIGH = [Estimate(0.9, 0.85, 0.95), Estimate(0.8, 0.7, 0.88), Estimate(0.85, reason="too few groups")]


def test_each_has_a_dot_and_those_with_an_interval_a_line():
    text = interval_chart(["a<b", "c", "d"], HIGH, baseline=0.1, label="x")
    assert text.count("<circle") == 3
    assert text.count('class="interval') == 2
    assert "a&lt;b: 90.0 % (85.0-95.0)" in text
    assert "line ideal" not in text


def test_a_baseline_in_reach_is_drawn_and_the_best_are_kept():
    assert "line ideal" in interval_chart(["a", "b", "c"], HIGH, baseline=0.6, label="x")
    names = [str(k) for k in range(MOST_DRAWN + 5)]
    assert interval_chart(names, [HIGH[0]] * len(names), baseline=0, label="x").count("<circle") == MOST_DRAWN


def test_the_table_has_the_columns_in_which_candidates_differ():
    candidates = evaluation(["a", "b"], 3).candidates
    assert candidate_table(candidates)["header"][:3] == ["head", "layer", "accuracy"]
    networks = [replace(found, backbone=name) for found, name in zip(candidates, ["x", "x", "y"], strict=True)]
    table = candidate_table(networks)
    assert table["header"][:3] == ["head", "network", "layer"]
    assert [row[1]["name"] for row in table["rows"]] == ["x", "x", "y"]
