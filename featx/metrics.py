"""True and predicted classes go in, figures with 95 % intervals come out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .estimates import Estimate

__all__ = [
    "METRICS",
    "Estimate",
    "confusion_matrix",
    "expected_calibration_error",
    "per_class",
    "report_classes",
    "score_predictions",
    "wilson",
]

# Names, and whether more is better.
METRICS = {
    "accuracy": True,
    "balanced_accuracy": True,
    "macro_f1": True,
    "log_loss": False,
    "expected_calibration_error": False,
}
RESAMPLES = 1000
LEVEL = 0.95
NORMAL_QUANTILE = 1.959963984540054
BINS = 15


def wilson(successes: int, trials: int) -> Estimate:
    """Return a proportion with Wilson's score interval (Wilson 1927; Brown, Cai and DasGupta 2001, eq. 4)."""
    p = successes / trials
    z2 = NORMAL_QUANTILE**2
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = NORMAL_QUANTILE * math.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return Estimate(p, min(p, max(0.0, centre - half)), max(p, min(1.0, centre + half)))


def confusion_matrix(truth: np.ndarray, predicted: np.ndarray, n_classes: int) -> np.ndarray:
    """Return how often each class (rows) was taken for each (columns), from class numbers; int (k, k)."""
    cells = truth * n_classes + predicted
    return np.bincount(cells, minlength=n_classes * n_classes).reshape(n_classes, n_classes)


def expected_calibration_error(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the gap between confidence and accuracy, over 15 bins of equal width (Guo et al. 2017, eq. 3).

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    probabilities : ndarray, shape (n, k)
    """
    confidence = probabilities.max(axis=1)
    return _calibration_error(confidence, probabilities.argmax(axis=1) == truth)


def score_predictions(
    truth: np.ndarray, probabilities: np.ndarray, *, groups: np.ndarray | None = None, random_state: int = 0
) -> dict[str, Estimate]:
    """Return every metric with its interval, for predictions on images that the model was not fitted on.

    Accuracy has Wilson's interval; the others, and all of them when there are groups, percentiles of 1,000 bootstrap
    resamples of images or groups (Efron and Tibshirani 1993, ch. 13). The intervals speak of the sampling of the
    test images, not of refitting the model.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    probabilities : ndarray, shape (n, k)
        The predicted class is the most probable one.
    groups : ndarray, shape (n,), default=None
    random_state : int, default=0

    Returns
    -------
    dict of str to Estimate
        Keyed as `METRICS`.
    """
    n_classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    cells = truth * n_classes + predicted
    chosen = np.clip(probabilities[np.arange(len(truth)), truth], np.finfo(np.float64).eps, None)
    losses = -np.log(chosen)
    confidence = probabilities.max(axis=1)
    right = predicted == truth

    def figures(rows: np.ndarray | slice) -> list[float]:
        matrix = np.bincount(cells[rows], minlength=n_classes**2).reshape(n_classes, n_classes)
        return [
            float(right[rows].mean()),
            *_per_class_means(matrix),
            float(losses[rows].mean()),
            _calibration_error(confidence[rows], right[rows]),
        ]

    values = figures(slice(None))
    rng = np.random.default_rng(random_state)
    samples = np.array([figures(_resample(rng, len(truth), groups)) for _ in range(RESAMPLES)])
    low, high = np.percentile(samples, [50 * (1 - LEVEL), 50 * (1 + LEVEL)], axis=0)
    estimates = {
        name: Estimate(value, min(value, float(a)), max(value, float(b)))
        for name, value, a, b in zip(METRICS, values, low, high, strict=True)
    }
    if groups is None:
        estimates["accuracy"] = wilson(int(right.sum()), len(right))
    return estimates


def per_class(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return precision, recall and F1 of each class from a confusion matrix; 0 where undefined."""
    hits = np.diag(matrix).astype(float)
    actual, claimed = matrix.sum(axis=1), matrix.sum(axis=0)
    precision = np.divide(hits, claimed, out=np.zeros_like(hits), where=claimed > 0)
    recall = np.divide(hits, actual, out=np.zeros_like(hits), where=actual > 0)
    f1 = np.divide(2 * hits, actual + claimed, out=np.zeros_like(hits), where=actual + claimed > 0)
    return precision, recall, f1


def report_classes(names: list[str], matrix: np.ndarray) -> list[dict[str, Any]]:
    """Return precision, recall, F1 and support of each class, from a confusion matrix."""
    precision, recall, f1 = per_class(matrix)
    return [
        {
            "class": name,
            "precision": float(precision[i]),
            "recall": float(recall[i]),
            "f1": float(f1[i]),
            "support": int(matrix[i].sum()),
        }
        for i, name in enumerate(names)
    ]


def _per_class_means(matrix: np.ndarray) -> tuple[float, float]:
    """Return balanced accuracy and macro F1 over the classes that occur."""
    _, recall, f1 = per_class(matrix)
    actual = matrix.sum(axis=1) > 0
    occurs = actual | (matrix.sum(axis=0) > 0)
    return float(recall[actual].mean()), float(f1[occurs].mean())


def _calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gaps).sum() / len(right))


def _resample(rng: np.random.Generator, n: int, groups: np.ndarray | None) -> np.ndarray:
    if groups is None:
        return rng.integers(0, n, n)
    _, codes = np.unique(groups, return_inverse=True)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    return np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])
