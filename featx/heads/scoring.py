"""Scores that the grid search maximises: of predicted labels, or of probabilities and decision values."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss

from ..choices import Scoring
from ..evaluation.answers import predicted_classes
from ..evaluation.metric_names import RANKING_METRICS
from ..evaluation.metrics import score_classes
from ..evaluation.ranking import mean_ranking, score_ranking
from ..evaluation.splits import Split
from ..exceptions import DatasetError
from .grid_predictions import class_values, predict_grid
from .head_probabilities import is_calibrated, with_probabilities
from .heads import HeadSpec
from .scaling import fit_scaler

__all__ = ["LABEL_SCORES", "baseline_metric", "score_values", "scored_folds", "tuning_score"]

# No score is above 1: the elimination of values rests on that.
LABEL_SCORES: dict[Scoring, Callable[..., float]] = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1_macro": partial(f1_score, average="macro"),
}
# The metric of a result that a score stands for, where the names differ.
METRIC_OF = {"f1_macro": "macro_f1"}


def score_values(
    spec: HeadSpec,
    values: list[dict[str, Any]],
    X: np.ndarray,
    y: np.ndarray,
    fold: Split,
    scoring: Scoring,
    positive: int | None = None,
    calibration: Sequence[Split] = (),
) -> list[float]:
    """Return the score of each value of a grid on the second part of the rows, after fitting on the first.

    Parameters
    ----------
    spec : HeadSpec
        Its grid is not used.
    values : list of dict
        Parameters of the classifier.
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
        All classes are in the first part.
    fold : (rows to fit on, rows to score)
    scoring : Scoring
    positive : int, default=None
        The number of the class that "roc_auc" and "average_precision" are of; None means the second of two, and the
        mean over all of more.
    calibration : sequence of Split, default=()
        Folds of the first part, for "neg_log_loss" of a head without probabilities, which is then calibrated as the
        head that is kept will be.
    """
    train, test = fold
    pipeline = spec.estimator
    with warnings.catch_warnings():
        # The ends of a grid may stop before they converge; the scores show whether that matters.
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        if scoring == "neg_log_loss" and is_calibrated(spec):
            found = []
            for value in values:
                head = replace(spec, estimator=spec.with_parameters(value))
                fitted = with_probabilities(head, X[train], y[train], list(calibration))
                found.append(fitted.predict_proba(X[test]))
        else:
            scaler = clone(pipeline[:-1])
            rows = X[train]
            if spec.is_own:
                rows = scaler.fit_transform(rows)
            else:
                # These rows are a copy already.
                rows = fit_scaler(scaler[0].set_params(copy=False), rows).transform(rows)
            ask = None if scoring in LABEL_SCORES else class_values
            found = predict_grid(pipeline[-1], values, rows, y[train], scaler.transform(X[test]), ask=ask)
    if scoring in LABEL_SCORES:
        return [float(LABEL_SCORES[scoring](y[test], labels)) for labels in found]
    classes = np.unique(y[train])
    truth = np.searchsorted(classes, y[test])
    if scoring == "neg_log_loss":
        return [-float(log_loss(truth, each, labels=np.arange(len(classes)))) for each in found]
    return [_ranking_score(truth, each, scoring, positive) for each in found]


def _has_score(labels: np.ndarray, classes: np.ndarray, scoring: Scoring, positive: int | None) -> bool:
    """Return whether the images with these labels have a score: ranking needs images of the class, and others."""
    if scoring not in RANKING_METRICS:
        return True
    if positive is None:
        return len(np.unique(labels)) > 1
    own = labels == classes[positive]
    return bool(own.any() and not own.all())


def scored_folds(
    folds: list[Split], y: np.ndarray, classes: np.ndarray, scoring: Scoring, positive: int | None
) -> list[Split]:
    """Return the folds whose second part has a score; with groups, one may lack a class.

    Raises
    ------
    DatasetError
        If there are none.
    """
    found = [fold for fold in folds if _has_score(y[fold[1]], classes, scoring, positive)]
    if not found:
        raise DatasetError(
            f"no inner fold has images to compute {scoring} on: the groups keep the classes apart",
            "Pass smaller groups, or choose another scoring.",
        )
    return found


def tuning_score(
    truth: np.ndarray, answers: np.ndarray, scoring: Scoring, positive: int | None = None, *, n_classes: int
) -> float:
    """Return the score of held-out answers, by which candidates are picked; the larger the better.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
    answers : ndarray, shape (n, classes) or (n,)
        See `featx.evaluation.answers`. Class numbers have no score that needs probabilities: it is the lowest.
    scoring, positive
        As for `score_values`. Predicted labels are the most probable ones, as in the tuning.
    n_classes : int
    """
    if scoring in LABEL_SCORES:
        found = score_classes(truth, predicted_classes(answers), n_classes=n_classes)
        return found[METRIC_OF.get(scoring, scoring)].value
    if answers.ndim == 1:
        return -math.inf
    if scoring == "neg_log_loss":
        chosen = answers[np.arange(len(truth)), truth]
        return float(np.log(chosen.clip(np.finfo(np.float64).eps)).mean())
    score = _ranking_score(truth, answers, scoring, positive)
    return -math.inf if math.isnan(score) else score


def baseline_metric(scoring: Scoring, n_classes: int, positive: int | None, *, at_point: bool) -> str:
    """Return the metric by which a model is compared with always answering the largest class.

    Accuracy stands for log loss, since one sure answer has none, and for means over classes, which have no interval.
    At an operating point, `at_point`, balanced accuracy stands for accuracy, which a threshold gives away on purpose:
    a model that finds 95 % of a rare class may be right less often than one that never answers it.
    """
    if scoring == "neg_log_loss" or (scoring in RANKING_METRICS and positive is None and n_classes > 2):
        metric = "accuracy"
    else:
        metric = METRIC_OF.get(scoring, scoring)
    return "balanced_accuracy" if at_point and metric == "accuracy" else metric


def _ranking_score(truth: np.ndarray, values: np.ndarray, scoring: Scoring, positive: int | None) -> float:
    if positive is None and values.shape[1] == 2:
        positive = 1
    if positive is None:
        return mean_ranking(truth, values)[scoring].value
    return score_ranking(truth == positive, values[:, positive])[scoring].value
