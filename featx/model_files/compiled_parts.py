"""Check the trees and sparse matrices of a loaded model, so that compiled code does not read outside their memory.

scikit-learn's trees hold positions in arrays, and follow them unchecked. skops trusts none of them for that reason
(https://github.com/scikit-learn/scikit-learn/pull/34558); here each position is checked once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.ensemble._bagging import BaseBagging
from sklearn.ensemble._forest import BaseForest
from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor
from sklearn.neighbors import BallTree, KDTree
from sklearn.neighbors._ball_tree import BallTree32
from sklearn.neighbors._kd_tree import KDTree32
from sklearn.tree._tree import Tree

from .model_parts import parts

__all__ = ["check_compiled"]

NEIGHBOURS = (KDTree, BallTree, KDTree32, BallTree32)
BOOSTING = (GradientBoostingClassifier, GradientBoostingRegressor)
HISTOGRAM = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)


def check_compiled(model: Any) -> None:
    """Check every tree and sparse matrix in a model.

    Raises
    ------
    ValueError
        If one holds a position outside its arrays, or reads features that its estimator is not given.
    """
    for name, part in parts(model):
        try:
            sound = _is_sound(part)
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise ValueError(f"{name or type(part).__name__} is damaged: {error}") from error
        if not sound:
            raise ValueError(f"{name} leads out of its own memory")


def _is_sound(part: Any) -> bool:
    if isinstance(part, NEIGHBOURS):
        return _neighbours(part)
    if isinstance(part, csr_matrix | csr_array):
        return _sparse(part)
    if not isinstance(part, BaseEstimator):
        return True
    held = vars(part)
    sound = all(_decision_tree(tree, part) for tree in held.values() if isinstance(tree, Tree))
    if isinstance(part, HISTOGRAM):
        # Its nodes count the columns after encoding, and the encoder may return any number of them.
        if held.get("_preprocessor") is not None:
            raise ValueError("it has categorical features, which featx does not load")
        trees = [tree for trees in held.get("_predictors", ()) for tree in trees]
        return sound and all(isinstance(tree, TreePredictor) and _boosted_tree(tree, part) for tree in trees)
    if "estimators_" not in held:
        return sound
    if isinstance(part, BOOSTING):
        _, outputs = part.estimators_.shape
        return sound and part.n_trees_per_iteration_ == outputs and _same_width(part, part.estimators_.ravel())
    if isinstance(part, BaseForest):
        return sound and _same_width(part, part.estimators_)
    if isinstance(part, BaseBagging):
        features = [len(np.asarray(chosen)) for chosen in part.estimators_features_]
        pairs = zip(part.estimators_, features, strict=True)
        return sound and all(getattr(tree, "n_features_in_", width) == width for tree, width in pairs)
    return sound


def _same_width(ensemble: BaseEstimator, trees: Any) -> bool:
    """Tell whether all trees take the features of their ensemble, which passes them on unchecked."""
    return all(tree.n_features_in_ == ensemble.n_features_in_ for tree in trees)


def _decision_tree(tree: Tree, holder: BaseEstimator) -> bool:
    state = tree.__getstate__() if tree.node_count == tree.capacity else {}
    nodes, count = state["nodes"], tree.node_count
    inner = nodes["left_child"] != -1
    features = nodes["feature"][inner]
    return (
        0 < count == len(nodes) == len(state["values"])
        and holder.n_features_in_ == tree.n_features
        and _has_valid_children(nodes["left_child"][inner], nodes["right_child"][inner], np.flatnonzero(inner), count)
        and bool(np.all((features >= 0) & (features < tree.n_features)))
    )


def _boosted_tree(tree: TreePredictor, holder: BaseEstimator) -> bool:
    nodes = tree.nodes
    inner = nodes["is_leaf"] == 0
    features = nodes["feature_idx"][inner]
    return (
        len(nodes) > 0
        and not nodes["is_categorical"].any()
        and _has_valid_children(nodes["left"][inner], nodes["right"][inner], np.flatnonzero(inner), len(nodes))
        and bool(np.all((features >= 0) & (features < holder.n_features_in_)))
    )


def _has_valid_children(left: Any, right: Any, places: Any, count: int) -> bool:
    """Tell whether both children of each node exist and come after it: then every path ends at a leaf."""
    return all(bool(np.all((child > places) & (child < count))) for child in (left.astype(int), right.astype(int)))


def _sparse(matrix: Any) -> bool:
    """Tell whether the positions of a sparse matrix are within its shape, with no claim about their order."""
    positions = [matrix.indices, matrix.indptr]
    sound = (
        set(vars(matrix)) <= {"_shape", "maxprint", "data", "indices", "indptr"}
        and all(type(array) is np.ndarray and array.ndim == 1 for array in [matrix.data, *positions])
        and matrix.data.dtype.kind in "biufc"
        and all(array.dtype.kind == "i" for array in positions)
        and len(matrix.shape) == 2
        and all(type(size) is int and size >= 0 for size in matrix.shape)
    )
    try:
        if sound:
            matrix.check_format(full_check=True)
    except ValueError:
        return False
    return sound


def _neighbours(tree: Any) -> bool:
    data, rows, nodes, bounds, *_, metric, weights = tree.__getstate__()
    n_nodes, (n, width) = tree.__getstate__()[6], data.shape
    starts, ends, inner = nodes["idx_start"], nodes["idx_end"], np.flatnonzero(nodes["is_leaf"] == 0)
    layers = 2 if isinstance(tree, KDTree | KDTree32) else 1
    return (
        rows.shape == (n,)
        and bool(np.all((rows >= 0) & (rows < n)))
        and 0 < n_nodes == len(nodes)
        and bool(np.all((starts >= 0) & (starts <= ends) & (ends <= n)))
        and bool(np.all(2 * inner + 2 < n_nodes))
        and bounds.shape == (layers, n_nodes, width)
        and _fits_width(metric, width)
        and (weights is None or weights.shape == (n,))
    )


def _fits_width(metric: Any, width: int) -> bool:
    """Tell whether the parameters of a distance fit the number of features."""
    _, vector, matrix = metric.__getstate__()
    name = type(metric).__name__
    if name.startswith("SEuclidean"):
        return vector.shape == (width,)
    if name.startswith("Minkowski"):
        return vector.shape in ((0,), (width,))
    if name.startswith("Mahalanobis"):
        return matrix.shape == (width, width)
    return width == 2 or not name.startswith("Haversine")
