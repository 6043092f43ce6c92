"""How sure a model is: reliability diagram, and ROC and precision-recall curves of each class with their thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from ..display.quantities import count_text, percent_text, probability_text
from .svg_chart import Chart

if TYPE_CHECKING:
    from ..evaluation.held_out_result import HeldOutResult
    from ..evaluation.prediction_table import PredictionTable

__all__ = ["class_curves", "empty_chart", "reliability"]

BINS = 10
# Thresholds of a class at the slider; fewer where there are many classes, for the size of the file.
FEWEST_THRESHOLDS, MOST_THRESHOLDS, IN_ALL = 20, 100, 4000


def reliability(result: HeldOutResult) -> dict[str, Any]:
    """Return the reliability diagram, its bins as a table, and the calibration error in a sentence.

    The images are divided by the probability of their likeliest class into ten parts of equal size (fewer where there
    are few images); in each, the mean probability stands against the share of which that is the label.
    """
    table = result.predictions
    # Of the most probable class: a threshold may decide for another.
    assert table.probabilities is not None
    confidence, right = table.probabilities.max(axis=1), table.truth == table.probabilities.argmax(axis=1)
    order = np.argsort(confidence, kind="stable")
    bins: list[dict[str, Any]] = []
    for part in np.array_split(order, max(1, min(BINS, len(order) // 10))):
        sure, true = float(confidence[part].mean()), float(right[part].mean())
        bins.append({"images": len(part), "sure": sure, "right": true, "sure_text": probability_text(sure),
                     "right_text": percent_text(true)})  # fmt: skip
    low = min(0.5, *(min(one["sure"], one["right"]) for one in bins)) if bins else 0.0
    low = max(0.0, np.floor(10 * low - 1e-9) / 10)
    chart = Chart((low, 1.0), (low, 1.0), x_label="probability of the likeliest class", y_label="share that is right",
                  x_text=_percent, y_text=_percent)  # fmt: skip
    chart.line([(low, low), (1.0, 1.0)], "ideal")
    points = [(one["sure"], one["right"]) for one in bins]
    chart.line(points, "first")
    titles = [f"{one['images']:,} images: sure of {one['sure_text']}, {one['right_text']} right" for one in bins]
    chart.dots(points, "first", titles=titles)
    error, chance = (result.metrics[name].text(percent=False) for name in
                     ("debiased_calibration_error", "calibration_error_if_calibrated"))  # fmt: skip
    return {
        "svg": chart.svg("Reliability diagram: the share of right predictions against their mean probability; the "
                         "numbers are in the table beside it"),
        "bins": bins,
        "sentence": f"Calibration error {error}; a calibrated model would show {chance} on as many images by chance.",
    }  # fmt: skip


def class_curves(table: PredictionTable, *, starts: Mapping[int, float] | None = None) -> list[dict[str, Any]]:
    """Return the curves of each class against all others, with the points at which a slider stops.

    Each point has the threshold of the probability, sensitivity (recall), precision, the images with at least that
    probability, as texts, and where it is on both charts. Sensitivity, precision and areas are scikit-learn's.

    Parameters
    ----------
    table : PredictionTable
        With probabilities.
    starts : mapping of int to float, default=None
        The threshold that the slider of a class begins at, by its number; 0.5 for the others.

    Returns
    -------
    list of dict
        For each class that has images of itself and of others, its number, areas, paths and points.
    """
    assert table.probabilities is not None
    most = max(FEWEST_THRESHOLDS, min(MOST_THRESHOLDS, IN_ALL // max(1, len(table.classes))))
    found = []
    for number in range(len(table.classes)):
        own = table.truth == number
        if own.any() and not own.all():
            start = (starts or {}).get(number, 0.5)
            found.append({"class": number, **_curve(own, table.probabilities[:, number], most, start)})
    return found


def empty_chart(kind: str) -> Chart:
    """Return the axes that the page draws the curve of a class on."""
    x, y = {
        "roc": ("false positive rate", "sensitivity (true positive rate)"),
        "precision_recall": ("sensitivity (recall)", "precision"),
    }[kind]
    return Chart((0.0, 1.0), (0.0, 1.0), x_label=x, y_label=y, x_text=_percent, y_text=_percent)


def _curve(own: np.ndarray, scores: np.ndarray, most: int, start: float) -> dict[str, Any]:
    roc, plane = empty_chart("roc"), empty_chart("precision_recall")
    false, true, _ = roc_curve(own, scores, drop_intermediate=True)
    precision, recall, thresholds = precision_recall_curve(own, scores)
    # In order of the threshold, evenly by the number of images above it: most probabilities are near 0 or 1.
    ranks = np.unique(np.searchsorted(thresholds, np.quantile(scores, np.linspace(0, 1, most), method="higher")))
    flagged = len(scores) - np.searchsorted(np.sort(scores), thresholds[ranks])
    points = [
        {
            "text": [f"{thresholds[k]:.4f}", percent_text(recall[k]), percent_text(precision[k]),
                     count_text(int(n), "image")],
            "roc": roc.place((n - recall[k] * own.sum()) / (~own).sum(), recall[k]),
            "precision_recall": plane.place(recall[k], precision[k]),
        }
        for k, n in zip(ranks, flagged, strict=True)
    ]  # fmt: skip
    nearest = min(range(len(ranks)), key=lambda i: abs(thresholds[ranks[i]] - start))
    return {
        "start": nearest,
        "points": points,
        "roc": roc.path(_thinned(np.column_stack([false, true]), 2 * most)),
        "precision_recall": plane.path(_thinned(np.column_stack([recall, precision]), 2 * most)),
        "areas": f"area under the ROC curve {roc_auc_score(own, scores):.4f}, average precision "
        f"{average_precision_score(own, scores):.4f}, {int(own.sum()):,} of {len(own):,} images are of the class",
    }


def _thinned(points: np.ndarray, most: int) -> list[tuple[float, float]]:
    """Return at most so many points of a curve, evenly, with its ends."""
    places = np.unique(np.linspace(0, len(points) - 1, min(most, len(points))).round().astype(int))
    return [(float(x), float(y)) for x, y in points[places]]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
