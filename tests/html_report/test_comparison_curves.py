"""Promised: ticks of a logarithmic axis leave room for their numbers."""

from featx.html_report.comparison_curves import _apart


def test_ticks_that_would_touch_are_left_out_but_not_the_last():
    assert _apart([9.1, 9.5, 9.6], (6, 15)) == [9.6]
    assert _apart([100, 1000, 10000], (100, 10000)) == [100, 1000, 10000]
    assert _apart([100, 9000, 10000], (100, 10000)) == [100, 10000]
