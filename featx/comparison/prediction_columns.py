"""Columns with the predictions of all strategies of a comparison, as one table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .size_result import SizeResult

__all__ = ["prediction_columns"]


def prediction_columns(sizes: Sequence[SizeResult]) -> dict[str, np.ndarray]:
    """Return the predictions of all strategies at all sizes as columns of one table.

    ``strategy`` and ``images`` (those that it was trained on) come before the columns of `PredictionTable.columns`.
    Where some strategies have probabilities and others have none, these have NaN.
    """
    each = [
        {
            "strategy": np.full(len(s.predictions.rows), s.strategy, dtype=object),
            "images": np.full(len(s.predictions.rows), s.n_train),
            **s.predictions.columns(),
        }
        for size in sizes
        for s in size.strategies
        if s.predictions is not None
    ]
    names = dict.fromkeys(name for columns in each for name in columns)
    return {
        name: np.concatenate([columns.get(name, np.full(len(columns["row"]), np.nan)) for columns in each])
        for name in names
    }
