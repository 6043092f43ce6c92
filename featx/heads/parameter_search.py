"""Search the grid of a head for its best parameters, on folds of all rows or of some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import ParameterGrid

from ..choices import Scoring
from ..evaluation.splits import Split
from ..exceptions import DatasetError
from ..runtime.tasks import Workers
from .calibrated_head import folds_inside
from .elimination import find_best_value
from .head_probabilities import is_calibrated
from .heads import HeadSpec
from .scoring import score_values, scored_folds
from .tuning_rows import tuning_rows

__all__ = ["best_parameters", "folds_of_search"]


def folds_of_search(
    truth: np.ndarray,
    folds: list[Split],
    most: int | None,
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> tuple[np.ndarray, list[Split]]:
    """Return the rows that parameters are chosen on, and their folds.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
    folds : list of (train rows, test rows)
        Of all rows. They are returned if there are no more than `most`, or if their part has too few groups for folds.
    most, groups, together, random_state
        As for `tuning_rows`.
    """
    part: dict[str, Any] = {"groups": groups, "together": together, "random_state": random_state}
    rows = tuning_rows(truth, most, **part)
    if rows is None:
        return np.arange(len(truth)), folds
    try:
        own = folds_inside(rows, truth, **part)
    except DatasetError:
        return np.arange(len(truth)), folds
    return rows, [(rows[train], rows[test]) for train, test in own]


def best_parameters(
    spec: HeadSpec,
    X: np.ndarray,
    y: np.ndarray,
    folds: list[Split],
    inside: Mapping[str, Any],
    *,
    scoring: Scoring,
    positive: int | None = None,
    n_jobs: int | None = None,
) -> tuple[float, dict[str, Any]]:
    """Return the best mean score and the parameters that reached it, as a search of the whole grid would.

    Parameters
    ----------
    spec : HeadSpec
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    folds : list of (train rows, test rows)
        Of some rows, or of all. Every class is in each part to fit on.
    inside : mapping
        `groups`, `together` and `random_state` of `folds_inside`, where the score needs a calibrated head.
    scoring, positive
        As for `score_values`.
    n_jobs : int, default=None
    """
    values = list(ParameterGrid(spec.grid))
    folds = scored_folds(folds, y, np.unique(y[folds[0][0]]), scoring, positive)
    calibrations: list[list[Split]] = [[] for _ in folds]
    if scoring == "neg_log_loss" and is_calibrated(spec):
        calibrations = [folds_inside(train, y, **inside) for train, _ in folds]
    with Workers(n_jobs=n_jobs) as workers:

        def score(tasks: list[tuple[int, list[int]]]) -> Sequence[Sequence[float]]:
            calls = [
                (
                    spec,
                    [values[place] for place in places],
                    X,
                    y,
                    folds[fold],
                    scoring,
                    positive,
                    calibrations[fold],
                )
                for fold, places in tasks
            ]
            return list(workers.results(score_values, calls))

        best, mean = find_best_value(score, len(values), len(folds), n_jobs=workers.count())
    return mean, values[best]
