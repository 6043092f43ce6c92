"""Predictions on test images go in; whether they beat always answering the largest class comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..display.summary_mixin import SummaryMixin
from .estimates import Estimate
from .metrics import METRIC_NAMES, confusion_matrix, precision_recall_f1
from .paired import SIGNIFICANCE, compare_paired

__all__ = ["Baseline", "compare_baseline", "largest_class"]


@dataclass(frozen=True, repr=False)
class Baseline(SummaryMixin):
    """Always answering the largest class, and whether a model is better than that.

    After cross-validation, which tests every image, it is the largest class of all images; with a held-out test set
    that of the training images.

    Attributes
    ----------
    answer : str
        The class; of equally large ones, see `largest_class`.
    accuracy : float
        Of this answer, on the test images.
    metric : str
        The one by which the model is judged.
    value : float
        What this answer reaches in it.
    p_value : float or None
        Of the difference in accuracy, where that is the metric; see `compare_paired`. By the others the model is judged
        by their intervals.
    verdict : {"better", "not distinguishable", "worse", "undecided"}
        Of the model; "undecided" where the test images or groups are too few for any verdict, or there is no interval.
    beaten : bool or None
        Whether the model is better; None where that is undecided.
    text : str
        The verdict in a sentence.
    """

    answer: str
    accuracy: float
    metric: str
    value: float
    p_value: float | None
    verdict: str
    beaten: bool | None
    text: str


def largest_class(truth: np.ndarray, n_classes: int, tested: np.ndarray) -> int:
    """Return the number of the class with the most training rows.

    Of equals it is the one with the most rows among those that are tested: whoever always answers one of them may have
    chosen that one. Of equals in this, too, it is the first.

    Parameters
    ----------
    truth, tested : ndarray of int
        Class numbers of the images that are trained on, and of those that judge.
    n_classes : int
    """
    counts, judging = (np.bincount(part, minlength=n_classes) for part in (truth, tested))
    return int(np.lexsort((-np.arange(n_classes), judging, counts))[-1])


def compare_baseline(
    truth: np.ndarray,
    predicted: np.ndarray,
    trained: np.ndarray,
    *,
    metrics: Mapping[str, Estimate],
    classes: Sequence[str],
    groups: np.ndarray | None = None,
    folds: int = 1,
    metric: str = "accuracy",
) -> Baseline:
    """Judge a model by what always answering the largest class gives on the same images.

    Parameters
    ----------
    truth, predicted : ndarray of int, shape (n,)
        Class numbers of the test images, and those that the model gave.
    trained : ndarray of int
        Class numbers of the images of which the largest class is answered: those that were trained on, or after
        cross-validation all: in a fold's training part a class is the smaller, the more of its images the fold tests.
    metrics : mapping of str to Estimate
        The model's figures; see `score_predictions`.
    classes : sequence of str
        All classes, by number.
    groups, folds
        As for `compare_paired`.
    metric : {"accuracy", "balanced_accuracy", "macro_f1"}, default="accuracy"
        Accuracy is judged by `compare_paired`, the others by the interval of the model's figure.
    """
    answer, counts = largest_class(trained, len(classes), truth), np.bincount(trained, minlength=len(classes))
    always = truth == answer
    value, mine, p_value = _score(truth, np.full(len(truth), answer), len(classes), metric), metrics[metric], None
    if metric == "accuracy":
        test = compare_paired(predicted == truth, always, groups=groups, folds=folds)
        p_value = test.p_value
        decided, different = test.smallest_p < SIGNIFICANCE, p_value < SIGNIFICANCE
        reason = f"p {'< 0.001' if p_value < 0.001 else f'= {p_value:.3f}'}, {test.test}"
    else:
        decided, different = mine.has_interval, not mine.low <= value <= mine.high
        reason = "by the interval" if decided else f"no interval: {mine.reason}"
    verdict = "undecided"
    if decided:
        verdict = "not distinguishable" if not different else "better" if mine.value > value else "worse"
    words = {
        "better": "the model is better",
        "not distinguishable": "the model is not distinguishable from that",
        "worse": "the model is worse",
        "undecided": "too few test images or groups to say whether the model is better",
    }[verdict]
    equal = int((counts == counts[answer]).sum())
    largest = "the largest class" if equal == 1 else f"one of the {equal} largest classes"
    name = classes[answer]
    text = f"always answering {largest}, {name!r}, gives {METRIC_NAMES[metric]} {100 * value:.1f} %; {words} ({reason})"
    beaten = None if verdict == "undecided" else verdict == "better"
    return Baseline(name, float(always.mean()), metric, value, p_value, verdict, beaten, text)


def _score(truth: np.ndarray, answers: np.ndarray, n_classes: int, metric: str) -> float:
    """Return what the answers reach, over the classes that occur."""
    matrix = confusion_matrix(truth, answers, n_classes)
    actual, claimed = matrix.sum(axis=1) > 0, matrix.sum(axis=0) > 0
    _, recall, f1 = precision_recall_f1(matrix)
    return {
        "accuracy": float(np.mean(truth == answers)),
        "balanced_accuracy": float(recall[actual].mean()),
        "macro_f1": float(f1[actual | claimed].mean()),
    }[metric]
