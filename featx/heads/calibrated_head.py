"""Probabilities of rows that a head was neither fitted nor calibrated on, by which thresholds are chosen."""

from __future__ import annotations

import numpy as np

from ..evaluation.splits import Split, inner_folds
from ..exceptions import ParameterError
from .head_probabilities import is_calibrated, with_probabilities
from .heads import HeadSpec

__all__ = ["folds_inside", "held_out_probabilities"]


def folds_inside(
    train: np.ndarray,
    y: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> list[Split]:
    """Return the inner folds of some of the rows, by their places among these; the others as for `inner_folds`."""
    parts = [None if column is None else column[train] for column in (groups, together)]
    return inner_folds(y[train], parts[0], random_state, parts[1])


def held_out_probabilities(
    spec: HeadSpec,
    X: np.ndarray,
    y: np.ndarray,
    folds: list[Split],
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> np.ndarray:
    """Return the probability of each class for rows that a head was neither fitted nor calibrated on.

    Parameters
    ----------
    spec : HeadSpec
        With one combination of parameters, which are set.
    X : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    folds : list of (rows to fit on, rows to predict)
        Every class is in each part to fit on.
    groups, together : ndarray of shape (n,), default=None
        As for `TunedHead.fit`; where the head is calibrated, the folds inside the part to fit on respect them.
    random_state : int, default=0
        Of these folds.

    Returns
    -------
    ndarray of float64, shape (n, classes)
        NaN for rows that no fold predicts.
    """
    found = np.full((len(y), len(np.unique(y[folds[0][0]]))), np.nan)
    for train, test in folds:
        inside = []
        if is_calibrated(spec):
            inside = folds_inside(train, y, groups=groups, together=together, random_state=random_state)
        fitted = with_probabilities(spec, X[train], y[train], inside)
        if not hasattr(fitted, "predict_proba"):
            raise ParameterError(
                f"the head {spec.name} has no probabilities, which an operating point needs",
                "Choose another head.",
            )
        found[test] = fitted.predict_proba(X[test])
    return found
