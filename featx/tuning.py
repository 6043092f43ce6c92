"""Training rows and a candidate go in; tuned parameters and a fitted head come out."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from .backbones import View
from .heads import Head
from .splits import Split, splitter

__all__ = ["INNER_FOLDS", "Candidate", "Tuner"]

INNER_FOLDS = 3


@dataclass(eq=False)
class Candidate:
    """A head on a view, with what it predicted so far."""

    view: View
    head: Head
    probabilities: np.ndarray
    parameters: list[dict[str, Any]] = field(default_factory=list)
    inner_scores: list[float] = field(default_factory=list)
    seconds: float = 0.0


class Tuner:
    """Grid searches inside training rows."""

    def __init__(
        self,
        matrices: Mapping[View, np.ndarray],
        y: np.ndarray,
        groups: np.ndarray | None,
        scoring: str,
        random_state: int,
        n_jobs: int | None,
    ) -> None:
        self.matrices = matrices
        self.y = y
        self.groups = groups
        self.scoring = scoring
        self.random_state = random_state
        self.n_jobs = n_jobs

    def run(self, candidate: Candidate, train: np.ndarray, test: np.ndarray, classes: np.ndarray) -> None:
        """Tune and fit on the training rows, predict the test rows, and note it all in the candidate."""
        start = time.perf_counter()
        score, parameters = self.tune(candidate, train)
        head = self.fit(candidate, parameters, train)
        columns = np.searchsorted(classes, head.classes_)
        candidate.probabilities[np.ix_(test, columns)] = head.predict_proba(self.matrices[candidate.view][test])
        candidate.parameters.append(parameters)
        candidate.inner_scores.append(score)
        candidate.seconds += time.perf_counter() - start

    def tune(self, candidate: Candidate, rows: np.ndarray) -> tuple[float, dict[str, Any]]:
        """Return the best inner score and the parameters that gave it."""
        search = GridSearchCV(
            candidate.head.estimator,
            candidate.head.grid,
            cv=self._inner(rows),
            scoring=self.scoring,
            refit=False,
            n_jobs=self.n_jobs,
            error_score="raise",
        )
        with warnings.catch_warnings():
            # A grid's ends may stop before they converge; the scores tell whether that matters.
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            search.fit(self.matrices[candidate.view][rows], self.y[rows])
        step = len("classify__")
        return float(search.best_score_), {name[step:]: value for name, value in search.best_params_.items()}

    def fit(self, candidate: Candidate, parameters: dict[str, Any], rows: np.ndarray) -> BaseEstimator:
        """Return the head fitted with these parameters, with probabilities."""
        head = clone(candidate.head.estimator)
        head.set_params(**{f"classify__{name}": value for name, value in parameters.items()})
        if not hasattr(head, "predict_proba"):
            head = CalibratedClassifierCV(head, method="temperature", ensemble=False, cv=self._inner(rows))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            head.fit(self.matrices[candidate.view][rows], self.y[rows])
        if isinstance(head, CalibratedClassifierCV):
            head.cv = INNER_FOLDS  # the row numbers of the folds have no place in a saved model
        return head

    def _inner(self, rows: np.ndarray) -> list[Split]:
        y = self.y[rows]
        groups = None if self.groups is None else self.groups[rows]
        smallest = np.unique(y, return_counts=True)[1].min()
        folds = int(min(INNER_FOLDS, smallest)) if groups is None else INNER_FOLDS
        return list(splitter(folds, groups, self.random_state).split(y, y, groups))
