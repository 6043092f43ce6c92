"""Grid search of a head by cross-validation inside training rows, and the head fitted with what it chose."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
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
from ..runtime.tasks import Workers
from .elimination import find_best_value
from .grid_predictions import predict_grid
from .heads import CLASSIFIER_STEP, HeadSpec

__all__ = ["SCORE_FUNCTIONS", "Tuner"]

# No score is above 1: the elimination of candidates rests on that.
SCORE_FUNCTIONS = {
    "accuracy": accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "f1_macro": partial(f1_score, average="macro"),
}


class Tuner:
    """Grid search of heads inside training rows, by cross-validation.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels of all rows.
    groups : ndarray of shape (n,), default=None
        Kept on one side of every fold.
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content, which are kept together too.
    scoring : {"accuracy", "balanced_accuracy", "f1_macro"}, default="accuracy"
    random_state : int, default=0
        Of the folds.
    n_jobs : int, default=None
    """

    def __init__(
        self,
        y: np.ndarray,
        *,
        groups: np.ndarray | None = None,
        together: np.ndarray | None = None,
        scoring: str = "accuracy",
        random_state: int = 0,
        n_jobs: int | None = None,
    ) -> None:
        self.y = y
        self.groups = groups
        self.together = together
        self.scoring = scoring
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.warned: set[Any] = set()

    def tune(self, head: HeadSpec, X: np.ndarray, rows: np.ndarray) -> tuple[float, dict[str, Any]]:
        """Return the best mean score and the parameters that reached it, as a search of the whole grid would.

        Parameters
        ----------
        head : HeadSpec
        X : ndarray of shape (n, d)
        rows : ndarray of int
            Those to tune on.
        """
        splits, y = self._inner(rows), self.y[rows]
        X = X[rows]
        estimator = _early_stopping(head.estimator, y, splits)
        values = _values(_grid_for(head.grid, splits))
        with Workers(n_jobs=self.n_jobs, warned=self.warned) as workers:

            def score(tasks: list[tuple[int, list[int]]]) -> Sequence[Sequence[float]]:
                calls = [
                    (estimator, [values[place] for place in places], X, y, splits[fold], self.scoring)
                    for fold, places in tasks
                ]
                return list(workers.results(_scores, calls))

            best, mean = find_best_value(score, len(values), len(splits), n_jobs=workers.count())
        return mean, values[best]

    def fit(self, head: HeadSpec, parameters: dict[str, Any], X: np.ndarray, rows: np.ndarray) -> BaseEstimator:
        """Return the head fitted on some rows with these parameters, with probabilities."""
        estimator = clone(_early_stopping(head.estimator, self.y[rows], self._inner(rows)))
        estimator.set_params(**{f"{CLASSIFIER_STEP}__{name}": value for name, value in parameters.items()})
        X = X[rows]
        if not hasattr(estimator, "predict_proba"):
            estimator = CalibratedClassifierCV(estimator, method="temperature", ensemble=False, cv=self._inner(rows))
            # A high temperature brings the probabilities so close that float32 would not tell them apart.
            X = X.astype(np.float64)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=ConvergenceWarning)
            estimator.fit(X, self.y[rows])
        if isinstance(estimator, CalibratedClassifierCV):
            estimator.cv = INNER_FOLDS  # the row numbers of the folds have no place in a saved model
        return estimator

    def _inner(self, rows: np.ndarray) -> list[Split]:
        groups, together = (None if kept is None else kept[rows] for kept in (self.groups, self.together))
        return inner_folds(self.y[rows], groups, self.random_state, together)


def _early_stopping(estimator: Pipeline, y: np.ndarray, splits: list[Split]) -> Pipeline:
    """Return the estimator, without early stopping if the part that it holds out for this would lack a class."""
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
        # The ends of a grid may stop before they converge; the scores show whether that matters.
        warnings.filterwarnings("ignore", category=ConvergenceWarning)
        rows = scaler.fit_transform(X[train])
        predicted = predict_grid(head[-1], values, rows, y[train], scaler.transform(X[test]))
    return [float(SCORE_FUNCTIONS[scoring](y[test], labels)) for labels in predicted]


def _values(grid: dict[str, list[Any]]) -> list[dict[str, Any]]:
    """Return the combinations of a grid, as parameters of the classifier."""
    step = len(f"{CLASSIFIER_STEP}__")
    return [{name[step:]: setting for name, setting in value.items()} for value in ParameterGrid(grid)]


def _grid_for(grid: dict[str, list[Any]], splits: list[Split]) -> dict[str, list[Any]]:
    """Return the grid without numbers of neighbours that exceed the number of training images."""
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
