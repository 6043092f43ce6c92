"""Promised: cells have counts, shares and shades; with many classes the most confused pairs come first."""

import numpy as np

from featx.html_report.confusion_grid import confusion_grid
from reported import SIX, drawn_result


def test_cells_are_those_of_the_matrix():
    result = drawn_result()
    grid = confusion_grid(result.confusion_matrix, result.classes)
    for row, counts in zip(grid["rows"], result.confusion_matrix, strict=True):
        assert row["total"] == str(sum(counts))
        for cell, count in zip(row["cells"], counts, strict=True):
            assert (cell is None) == (count == 0)
            assert cell is None or cell["count"] == str(count)
            assert cell is None or cell["share"] == f"{100 * count / sum(counts):.1f} %"
            assert cell is None or 1 <= cell["shade"] <= 9
    assert grid["columns"] == [str(n) for n in np.sum(result.confusion_matrix, axis=0)]


def test_pairs_are_ordered_by_images_and_the_rest_is_counted():
    grid = confusion_grid([[5, 3, 0], [1, 5, 0], [0, 0, 0]], SIX[:3])
    assert [(pair["true"], pair["predicted"], pair["count"]) for pair in grid["pairs"]] == [(0, 1, 3), (1, 0, 1)]
    assert grid["whole"]
    many = confusion_grid(np.ones((40, 40), int), [f"class {k}" for k in range(40)])
    assert not many["whole"]
    assert many["more_pairs"] == 40 * 39 - 30
    assert many["upright"]
