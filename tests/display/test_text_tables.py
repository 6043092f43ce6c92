"""Promised: a table that is too wide shortens names, then leaves columns out and names them, then stacks its rows."""

import pytest
from shown_results import evaluation, render_text, too_long

from featx.reports.held_out import evaluation_parts


def test_what_a_narrow_table_leaves_out_is_named():
    text = render_text(evaluation_parts(evaluation(["a", "b"], 3)), width=80)
    assert "not shown: log loss, calibration error, if calibrated, seconds: `--json` has all" in text
    assert "macro F1  " in text
    assert "log loss  " not in text


@pytest.mark.parametrize(("k", "width"), [(10, 79), (6, 39)])
def test_a_matrix_of_classes_with_one_beginning_is_headed_by_what_differs(k, width):
    text = render_text(evaluation_parts(evaluation([f"class_number_{i}" for i in range(k)], 1)), width=width)
    lines = text.splitlines()
    assert [f"…{i}" for i in range(k)] in [line.split() for line in lines]
    assert too_long(text, width) == []
