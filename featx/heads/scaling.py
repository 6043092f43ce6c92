"""Standardise embeddings in blocks of rows, so that no copy of all of them in float64 is made."""

from __future__ import annotations

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

__all__ = ["fit_scaled", "fit_scaler"]

# scikit-learn's `fit` makes a copy in float64 of what it is given.
ROWS_AT_ONCE = 4096


def fit_scaler(scaler: StandardScaler, X: np.ndarray) -> StandardScaler:
    """Fit a scaler; up to `ROWS_AT_ONCE` rows exactly as its own ``fit`` does, beyond that up to rounding."""
    for start in range(0, len(X), ROWS_AT_ONCE):
        scaler.partial_fit(X[start : start + ROWS_AT_ONCE])
    return scaler


def fit_scaled(pipeline: Pipeline, X: np.ndarray, y: np.ndarray, rows: np.ndarray | None = None) -> Pipeline:
    """Fit a pipeline of a scaler and a classifier; another pipeline fits itself.

    Parameters
    ----------
    pipeline : Pipeline
    X : ndarray of shape (n, d)
        Not changed.
    y : ndarray of shape (n,)
    rows : ndarray of int, default=None
        The rows of both to fit on; None means all.
    """
    if rows is not None:
        X, y = X[rows], y[rows]
    if len(pipeline) != 2 or type(pipeline[0]) is not StandardScaler:
        return pipeline.fit(X, y)
    # Some rows are a copy already. The scaler itself keeps copy=True, since it will be given rows of users.
    pipeline[-1].fit(fit_scaler(pipeline[0], X).transform(X, copy=rows is None), y)
    return pipeline
