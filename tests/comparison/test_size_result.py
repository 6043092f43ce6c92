"""Promised: what a strategy costs is the time until the model is there, and not that of its predictions."""

from comparisons import strategy_result


def test_the_cost_is_that_of_extraction_and_training():
    found = strategy_result("a", 0.9, 2)
    assert found.cost == 120
    assert found.seconds["prediction"] > 0
