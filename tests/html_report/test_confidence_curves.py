"""Promised: points of the slider and areas are scikit-learn's; bins of the reliability diagram hold all images."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score, roc_auc_score

from featx.html_report.confidence_curves import class_curves, empty_chart, reliability
from reported import drawn_result


def test_points_are_those_of_scikit_learn():
    table = drawn_result().predictions
    for curve in class_curves(table):
        own, scores = table.truth == curve["class"], table.probabilities[:, curve["class"]]
        assert f"{roc_auc_score(own, scores):.4f}" in curve["areas"]
        assert f"{average_precision_score(own, scores):.4f}" in curve["areas"]
        counts = [int(point["text"][3].split()[0]) for point in curve["points"]]
        assert counts == sorted(counts, reverse=True)
        assert (counts[0], counts[-1]) == (240, 1)
        for point, n in list(zip(curve["points"], counts, strict=True))[::17]:
            taken = scores >= np.sort(scores)[-n]
            recall, false = recall_score(own, taken), (taken & ~own).sum() / (~own).sum()
            assert point["text"][1:3] == [f"{100 * recall:.1f} %", f"{100 * precision_score(own, taken):.1f} %"]
            assert point["roc"] == pytest.approx(empty_chart("roc").place(false, recall), abs=0.11)


def test_a_class_without_images_has_no_curve():
    table = drawn_result().predictions
    kept = table.take(np.flatnonzero(table.truth != 2))
    assert [curve["class"] for curve in class_curves(kept)] == [0, 1, 3, 4, 5]


def test_bins_hold_every_image_and_their_mean_is_the_accuracy():
    result = drawn_result()
    found = reliability(result)
    n = [one["images"] for one in found["bins"]]
    assert sum(n) == 240
    assert max(n) - min(n) <= 1
    mean = np.average([one["right"] for one in found["bins"]], weights=n)
    assert mean == pytest.approx(result.metrics["accuracy"].value)
