"""Training rows and a candidate go in; tuned parameters and a fitted head come out."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from ..evaluation.splits import INNER_FOLDS, Split, inner_folds
from ..exceptions import ParameterError
from ..networks.pooling import View
from ..runtime.tasks import Workers
from .elimination import find_best_value
from .grid_predictions import predict_grid
from .heads import CLASSIFIER_STEP, HeadSpec

__all__ = ["SCORE_FUNCTIONS", "Candidate", "Tuner"]

# None is above 1, which is what the elimination of candidates rests on.
SCORE_FUNCTIONS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1_macro": partial(f1_score, average="macro"),
}


@dataclass(eq=False)
class Candidate:
    """A head on a view, with what it predicted so far."""

    view: View
    head: HeadSpec
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
        together: np.ndarray | None = None,
    ) -> None:
        self.matrices = matrices
        self.y = y
        self.groups = groups
        self.scoring = scoring
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.together = together
        self.warned: set[Any] = set()

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
        """Return the best inner score and the parameters that gave it, those of a search through the whole grid."""
        splits, y = self._inner(rows), self.y[rows]
        X = self.matrices[candidate.view][rows]
        head = _early_stopping(candidate.head.estimator, y, splits)
        values = _values(_grid_for(candidate.head.grid, splits))
        with Workers(n_jobs=self.n_jobs, warned=self.warned) as workers:

            def score(tasks: list[tuple[int, list[int]]]) -> Sequence[Sequence[float]]:
                calls = [
                    (head, [values[place] for place in places], X, y, splits[fold], self.scoring)
                    for fold, places in tasks
                ]
                return list(workers.results(_scores, calls))

            best, mean = find_best_value(score, len(values), len(splits), n_jobs=workers.count())
        return mean, values[best]

    def fit(self, candidate: Candidate, parameters: dict[str, Any], rows: np.ndarray) -> BaseEstimator:
        """Return the head fitted with these parameters, with probabilities."""
        head = clone(_early_stopping(candidate.head.estimator, self.y[rows], self._inner(rows)))
        head.set_params(**{f"{CLASSIFIER_STEP}__{name}": value for name, value in parameters.items()})
        X = self.matrices[candidate.view][rows]
        if not hasattr(head, "predict_proba"):
            head = CalibratedClassifierCV(head, method="temperature", ensemble=False, cv=self._inner(rows))
            # A high temperature brings the probabilities so close that float32 would not tell them apart.
            X = X.astype(np.float64)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            head.fit(X, self.y[rows])
        if isinstance(head, CalibratedClassifierCV):
            head.cv = INNER_FOLDS  # the row numbers of the folds have no place in a saved model
        return head

    def _inner(self, rows: np.ndarray) -> list[Split]:
        groups, together = (None if kept is None else kept[rows] for kept in (self.groups, self.together))
        return inner_folds(self.y[rows], groups, self.random_state, together)


def _early_stopping(estimator: Pipeline, y: np.ndarray, splits: list[Split]) -> Pipeline:
    """Return the estimator without early stopping if the part it holds out for that would lack a class."""
    name = f"{CLASSIFIER_STEP}__early_stopping"
    if name not in estimator.get_params():
        return estimator
    fraction = estimator.get_params()[f"{CLASSIFIER_STEP}__validation_fraction"]
    counts = [np.unique(y[train], return_counts=True)[1] for train, _ in splits]
    enough = all(min(c) > 1 and math.ceil(fraction * sum(c)) >= max(2, len(c)) for c in counts)
    return clone(estimator).set_params(**{name: enough})


def _scores(
    head: Pipeline, values: list[dict[str, Any]], X: np.ndarray, y: np.ndarray, split: Split, scoring: str
) -> list[float]:
    """Return the score of each value on the second part of the rows, after fitting on the first."""
    train, test = split
    scaler = clone(head[:-1])
    with warnings.catch_warnings():
        # A grid's ends may stop before they converge; the scores tell whether that matters.
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        rows = scaler.fit_transform(X[train])
        predicted = predict_grid(head[-1], values, rows, y[train], scaler.transform(X[test]))
    return [float(SCORE_FUNCTIONS[scoring](y[test], labels)) for labels in predicted]


def _values(grid: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return the combinations of a grid, as parameters of the classifier."""
    step = len(f"{CLASSIFIER_STEP}__")
    return [{name[step:]: setting for name, setting in value.items()} for value in ParameterGrid(grid)]


def _grid_for(grid: dict[str, list[Any]], splits: list[Split]) -> dict[str, list[Any]]:
    """Return the grid without the numbers of neighbours that are more than the images there are."""
    most = min(len(train) for train, _ in splits)
    name = f"{CLASSIFIER_STEP}__n_neighbors"
    if name not in grid:
        return grid
    few = [number for number in grid[name] if number <= most]
    if not few:
        raise ParameterError(
            f"got n_neighbors={min(grid[name])} for {most} training images", "Choose fewer neighbours."
        )
    return {**grid, name: few}
