"""Training rows and a candidate go in; tuned parameters and a fitted head come out."""

from __future__ import annotations

import math
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
from .exceptions import ParameterError
from .heads import Head
from .splits import INNER_FOLDS, Split, inner_folds

__all__ = ["INNER_FOLDS", "Candidate", "Tuner"]


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
        splits = self._inner(rows)
        search = GridSearchCV(
            _early_stopping(candidate.head.estimator, self.y[rows], splits),
            _grid_for(candidate.head.grid, splits),
            cv=splits,
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
        head = clone(_early_stopping(candidate.head.estimator, self.y[rows], self._inner(rows)))
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
        return inner_folds(self.y[rows], None if self.groups is None else self.groups[rows], self.random_state)


def _early_stopping(estimator: BaseEstimator, y: np.ndarray, splits: list[Split]) -> BaseEstimator:
    """Return the estimator without early stopping if the part it holds out for that would lack a class."""
    if "classify__early_stopping" not in estimator.get_params():
        return estimator
    fraction = estimator.get_params()["classify__validation_fraction"]
    counts = [np.unique(y[train], return_counts=True)[1] for train, _ in splits]
    enough = all(min(c) > 1 and math.ceil(fraction * sum(c)) >= max(2, len(c)) for c in counts)
    return clone(estimator).set_params(classify__early_stopping=enough)


def _grid_for(grid: dict[str, list[Any]], splits: list[Split]) -> dict[str, list[Any]]:
    """Return the grid without the numbers of neighbours that are more than the images there are."""
    most = min(len(train) for train, _ in splits)
    name = "classify__n_neighbors"
    if name not in grid:
        return grid
    few = [number for number in grid[name] if number <= most]
    if not few:
        raise ParameterError(
            f"got n_neighbors={min(grid[name])} for {most} training images", "Choose fewer neighbours."
        )
    return {**grid, name: few}
