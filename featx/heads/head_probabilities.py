"""Probabilities of a head: its own, or those of its decision values by temperature scaling."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from ..evaluation.splits import INNER_FOLDS, Split

__all__ = ["with_probabilities"]


def with_probabilities(pipeline: Pipeline, X: np.ndarray, y: np.ndarray, folds: list[Split]) -> BaseEstimator:
    """Return the head fitted on all rows, calibrated if it has no probabilities of its own.

    Parameters
    ----------
    pipeline : Pipeline
        Not fitted.
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    folds : list of (train rows, test rows)
        Of the calibration.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        if hasattr(pipeline, "predict_proba"):
            return pipeline.fit(X, y)
        # A high temperature brings the probabilities so close that float32 would not tell them apart.
        return _calibrated(pipeline, X.astype(np.float64), y, folds)


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
