"""Fit a head so that it has probabilities: by itself, or calibrated by temperature scaling; also for held-out rows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from ..evaluation.splits import INNER_FOLDS, Split, inner_folds
from ..exceptions import ParameterError

__all__ = ["fit_with_probabilities", "folds_inside", "held_out_probabilities"]


def fit_with_probabilities(pipeline: Pipeline, X: np.ndarray, y: np.ndarray, folds: list[Split]) -> BaseEstimator:
    """Return the head fitted on all rows, calibrated on the folds if it has no probabilities of its own."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        if hasattr(pipeline, "predict_proba"):
            return pipeline.fit(X, y)
        # A high temperature brings the probabilities so close that float32 would not tell them apart.
        return _calibrated(pipeline, X.astype(np.float64), y, folds)


def folds_inside(
    train: np.ndarray,
    y: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> list[Split]:
    """Return the inner folds of some of the rows, by their places among these; the others as for `inner_folds`."""
    parts = [None if column is None else column[train] for column in (groups, together)]
    return inner_folds(y[train], parts[0], random_state, parts[1])


def held_out_probabilities(
    pipeline: Pipeline,
    X: np.ndarray,
    y: np.ndarray,
    folds: list[Split],
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> np.ndarray:
    """Return the probability of each class for rows that a head was neither fitted nor calibrated on.

    Parameters
    ----------
    pipeline : Pipeline
        Cloned for each fold.
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    folds : list of (rows to fit on, rows to predict)
        Every class is in each part to fit on.
    groups, together : ndarray of shape (n,), default=None
        As for `TunedHead.fit`; where the head is calibrated, the folds inside the part to fit on respect them.
    random_state : int, default=0
        Of these folds.

    Returns
    -------
    ndarray of float64, shape (n, classes)
        NaN for rows that no fold predicts.
    """
    found = np.full((len(y), len(np.unique(y))), np.nan)
    for train, test in folds:
        inside = []
        if not hasattr(pipeline, "predict_proba"):
            inside = folds_inside(train, y, groups=groups, together=together, random_state=random_state)
        fitted = fit_with_probabilities(clone(pipeline), X[train], y[train], inside)
        if not hasattr(fitted, "predict_proba"):
            raise ParameterError(
                f"{type(pipeline[-1]).__name__} has no probabilities, which an operating point needs",
                "Choose another head.",
            )
        found[test] = fitted.predict_proba(X[test])
    return found


def _calibrated(pipeline: Pipeline, X: np.ndarray, y: np.ndarray, folds: list[Split]) -> CalibratedClassifierCV:
    """Return the head fitted on all rows and calibrated by temperature scaling."""
    weights = pipeline[-1].get_params().get("class_weight")
    classes, numbers = np.unique(y, return_inverse=True)
    labels, head = y, pipeline
    if isinstance(weights, Mapping):
        # Scikit-learn predicts the folds by class numbers, in place of the labels that the weights are given for.
        labels, head = numbers, clone(pipeline)
        head[-1].set_params(class_weight={n: weights.get(label, 1.0) for n, label in enumerate(classes.tolist())})
    calibrated = CalibratedClassifierCV(head, method="temperature", ensemble=False, cv=folds).fit(X, labels)
    if labels is numbers:
        (fitted,) = calibrated.calibrated_classifiers_
        fitted.estimator, fitted.classes = clone(pipeline).fit(X, y), classes
        calibrated.estimator, calibrated.classes_ = pipeline, classes
    calibrated.cv = INNER_FOLDS  # the row numbers of the folds have no place in a saved model
    return calibrated
