"""Promised: figures on held-out images stand with what they mean, and a warning where they mean little."""

from shown_results import evaluation

from featx.display.tables import Table
from featx.reports.held_out import evaluation_parts


def test_a_layer_that_all_share_is_no_column():
    several = next(part for part in evaluation_parts(evaluation(["a", "b"], 3)) if isinstance(part, Table))
    assert list(several.header[:3]) == ["head", "layer", "accuracy"]
    assert "pooling" not in several.header
