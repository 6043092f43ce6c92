"""Candidates of an evaluation: a head on the embeddings of one view, with its predictions of held-out rows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..networks.pooling import View
from .heads import HeadSpec
from .search import Tuner

__all__ = ["Candidate"]


@dataclass(eq=False)
class Candidate:
    """A head on a view, with what it has predicted so far.

    Attributes
    ----------
    view : (layer, pooling)
    X : ndarray of shape (n, d)
        The embeddings of all images.
    head : HeadSpec
    probabilities : ndarray of shape (n, k)
        Of the rows that have been predicted.
    parameters : list of dict
        What the tuning chose, for each split.
    inner_scores : list of float
        The mean score that it reached with them inside the training rows.
    seconds : float
        Tuning, fitting and predicting.
    """

    view: View
    X: np.ndarray
    head: HeadSpec
    probabilities: np.ndarray
    parameters: list[dict[str, Any]] = field(default_factory=list)
    inner_scores: list[float] = field(default_factory=list)
    seconds: float = 0.0

    def evaluate(self, tuner: Tuner, train: np.ndarray, test: np.ndarray, classes: np.ndarray) -> None:
        """Tune and fit the head on the training rows, predict the test rows, and keep what came of it."""
        start = time.perf_counter()
        score, parameters = tuner.tune(self.head, self.X, train)
        head = tuner.fit(self.head, parameters, self.X, train)
        columns = np.searchsorted(classes, head.classes_)
        self.probabilities[np.ix_(test, columns)] = head.predict_proba(self.X[test])
        self.parameters.append(parameters)
        self.inner_scores.append(score)
        self.seconds += time.perf_counter() - start
