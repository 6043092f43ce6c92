"""What a head can be tuned over on small data sets: fewer neighbours, no early stopping, or not at all."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from ..evaluation.splits import Split
from ..exceptions import ParameterError
from .heads import HeadSpec

__all__ = ["feasible"]


def feasible(spec: HeadSpec, y: np.ndarray, folds: list[Split]) -> HeadSpec:
    """Return a named head without what the training parts of the folds are too small for; others as they are.

    These are numbers of neighbours that exceed the rows, and early stopping if the part that it holds out would lack a
    class.

    Parameters
    ----------
    spec : HeadSpec
    y : ndarray of shape (n,)
    folds : list of (train rows, test rows)

    Raises
    ------
    ParameterError
        If nothing is left of it.
    """
    pipeline, grid = clone(spec.estimator), spec.grid
    known = pipeline[-1].get_params()
    if spec.is_own:
        return spec
    if "early_stopping" in known:
        fraction = known["validation_fraction"]
        counts = [np.unique(y[train], return_counts=True)[1] for train, _ in folds]
        enough = all(min(c) > 1 and math.ceil(fraction * sum(c)) >= max(2, len(c)) for c in counts)
        pipeline[-1].set_params(early_stopping=enough)
    if isinstance(pipeline[-1], LinearDiscriminantAnalysis):
        sizes = [(len(train), len(np.unique(y[train]))) for train, _ in folds]
        if tight := [size for size in sizes if size[0] <= size[1]]:
            n_rows, n_classes = tight[0]
            raise ParameterError(
                f"the head {spec.name} needs more images than classes, and a fold that it is tuned on has {n_rows} of "
                f"{n_classes} classes",
                "Add images, or choose another head.",
            )
    if "n_neighbors" in grid:
        most = min(len(train) for train, _ in folds)
        few = [number for number in grid["n_neighbors"] if number <= most]
        if not few:
            raise ParameterError(
                f"got n_neighbors={min(grid['n_neighbors'])} for {most} training images", "Choose fewer neighbours."
            )
        grid = {**grid, "n_neighbors": few}
    return replace(spec, estimator=pipeline, grid=grid)
