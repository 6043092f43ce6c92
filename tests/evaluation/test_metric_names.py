"""Promised: every figure of one class against the rest has a name."""

from featx.evaluation.metric_names import METRIC_NAMES, RANKING_METRICS


def test_figures_of_one_class_have_names():
    assert [METRIC_NAMES[name] for name in RANKING_METRICS] == ["ROC AUC", "average precision"]
