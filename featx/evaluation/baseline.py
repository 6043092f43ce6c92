"""Majority-class baseline: whether a model is better than always answering the largest class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..display.quantities import percent_text
from ..display.summary_mixin import SummaryMixin
from .estimates import Estimate
from .metric_names import METRIC_NAMES
from .metrics import class_means
from .paired import SIGNIFICANCE, compare_paired

__all__ = ["Baseline", "compare_baseline", "largest_class"]


@dataclass(frozen=True, repr=False)
class Baseline(SummaryMixin):
    """Always answering the largest class, and whether a model is better than that.

    After cross-validation, which tests every image, this is the largest class of all images; with a held-out test set,
    the largest class of the training images.

    Attributes
    ----------
    answer : str
        The class; `largest_class` says which of equally large ones.
    accuracy : float
        Of this answer, on the test images.
    metric : str
        The metric by which the model is judged.
    value : float
        What this answer reaches in it.
    p_value : float or None
        Of the difference in accuracy, where that is the metric; see `compare_paired`. By any other metric, the model is
        judged by the interval of its value.
    verdict : {"better", "not distinguishable", "worse", "undecided"}
        On the model; "undecided" where there are too few test images or groups for any verdict, or there is no
        interval.
    beaten : bool or None
        Whether the model is better; None where this is undecided.
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

    Of equally large classes it is the one with the most test rows, since the baseline may have chosen that one; of
    classes that are equal in this too, it is the first.

    Parameters
    ----------
    truth, tested : ndarray of int
        Class numbers of the training images and of the test images.
    n_classes : int
    """
    counts, test_counts = (np.bincount(part, minlength=n_classes) for part in (truth, tested))
    return int(np.lexsort((-np.arange(n_classes), test_counts, counts))[-1])


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
    positive: int | None = None,
) -> Baseline:
    """Compare a model with always answering the largest class, on the same images.

    Parameters
    ----------
    truth, predicted : ndarray of int, shape (n,)
        Class numbers of the test images, and those that the model predicted.
    trained : ndarray of int
        Class numbers of the images whose largest class is answered: the training images, or all images after
        cross-validation, because the more images of a class a fold tests, the fewer are in its training part.
    metrics : mapping of str to Estimate
        Those of the model; see `score_predictions`.
    classes : sequence of str
        All classes, by number.
    groups, folds
        As for `compare_paired`.
    metric : str, default="accuracy"
        "accuracy", which is judged by `compare_paired`; or "balanced_accuracy", "macro_f1", "roc_auc" or
        "average_precision", which are judged by the interval of the model's value.
    positive : int, default=None
        The class that the last two are of. One answer for all images ranks them at random.
    """
    answer, counts = largest_class(trained, len(classes), truth), np.bincount(trained, minlength=len(classes))
    always = truth == answer
    ranking = {"roc_auc": 0.5, "average_precision": float((truth == positive).mean())}
    value = ranking[metric] if metric in ranking else _score(truth, np.full(len(truth), answer), metric)
    mine, p_value = metrics[metric], None
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
    number = f"{value:.3f}" if metric in ranking else percent_text(value)
    text = f"always answering {largest}, {name!r}, gives {METRIC_NAMES[metric]} {number}; {words} ({reason})"
    beaten = None if verdict == "undecided" else verdict == "better"
    return Baseline(name, float(always.mean()), metric, value, p_value, verdict, beaten, text)


def _score(truth: np.ndarray, answers: np.ndarray, metric: str) -> float:
    """Return the value of a metric, over the classes that occur."""
    if metric == "accuracy":
        return float(np.mean(truth == answers))
    return class_means(truth, answers)[metric]
