"""Results on held-out images: metrics with intervals, confusion matrix and baseline of a model's predictions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from ..display.json_values import as_json
from ..display.summary_mixin import SummaryMixin
from .answers import predicted_classes
from .baseline import Baseline, compare_baseline
from .estimates import Estimate
from .metrics import classification_report, interval_notes, score_answers
from .prediction_table import PredictionTable
from .reached_point import ReachedPoint
from .units import nontrivial_groups

__all__ = ["HeldOutResult", "score_held_out"]


@dataclass(repr=False)
class HeldOutResult(SummaryMixin):
    """How good a model is on images that it was not fitted on.

    Attributes
    ----------
    classes : list of str
    n_test : int
        Images that the metrics are computed on.
    metrics : dict of str to Estimate
        See `score_predictions`.
    per_class : list of dict
        Class, precision, recall, f1 and support, and the rates of `class_rates`: true_positive_rate, which is the
        recall but for NaN without images of the class, false_negative_rate and false_positive_rate.
    confusion_matrix : list of list of int
        True classes in rows, predicted ones in columns.
    baseline : Baseline
        Whether the model beats always answering the largest class.
    notes : list of str
        What to know about the metrics; see `interval_notes`.
    predictions : PredictionTable
        The prediction for each of these images, which the metrics are computed from. JSON has it on request.
    positive : str or None
        The class whose ROC AUC and average precision are among the metrics, against the rest.
    operating_point : ReachedPoint or None
        What a threshold of the positive class reaches, if one was asked for: it then decides the predicted classes.
    """

    classes: list[str]
    n_test: int
    metrics: dict[str, Estimate]
    per_class: list[dict[str, Any]]
    confusion_matrix: list[list[int]]
    baseline: Baseline
    notes: list[str]
    predictions: PredictionTable = field(compare=False, metadata={"json": False})
    positive: str | None = field(default=None, kw_only=True)
    operating_point: ReachedPoint | None = field(default=None, kw_only=True)

    def to_dict(self, *, predictions: bool = False) -> dict[str, Any]:
        """Return the figures as types that JSON can hold.

        Parameters
        ----------
        predictions : bool, default=False
            Whether the prediction for each image is among them, as `PredictionTable.to_records` has it.
        """
        return as_json(self) | ({"predictions": self.predictions.to_records()} if predictions else {})

    def to_json(self, *, predictions: bool = False) -> str:
        """Return `to_dict` as JSON text; `predictions` is as there."""
        return json.dumps(self.to_dict(predictions=predictions), indent=2, default=str, allow_nan=False)


def score_held_out(
    truth: np.ndarray,
    answers: np.ndarray,
    *,
    classes: Iterable[Any],
    trained: np.ndarray,
    groups: np.ndarray | None = None,
    folds: int = 1,
    metric: str = "accuracy",
    random_state: int = 0,
    others: Iterable[dict[str, Estimate]] = (),
    rows: np.ndarray | None = None,
    parts: np.ndarray | None = None,
    decided: np.ndarray | None = None,
    positive: int | None = None,
    ranked: bool = False,
    units: np.ndarray | None = None,
) -> HeldOutResult:
    """Return the result of predictions on held-out images.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    answers : ndarray, shape (n, k) or (n,)
        Probabilities, of which the largest is the prediction; or class numbers, where nothing else is known, and
        metrics of probabilities are NaN.
    classes : iterable of length k
        All classes, by number.
    groups : ndarray, shape (n,), default=None
        What was sampled as a whole, such as all images of a patient.
    trained, folds, metric
        As for `compare_baseline`.
    random_state : int, default=0
        Seed of the simulation of a calibrated model.
    others : iterable of dict of str to Estimate, default=()
        Metrics that are printed next to these, and that the notes on intervals are about too.
    rows : ndarray of int, shape (n,), default=None
        Of the data set, for the table of predictions, which is in their order; None means 0 to n - 1.
    parts : ndarray of str, shape (n,), default=None
        The fold or part of the data that each image was tested in; None means "test".
    decided, positive, ranked, units
        As for `score_predictions`; where there are no probabilities, they have no effect.
    """
    names, groups = [str(name) for name in classes], nontrivial_groups(groups)
    if answers.ndim == 1:
        positive, decided = None, answers
    elif positive is None and len(names) == 2:
        positive = 1
    predicted = predicted_classes(answers) if decided is None else decided
    metrics = score_answers(truth, answers, n_classes=len(names), groups=groups, random_state=random_state,
                            decided=decided, positive=positive, ranked=ranked, units=units)  # fmt: skip
    table = PredictionTable(
        names,
        np.arange(len(truth)) if rows is None else rows,
        truth,
        predicted,
        answers if answers.ndim == 2 else None,
        np.full(len(truth), "test", dtype=object) if parts is None else parts,
        groups,
    )
    return HeldOutResult(
        classes=names,
        n_test=len(truth),
        metrics=metrics,
        per_class=classification_report(names, truth, predicted),
        confusion_matrix=confusion_matrix(truth, predicted, labels=np.arange(len(names))).tolist(),
        baseline=compare_baseline(
            truth,
            predicted,
            trained,
            metrics=metrics,
            classes=names,
            groups=groups,
            folds=folds,
            metric=metric,
            positive=positive,
        ),
        notes=interval_notes([*others, metrics], groups=groups),
        predictions=table.take(np.argsort(table.rows, kind="stable")),
        positive=None if positive is None else names[positive],
    )
