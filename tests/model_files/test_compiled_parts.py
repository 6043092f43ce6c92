"""Promised: a model file leads no compiled code out of its memory."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.random_projection import SparseRandomProjection
from sklearn.tree import DecisionTreeClassifier

from featx import CNNFeatureTransformer, load_model, save_model
from featx.exceptions import ModelFileError
from featx.model_files.compiled_parts import check_compiled
from saved_models import set_on

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 8)).astype(np.float32)
Y = np.repeat([0, 1, 2], 20)


def set_node(field, value, row=0):
    """Return a change of one field of a tree's node."""

    def change(head):
        holder = getattr(head, "estimators_", [head])[0]
        holder = holder[0] if isinstance(holder, np.ndarray) else holder
        state = holder.tree_.__getstate__()
        state["nodes"][field][row] = value
        holder.tree_.__setstate__(state)

    return change


def set_predictor(field, value):
    def change(head):
        head._predictors[0][0].nodes[field][0] = value

    return change


def set_neighbours(position, value):
    def change(head):
        state = list(head._tree.__getstate__())
        if isinstance(state[position], np.ndarray):
            state[position] = state[position].copy()
        state[position] = value(state[position])
        head._tree.__setstate__(tuple(state))

    return change


def put(row, value, field=None):
    def change(array):
        (array if field is None else array[field])[row] = value
        return array

    return change


def set_attribute(name, value):
    return lambda head: setattr(head, name, value(getattr(head, name)))


def share_with_a_narrower_tree(head):
    """Let a second estimator, which takes fewer features, hold the same tree."""
    other = DecisionTreeClassifier().fit(X[:, :2], Y)
    other.tree_ = head.estimators_[0].tree_
    head.estimators_.append(other)


def boosted():
    return GradientBoostingClassifier(n_estimators=2)


def histogram():
    return HistGradientBoostingClassifier(max_iter=2)


def projected():
    return SparseRandomProjection(4, density=0.5, random_state=0)


def set_sparse(name, value):
    """Return a change of what a sparse matrix says of itself."""
    return lambda head: vars(head.components_).update({name: value(vars(head.components_)[name])})


def neighbours():
    return KNeighborsClassifier(algorithm="kd_tree", leaf_size=5)


def weighted():
    metric = {"metric": "seuclidean", "metric_params": {"V": np.ones(8)}}
    return KNeighborsClassifier(algorithm="ball_tree", **metric)


FORGERIES = {
    "child beyond": (DecisionTreeClassifier, set_node("left_child", 10**9)),
    "child before": (DecisionTreeClassifier, set_node("right_child", -5)),
    "child itself": (DecisionTreeClassifier, set_node("left_child", 0)),
    "feature beyond": (DecisionTreeClassifier, set_node("feature", 8)),
    "feature before": (DecisionTreeClassifier, set_node("feature", -3)),
    "narrower estimator": (DecisionTreeClassifier, set_attribute("n_features_in_", lambda n: n - 1)),
    "forest": (lambda: RandomForestClassifier(2), set_node("feature", 8)),
    "narrower forest": (lambda: RandomForestClassifier(2), set_attribute("n_features_in_", lambda n: n - 1)),
    "shared tree": (lambda: RandomForestClassifier(2), share_with_a_narrower_tree),
    "boosting": (boosted, set_node("left_child", 99)),
    "narrower boosting": (boosted, set_attribute("n_features_in_", lambda n: n - 1)),
    "fewer outputs": (boosted, set_attribute("n_trees_per_iteration_", lambda n: n - 1)),
    "bag of other features": (
        lambda: BaggingClassifier(n_estimators=2),
        set_attribute("estimators_features_", lambda chosen: [columns[:2] for columns in chosen]),
    ),
    "histogram child": (histogram, set_predictor("left", 10**6)),
    "histogram loop": (histogram, set_predictor("right", 0)),
    "histogram feature": (histogram, set_predictor("feature_idx", 8)),
    "histogram categories": (histogram, set_predictor("is_categorical", 1)),
    "neighbour's row": (neighbours, set_neighbours(1, put(0, 10**6))),
    "neighbours' range": (neighbours, set_neighbours(2, put(0, 10**6, "idx_end"))),
    "neighbours' leaf": (neighbours, set_neighbours(2, put(-1, 0, "is_leaf"))),
    "neighbours' count": (neighbours, set_neighbours(6, lambda count: count + 100)),
    "neighbours' bounds": (neighbours, set_neighbours(3, lambda bounds: bounds[:, :1].copy())),
    "fewer rows": (neighbours, set_neighbours(0, lambda data: data[:30].copy())),
    "sparse column": (projected, set_sparse("indices", put(0, 10**6))),
    "sparse column before": (projected, set_sparse("indices", put(0, -1))),
    "sparse row": (projected, set_sparse("indptr", put(-1, 10**6))),
    "sparse rows back": (projected, set_sparse("indptr", lambda ends: ends[[0, 2, 1, 3, 4]])),
    "sparse shape": (projected, set_sparse("_shape", lambda shape: (10**6, shape[1]))),
    "narrower sparse shape": (projected, set_sparse("_shape", lambda shape: (shape[0], 2))),
    "fewer sparse values": (projected, set_sparse("data", lambda data: data[:1].copy())),
    "fewer weights": (weighted, lambda head: set_neighbours(11, lambda m: KNeighborsClassifier(
        algorithm="ball_tree", metric="seuclidean", metric_params={"V": np.ones(2)}
    ).fit(X[:, :2], Y)._tree.__getstate__()[11])(head)),
}  # fmt: skip


@pytest.mark.parametrize("name", FORGERIES)
def test_trees_that_lead_out_of_their_memory_are_refused(name, tiny, forged, path):
    head, change = FORGERIES[name]
    features = CNNFeatureTransformer(**tiny).fit(np.zeros((2, 8, 8)))
    model = Pipeline([("features", features), ("head", head().fit(X, Y))])
    with pytest.raises(ModelFileError, match="not a featx model, or it is damaged"):
        load_model(forged(model, lambda model: change(model[1])))
    change(model[1])
    with pytest.raises(ModelFileError, match=r"step 'head'.*(own memory|is damaged|ValueError: .*(index|indices) )"):
        save_model(model, path)


CLAIMS = {
    "order": ("_has_sorted_indices", True),
    "objects": ("data", np.array([[1], None], dtype=object)),
    "positions that are no numbers": ("indices", [0, 1]),
    "broken positions": ("indices", np.array([0.0, 1.0])),
    "text for a shape": ("_shape", ("2", "2")),
    "beyond": ("indices", np.array([0, 2], np.int32)),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_a_sparse_matrix_of_a_file_claims_nothing(name):
    matrix = csr_matrix(np.eye(2))
    check_compiled({"held": matrix})
    key, value = CLAIMS[name]
    with pytest.raises(ValueError, match=r"held (leads out of its own memory|is damaged)"):
        check_compiled({"held": set_on(matrix, key, value)})
