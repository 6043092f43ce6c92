"""Check the embeddings and the split that `evaluate_heads` is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..constraints import shown
from ..exceptions import ParameterError

__all__ = ["checked_matrices", "checked_split"]

MATRICES_ADVICE = "Pass {('head', 'avg'): embeddings}."


def checked_matrices(matrices: Any) -> np.ndarray:
    """Return the first of the matrices after checking that all have the same number of rows."""
    arrays = list(matrices.values()) if isinstance(matrices, Mapping) else []
    shapes = {np.shape(array) if isinstance(array, np.ndarray) else () for array in arrays}
    if len({shape[:1] for shape in shapes}) != 1 or any(len(shape) != 2 for shape in shapes):
        raise ParameterError(
            f"got matrices={shown(matrices)}; expected a mapping of (layer, pooling) to arrays of shape (n, d)",
            MATRICES_ADVICE,
        )
    for view in matrices:
        if not (isinstance(view, tuple) and len(view) in (2, 3) and all(isinstance(name, str) for name in view)):
            raise ParameterError(f"got the view {shown(view)}; expected (layer, pooling)", MATRICES_ADVICE)
    return arrays[0]


def checked_split(split: Any, n: int) -> list[np.ndarray]:
    try:
        parts = [np.asarray(rows) for rows in split]
    except (TypeError, ValueError):  # not iterable, or of uneven lengths
        parts = []
    whole = all(rows.ndim == 1 and rows.dtype.kind in "iu" and len(rows) for rows in parts)
    if len(parts) != 2 or not whole or any(rows.min() < 0 or rows.max() >= n for rows in parts):
        raise ParameterError(
            f"got split={shown(split)}; expected (train rows, test rows), integers from 0 to {n - 1}",
            "Pass what the split method of a scikit-learn splitter returns, such as next(splitter.split(X, y)).",
        )
    return parts
