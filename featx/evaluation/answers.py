"""Answers of a classifier: its probabilities or, where it has none that say what it predicts, the classes alone.

Answers are an array of shape (n, k), whose largest column is the predicted class, or of class numbers, shape (n,).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["answers_of", "joined_answers", "predicted_classes"]


def answers_of(model: Any, X: Any, classes: np.ndarray, *, by_probability: bool = False) -> np.ndarray:
    """Return what a fitted classifier answers for some rows.

    Parameters
    ----------
    model : classifier
        It may know fewer classes.
    X : array-like of length n
    classes : ndarray of shape (k,)
        All classes, sorted.
    by_probability : bool, default=False
        It is known to predict the most probable class.

    Returns
    -------
    ndarray of float64, shape (n, k), or of int, shape (n,)
        Class numbers if it has no probabilities, or predicts another class than the most probable one for some row.
    """
    if not hasattr(model, "predict_proba"):
        return np.searchsorted(classes, model.predict(X))
    given = np.asarray(model.predict_proba(X))
    found = np.zeros((len(given), len(classes)))
    found[:, np.searchsorted(classes, model.classes_)] = given
    if by_probability:
        return found
    predicted = np.searchsorted(classes, model.predict(X))
    return found if (found.argmax(axis=1) == predicted).all() else predicted


def predicted_classes(answers: np.ndarray) -> np.ndarray:
    """Return the numbers of the predicted classes, shape (n,)."""
    return answers.argmax(axis=1) if answers.ndim == 2 else answers


def joined_answers(parts: Sequence[tuple[np.ndarray, np.ndarray]], n: int) -> np.ndarray:
    """Return answers for the rows of several parts as one array; class numbers if one of them has no probabilities.

    Parameters
    ----------
    parts : sequence of (rows, answers)
    n : int
        Rows of the result; those in no part are 0.
    """
    whole = all(answers.ndim == 2 for _, answers in parts)
    found = np.zeros((n, parts[0][1].shape[1]) if whole else n, float if whole else int)
    for rows, answers in parts:
        found[rows] = answers if whole else predicted_classes(answers)
    return found
