"""The map of embeddings: PCA or UMAP of images to two dimensions, as points that a page draws."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..display.notes import note_step

__all__ = ["map_embeddings", "sampled_by_class"]

# More points would hide each other.
MOST_POINTS = 5000
# UMAP begins with so many principal components, as its authors advise for wide embeddings.
COMPONENTS = 50
# UMAP takes 15 neighbours of each.
FEWEST_FOR_UMAP = 20
GRID = 1000


def sampled_by_class(labels: np.ndarray, most: int, *, random_state: int = 0) -> np.ndarray:
    """Return at most so many places, sorted, the same share of each class and at least one.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    most : int
    random_state : int, default=0
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    rng = np.random.default_rng(random_state)
    mixed = rng.permutation(len(labels))
    kinds, counts = np.unique(labels, return_counts=True)
    kept = np.maximum(1, np.floor(counts * most / len(labels)).astype(int))
    parts = [mixed[labels[mixed] == kind][:count] for kind, count in zip(kinds, kept, strict=True)]
    return np.sort(np.concatenate(parts))


def map_embeddings(embeddings: np.ndarray, *, random_state: int = 0) -> dict[str, Any] | None:
    """Return where images are on a map, as whole numbers from 0 to 1000, and how it was made.

    UMAP is taken where umap-learn is installed, after a principal component analysis; else that alone.

    Parameters
    ----------
    embeddings : ndarray of float32, shape (n, d)
        Without NaN.
    random_state : int, default=0

    Returns
    -------
    dict or None
        `x`, `y`, `height` (the largest y) and `how`; None where there are fewer than three images or two features, or
        all embeddings are the same.
    """
    from sklearn.decomposition import PCA

    n, width = embeddings.shape
    if n < 3 or width < 2 or not np.ptp(embeddings, axis=0).any():
        return None
    reducer = PCA(min(COMPONENTS, n, width), svd_solver="randomized", random_state=random_state)
    rows = reducer.fit_transform(embeddings.astype(np.float32))
    explained = 100 * float(np.nansum(reducer.explained_variance_ratio_[:2]))
    how = f"the first two principal components, which hold {explained:.0f} % of the variance"
    points = rows[:, :2]
    if (mapped := _umap(rows, random_state)) is not None:
        points, how = mapped, f"UMAP of {rows.shape[1]} principal components; distances between far groups mean little"
    low, span = points.min(axis=0), np.ptp(points, axis=0).max() or 1.0
    placed = np.rint((points - low) / span * GRID).astype(int)
    # y grows downwards on a screen.
    height = int(placed[:, 1].max())
    return {"x": placed[:, 0].tolist(), "y": (height - placed[:, 1]).tolist(), "height": height, "how": how}


def _umap(rows: np.ndarray, random_state: int) -> np.ndarray | None:
    if len(rows) < FEWEST_FOR_UMAP:
        return None
    with warnings.catch_warnings():
        # umap warns that a part of it that is not used here lacks a package.
        warnings.simplefilter("ignore", ImportWarning)
        try:
            from umap import UMAP
        except ImportError:
            return None
    note_step("placing images on a map")
    # Compiled at its first use, for half a minute; several threads would place them differently each time.
    return np.asarray(UMAP(n_components=2, random_state=random_state, n_jobs=1).fit_transform(rows))
