"""Promised: figures of classes are scikit-learn's, with an interval only where its coverage is known."""

import numpy as np
import pytest

from featx.evaluation.intervals import wilson_interval
from featx.html_report.class_rows import class_rows
from reported import drawn_result


def test_the_hardest_class_comes_first():
    rows = class_rows(drawn_result())["rows"]
    assert [row["f1"]["key"] for row in rows] == sorted(row["f1"]["key"] for row in rows)


def test_recall_has_wilsons_interval_from_40_images_and_none_with_groups():
    result = drawn_result(240, seed=3)
    rows = {row["number"]: row for row in class_rows(result)["rows"]}
    assert {row["images"] >= 40 for row in rows.values()} == {True, False}
    for number, row in rows.items():
        assert (row["low"] is not None) == (row["images"] >= 40)
        if row["low"] is not None:
            low, high = wilson_interval(result.confusion_matrix[number][number], row["images"])
            assert (row["low"], row["high"]) == (f"{100 * low:.1f}", f"{100 * high:.1f}")
            assert row["recall"]["text"].endswith(f"({row['low']}-{row['high']})")
    grouped = class_rows(drawn_result(groups=np.repeat(np.arange(60), 4)))
    assert all(row["low"] is None for row in grouped["rows"])
    assert "groups" in grouped["note"]


def test_error_rates_are_of_the_matrix():
    result = drawn_result()
    matrix = np.array(result.confusion_matrix)
    for row in class_rows(result)["rows"]:
        k = row["number"]
        assert row["missed"]["key"] == pytest.approx(1 - matrix[k, k] / matrix[k].sum())
        others = matrix.sum() - matrix[k].sum()
        assert row["alarms"]["key"] == pytest.approx((matrix[:, k].sum() - matrix[k, k]) / others)
