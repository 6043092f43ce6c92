"""Metrics of predicted classes and probabilities, with 95 % intervals where one is known to be valid."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from .calibration import debiased_calibration_error, error_if_calibrated, expected_calibration_error
from .class_rates import class_rates
from .estimates import Estimate, missing_intervals
from .intervals import (
    FEW_GROUPS,
    FEWEST_GROUPS,
    FEWEST_GROUPS_OF_A_CLASS,
    class_mean_interval,
    grouped_accuracy_interval,
    grouped_class_mean_interval,
    log_loss_interval,
    wilson_interval,
)
from .metric_names import METRIC_NAMES, METRICS, RANKING_METRICS
from .ranking import mean_ranking, score_ranking

__all__ = [
    "class_means",
    "classification_report",
    "interval_notes",
    "score_answers",
    "score_classes",
    "score_predictions",
]

NO_PROBABILITIES = "there are no probabilities, or they do not say what is predicted"
SINGLE_IMAGE = "a single test image"
TOO_FEW_GROUPS = f"too few groups (fewer than {FEWEST_GROUPS})"
NO_CALIBRATION_INTERVAL = "no method was found whose coverage is right; compare with what a calibrated model would show"


def score_predictions(
    truth: np.ndarray,
    probabilities: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    random_state: int = 0,
    decided: np.ndarray | None = None,
    positive: int | None = None,
    ranked: bool = False,
    units: np.ndarray | None = None,
) -> dict[str, Estimate]:
    """Return all metrics of predictions on images that the model was not fitted on.

    There are intervals where their simulated coverage is at least 0.92, or 0.90 with groups: see
    `featx.evaluation.intervals`. Otherwise `low` and `high` are NaN and `reason` says why. The intervals are about the
    sampling of the test images, not about refitting the model.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    probabilities : ndarray, shape (n, k)
        The predicted class is the most probable one, unless `decided` says otherwise.
    groups : ndarray, shape (n,), default=None
        What was sampled as a whole, such as all images of a patient.
    random_state : int, default=0
        Seed of the simulation of a calibrated model.
    decided : ndarray of int, shape (n,), default=None
        The predicted classes of a model that decides by a threshold.
    positive : int, default=None
        The class that `roc_auc` and `average_precision` are of, against the rest; of two classes the second, as in
        scikit-learn, if it is not given.
    ranked : bool, default=False
        Of more classes and without a positive one: whether to add the means of both over the classes.
    units : ndarray, shape (n,), default=None
        For the intervals of both: groups, joined with copies of an image; None means `groups`.

    Returns
    -------
    dict of str to Estimate
        The keys are `METRICS`, and where there is one class against the rest those of `score_ranking`. Balanced
        accuracy and macro F1 are means over the classes that occur;
        `expected_calibration_error`, `debiased_calibration_error` and `calibration_error_if_calibrated` are computed by
        `featx.evaluation.calibration`.
    """
    error = debiased_calibration_error(truth, probabilities)
    losses = -np.log(np.clip(probabilities, np.finfo(np.float64).eps, None))
    loss = losses[np.arange(len(truth)), truth]
    n_classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1) if decided is None else decided
    positive = 1 if positive is None and n_classes == 2 else positive
    ranking = {}
    if positive is not None:
        units = groups if units is None else units
        ranking = score_ranking(truth == positive, probabilities[:, positive], units=units)
    elif ranked:
        ranking = mean_ranking(truth, probabilities)
    return {
        **score_classes(truth, predicted, n_classes=n_classes, groups=groups),
        "log_loss": _log_loss(loss, float(losses.max()), groups),
        "expected_calibration_error": Estimate(
            expected_calibration_error(truth, probabilities), reason=NO_CALIBRATION_INTERVAL
        ),
        "debiased_calibration_error": Estimate(
            error, reason=SINGLE_IMAGE if math.isnan(error) else NO_CALIBRATION_INTERVAL
        ),
        "calibration_error_if_calibrated": Estimate(
            error_if_calibrated(probabilities, random_state=random_state), reason="simulated, not estimated"
        ),
        **ranking,
    }


def score_answers(
    truth: np.ndarray,
    answers: np.ndarray,
    *,
    n_classes: int,
    groups: np.ndarray | None = None,
    random_state: int = 0,
    **decision: Any,
) -> dict[str, Estimate]:
    """Return all metrics of the answers of a classifier; NaN for those that need probabilities where there are none.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    answers : ndarray, shape (n, k) or (n,)
        See `featx.evaluation.answers`.
    n_classes : int
    groups, random_state, **decision
        As for `score_predictions`.
    """
    if answers.ndim == 2:
        return score_predictions(truth, answers, groups=groups, random_state=random_state, **decision)
    found = score_classes(truth, answers, n_classes=n_classes, groups=groups)
    ranked = RANKING_METRICS if decision.get("ranked") or decision.get("positive") is not None else ()
    lacking = [name for name in (*METRICS, *ranked) if name not in found]
    return found | {name: Estimate(math.nan, reason=NO_PROBABILITIES) for name in lacking}


def score_classes(
    truth: np.ndarray,
    predicted: np.ndarray,
    *,
    n_classes: int,
    groups: np.ndarray | None = None,
    weights: np.ndarray | None = None,
) -> dict[str, Estimate]:
    """Return accuracy, balanced accuracy and macro F1, as in `score_predictions`.

    Parameters
    ----------
    truth, predicted : ndarray of int, shape (n,)
        Class numbers.
    n_classes : int
    groups : ndarray, shape (n,), default=None
    weights : ndarray, shape (n,), default=None
        How many images each row counts for: a fraction of one where an image has several rows.
    """
    weights = np.ones(len(truth)) if weights is None else weights
    matrix = confusion_matrix(truth, predicted, labels=np.arange(n_classes), sample_weight=weights)
    means, right = class_means(truth, predicted, weights), truth == predicted
    hit, total = float(np.trace(matrix)), float(matrix.sum())
    value = hit / total
    if groups is None:
        found = {name: class_mean_interval(matrix, metric=name) for name in means}
        accuracy = _estimate(value, wilson_interval(hit, total))
        return {"accuracy": accuracy, **{name: _estimate(means[name], found[name]) for name in means}}
    codes = np.unique(groups, return_inverse=True)[1]
    shape = codes.max() + 1, n_classes
    if shape[0] < FEWEST_GROUPS:
        return {name: Estimate(number, reason=TOO_FEW_GROUPS) for name, number in {"accuracy": value, **means}.items()}
    rows = [(codes[right], truth[right], weights[right]), (codes, truth, weights), (codes, predicted, weights)]
    hits, actual, claimed = (
        np.bincount(group * n_classes + number, weights=weight, minlength=shape[0] * n_classes).reshape(shape)
        for group, number, weight in rows
    )
    found = {name: grouped_class_mean_interval(hits, actual, claimed, metric=name) for name in means}
    accuracy = _estimate(value, grouped_accuracy_interval(hits.sum(axis=1), actual.sum(axis=1)))
    return {"accuracy": accuracy, **{name: _estimate(means[name], found[name]) for name in means}}


def interval_notes(results: Iterable[dict[str, Estimate]], *, groups: np.ndarray | None = None) -> list[str]:
    """Return what to know about the intervals: which metrics have none and why, and that groups are few.

    Parameters
    ----------
    results : iterable of dict
        What `score_predictions` returned, for one or several models. Of the two calibration errors, only the debiased
        one is mentioned.
    groups : ndarray, shape (n,), default=None
        Of the test images.
    """
    shown = [name for name in METRIC_NAMES if name != "expected_calibration_error"]
    notes = missing_intervals((METRIC_NAMES[name], found[name]) for found in results for name in shown if name in found)
    if groups is not None and FEWEST_GROUPS <= (number := len(np.unique(groups))) < FEW_GROUPS:
        notes.append(f"the intervals rest on {number} groups; below {FEW_GROUPS} they are wide and rough")
    return notes


def class_means(truth: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None = None) -> dict[str, float]:
    """Return balanced accuracy and macro F1 over the classes that occur."""
    _, recall, f1, support = precision_recall_fscore_support(truth, predicted, sample_weight=weights, zero_division=0)
    return {"balanced_accuracy": float(recall[support > 0].mean()), "macro_f1": float(f1.mean())}


def classification_report(names: list[str], truth: np.ndarray, predicted: np.ndarray) -> list[dict[str, Any]]:
    """Return precision, recall, F1 and support of each class, from class numbers, 0 where undefined; and `class_rates`.

    The rates are NaN where undefined.
    """
    numbers = np.arange(len(names))
    figures = precision_recall_fscore_support(truth, predicted, labels=numbers, zero_division=0)
    rates = class_rates(confusion_matrix(truth, predicted, labels=numbers))
    columns = ("class", "precision", "recall", "f1", "support", *(f"{name}_rate" for name in rates._fields))
    rows = zip(names, *(figure.tolist() for figure in (*figures, *rates)), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _log_loss(losses: np.ndarray, most: float, groups: np.ndarray | None) -> Estimate:
    value = float(losses.mean())
    if groups is not None:
        return Estimate(value, reason="no method was found whose coverage is right with groups")
    if len(losses) < 2:
        return Estimate(value, reason=SINGLE_IMAGE)
    return _estimate(value, log_loss_interval(losses, most))


def _estimate(value: float, interval: tuple[np.ndarray, np.ndarray]) -> Estimate:
    low, high = (float(end) for end in interval)
    if math.isnan(low):
        return Estimate(value, reason=f"each class is in fewer than {FEWEST_GROUPS_OF_A_CLASS} groups")
    return Estimate(value, min(low, value), max(high, value))
