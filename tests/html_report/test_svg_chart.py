"""Promised: marks of a chart are where their numbers are, and its texts are escaped."""

import pytest

from featx.html_report.svg_chart import Chart, one_line, round_ticks


@pytest.mark.parametrize(
    ("ends", "ticks"),
    [
        ((0, 1), [0, 0.2, 0.4, 0.6, 0.8, 1]),
        ((0.83, 0.97), [0.85, 0.9, 0.95]),
        ((0, 43), [0, 10, 20, 30, 40]),
        ((2, 2), [2]),
    ],
)
def test_ticks_are_round(ends, ticks):
    assert round_ticks(*ends) == pytest.approx(ticks)


def test_points_are_placed_on_both_axes_the_logarithmic_one_by_its_ratio():
    chart = Chart((0, 10), (0, 1))
    (left, bottom), (right, top), (middle, half) = chart.place(0, 0), chart.place(10, 1), chart.place(5, 0.5)
    assert (middle, half) == pytest.approx(((left + right) / 2, (top + bottom) / 2))
    assert top < bottom
    chart = Chart((10, 1000), (0, 1), log=True)
    assert chart.place(100, 0)[0] == pytest.approx((chart.place(10, 0)[0] + chart.place(1000, 0)[0]) / 2)
    turned = Chart((0, 1), (3, 0))
    assert turned.place(0, 0)[1] < turned.place(0, 3)[1]


def test_texts_are_escaped_and_stay_on_one_line():
    chart = Chart((0, 1), (0, 1), x_label="<b>")
    chart.dots([(0, 0)], "first", titles=['"><script>'])
    text = chart.svg("a & b\n")
    assert "<b>" not in text
    assert "<script>" not in text
    assert 'aria-label="a &amp; b\\n"' in text
    assert one_line("a\u202eb\n\udcff") == "a\\u202eb\\n\\udcff"
    assert "style=" not in text
