"""Predictions of held-out rows by a head that is tuned and fitted on the other rows, for each split of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from ..evaluation.answers import answers_of, joined_answers, predicted_classes
from ..evaluation.operating_point import class_number
from ..evaluation.splits import Split
from ..evaluation.thresholds import decide
from ..exceptions import ParameterError
from .head_labels import is_named
from .head_names import HEADS
from .tuned_head import TunedHead

__all__ = ["HeldOutPredictions", "predict_held_out"]


@dataclass(frozen=True)
class HeldOutPredictions:
    """What a tuned head predicts for rows that it was not fitted on.

    Attributes
    ----------
    answers : ndarray of shape (n, k) or (n,)
        Probabilities of all classes, or class numbers where a fit has none; 0 for rows that were not predicted.
    decided : ndarray of int, shape (n,)
        The numbers of the predicted classes: the most probable ones, or by the threshold of an operating point.
    thresholds : list of float
        Those that operating points chose, for each split.
    parameters : list of dict
        What the tuning chose, for each split.
    inner_scores : list of float
        The mean score that it reached with them inside the training rows.
    seconds : float
        Tuning, fitting and predicting, over all splits.
    """

    answers: np.ndarray
    decided: np.ndarray
    thresholds: list[float]
    parameters: list[dict[str, Any]]
    inner_scores: list[float]
    seconds: float

    @property
    def probabilities(self) -> np.ndarray:
        """The answers of a head that has probabilities, shape (n, k).

        Raises
        ------
        ParameterError
            If it has none.
        """
        if self.answers.ndim == 1:
            raise ParameterError(
                "the head gives no probabilities, which are needed here", f"Use one of {', '.join(HEADS)}."
            )
        return self.answers


def predict_held_out(
    tuned: TunedHead,
    X: np.ndarray,
    y: np.ndarray,
    splits: Sequence[Split],
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    after_each: Callable[[], object] | None = None,
) -> tuple[HeldOutPredictions, TunedHead]:
    """Tune and fit a head on the training rows of each split, and predict its test rows.

    Parameters
    ----------
    tuned : TunedHead
        Cloned for each split.
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    splits : sequence of (train rows, test rows)
        At least one.
    groups, together : ndarray of shape (n,), default=None
        As for `TunedHead.fit`.
    after_each : callable, default=None
        Called after each split.

    Returns
    -------
    predictions : HeldOutPredictions
    last : TunedHead
        The head of the last split, fitted.
    """
    # Once for all splits, if they lie column by column.
    X = np.asarray(X, order="C")
    classes = np.unique(y)
    found, parameters, inner_scores = [], [], []
    decided, thresholds = np.zeros(len(y), dtype=int), []
    start = time.perf_counter()
    for train, test in splits:
        head = clone(tuned)
        # With groups, the training rows may lack a class.
        if isinstance(head.class_weight, Mapping):
            present = set(y[train].tolist())
            head.class_weight = {label: weight for label, weight in head.class_weight.items() if label in present}
        fitted = head.fit_rows(X, y, train, groups, together)
        by_probability = is_named(fitted.head) or fitted.operating_point is not None
        answers = answers_of(fitted, X[test], classes, by_probability=by_probability)
        found.append((test, answers))
        decided[test] = predicted_classes(answers)
        if fitted.operating_point is not None:
            thresholds.append(fitted.threshold_.threshold)
            decided[test] = decide(answers, class_number(fitted.positive, classes), fitted.threshold_.threshold)
        parameters.append(fitted.best_params_)
        inner_scores.append(fitted.best_score_)
        if after_each is not None:
            after_each()
    spent = time.perf_counter() - start
    return HeldOutPredictions(
        joined_answers(found, len(y)), decided, thresholds, parameters, inner_scores, spent
    ), fitted
