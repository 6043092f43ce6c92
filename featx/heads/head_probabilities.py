"""Probabilities of a head: its own, those of its decision values by temperature scaling, or none."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline

from ..evaluation.splits import INNER_FOLDS, Split
from .heads import HeadSpec
from .scaling import fit_scaled

__all__ = ["is_calibrated", "may_have_probabilities", "with_probabilities"]

# The probabilities of discriminant analysis are of Gaussian classes, and far too sure in hundreds of dimensions: with
# them the log loss of three data sets was 0.7 to 2.1, with a temperature 0.3 to 0.4.
OVERCONFIDENT = (LinearDiscriminantAnalysis,)


def with_probabilities(
    spec: HeadSpec, X: np.ndarray, y: np.ndarray, folds: list[Split], rows: np.ndarray | None = None
) -> BaseEstimator:
    """Return the head fitted on rows, calibrated by temperature scaling if it has no probabilities of its own.

    So are named heads whose own ones are of no use. A classifier of your own has no probabilities if it has neither
    these nor decision values of which the largest is the predicted class: calibration never changes a decision.

    Parameters
    ----------
    spec : HeadSpec
        With one combination of parameters, which are set.
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    folds : list of (train rows, test rows)
        Of the calibration; by their places among `rows`, if these are given.
    rows : ndarray of int, default=None
        The rows of X and y to fit on; None means all.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        pipeline = clone(spec.estimator)
        if not is_calibrated(spec):
            return fit_scaled(pipeline, X, y, rows)
        if rows is not None:
            X, y = X[rows], y[rows]
        if spec.is_own and not _decides_by_values(fitted := clone(pipeline).fit(X, y), X):
            return fitted
        # A high temperature brings the probabilities so close that float32 would not tell them apart.
        return _calibrated(pipeline, X.astype(np.float64), y, folds)


def is_calibrated(spec: HeadSpec) -> bool:
    """Tell whether a head has no probabilities of its own, or useless ones, and gets those of its decision values."""
    has_own = hasattr(spec.estimator, "predict_proba")
    return not has_own or (not spec.is_own and isinstance(spec.estimator[-1], OVERCONFIDENT))


def may_have_probabilities(head: Any) -> bool:
    """Tell whether a head that is not fitted may get probabilities: an estimator, as its methods say; others do.

    What a name stands for is not imported: it may come from a file.
    """
    if isinstance(head, str):
        return True
    return hasattr(head, "predict_proba") or hasattr(head, "decision_function")


def _decides_by_values(fitted: Pipeline, X: np.ndarray) -> bool:
    """Tell whether a fitted head has a decision value for each class, the largest that of the predicted class."""
    if not hasattr(fitted, "decision_function"):
        return False
    values = np.asarray(fitted.decision_function(X))
    if len(fitted.classes_) == 2 and values.ndim == 1:
        values = np.stack([-values, values], axis=1)
    if values.shape != (len(X), len(fitted.classes_)) or not np.isfinite(values).all():
        return False
    return bool((fitted.classes_[values.argmax(axis=1)] == fitted.predict(X)).all())


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
