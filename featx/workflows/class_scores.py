"""Rank the classes of a fitted classifier for each row, by probabilities or decision values if it has any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from ..exceptions import FeatxError, ModelFileError
from ..model_files.model_parts import parts

__all__ = ["ClassScores", "class_scores", "scores_from_probabilities"]


@dataclass(frozen=True)
class ClassScores:
    """The predictions of a classifier: an order of its classes, and their probabilities.

    Attributes
    ----------
    order : ndarray of int, shape (n, m)
        Positions in `classes_`. The first is what ``predict`` returns; the others follow by probability or decision
        value. A classifier that has neither has the first alone.
    probabilities : ndarray of float, shape (n, k), or None
        In the order of `classes_`.
    """

    order: np.ndarray
    probabilities: np.ndarray | None

    def placed(self, rows: np.ndarray, n: int) -> ClassScores:
        """Return these scores at some rows of n; the other rows have NaN and the first class."""
        order = np.zeros((n, self.order.shape[1]), int)
        order[rows] = self.order
        if self.probabilities is None:
            return ClassScores(order, None)
        probabilities = np.full((n, self.probabilities.shape[1]), np.nan)
        probabilities[rows] = self.probabilities
        return ClassScores(order, probabilities)


def scores_from_probabilities(probabilities: np.ndarray, decided: np.ndarray | None = None) -> ClassScores:
    """Return the scores of a classifier that predicts the most probable class, or the numbers in `decided`."""
    ranks = np.array(probabilities)
    if decided is not None:
        ranks[np.arange(len(ranks)), decided] = np.inf
    return ClassScores(np.argsort(-ranks, axis=1, kind="stable"), probabilities)


def class_scores(model: Any, X: Any) -> ClassScores:
    """Return all that a classifier predicts for some rows: its classes in order, and probabilities if it has any.

    A tuned threshold, or the votes of an SVM, may decide for another class than the most probable one.

    Raises
    ------
    ModelFileError
        If the classifier predicts several labels for a row, or fails.
    """
    try:
        classes = np.asarray(model.classes_)
        predicted = np.asarray(model.predict(X))
        probabilities = np.asarray(model.predict_proba(X)) if hasattr(model, "predict_proba") else None
        values = probabilities if probabilities is not None else _decision_values(model, X, len(classes))
    except (FeatxError, MemoryError):
        raise
    except Exception as error:  # a damaged or forged head makes scikit-learn raise errors of many kinds
        last = model[-1] if isinstance(model, Pipeline) and model.steps else model
        raise ModelFileError(
            f"the model's {type(last).__name__} fails: {str(error) or type(error).__name__}",
            "Fit it again, with another head if the file is not damaged.",
        ) from error
    if predicted.ndim == 2:
        raise ModelFileError(
            f"the model predicts {predicted.shape[1]} labels for an image", "Use load_model and its predict in Python."
        )
    if predicted.shape != (len(X),) or (values is not None and values.shape != (len(X), len(classes))):
        raise ModelFileError("the model's predictions do not match its classes", "Fit it again.")
    first = predicted[:, None] == classes[None, :]
    if values is None:
        return ClassScores(first.argmax(axis=1)[:, None], None)
    ranks = np.where(first, np.inf, values)
    return ClassScores(np.argsort(-ranks, axis=1, kind="stable"), probabilities)


def _decision_values(model: Any, X: Any, n_classes: int) -> np.ndarray | None:
    """Return one decision value a class, or None if the classifier has none."""
    pairwise = any(getattr(part, "decision_function_shape", None) == "ovo" for _, part in parts(model))
    if pairwise or not hasattr(model, "decision_function"):
        return None
    values = np.asarray(model.decision_function(X))
    if values.ndim == 1 and n_classes == 2:
        values = np.stack([-values, values], axis=1)
    return values if values.shape == (len(values), n_classes) else None
