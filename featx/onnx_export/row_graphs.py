"""Heads that keep training rows as ONNX operators: the support vector machine and the nearest neighbours."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from ..exceptions import ModelFileError
from .graph_writer import GraphWriter

__all__ = ["neighbour_probabilities", "svm_scores"]


def svm_scores(graph: GraphWriter, rows: str, classifier: SVC) -> str:
    """Write the decision function of a support vector machine.

    For more than two classes: the votes of all pairs, and for ties a term below 1/3 that grows with the sum of their
    decision values, as scikit-learn's ``decision_function_shape="ovr"`` has it.

    Parameters
    ----------
    graph : GraphWriter
    rows : str
    classifier : SVC

    Returns
    -------
    str
        Float32 (n, classes), or (n, 1) for two classes.

    Raises
    ------
    ModelFileError
        If the kernel is a function, or was computed beforehand.
    """
    kernel = _kernel(graph, rows, classifier)
    count = len(classifier.classes_)
    if count == 2:
        return graph.add("Gemm", kernel, np.float32(classifier.dual_coef_.T), np.float32(classifier.intercept_))
    pairs = list(combinations(range(count), 2))
    ends = np.cumsum(classifier.n_support_)
    places = [slice(end - n, end) for end, n in zip(ends, classifier.n_support_, strict=True)]
    weights = np.zeros((ends[-1], len(pairs)))
    signs = np.zeros((len(pairs), count))
    for number, (i, j) in enumerate(pairs):
        weights[places[i], number] = classifier.dual_coef_[j - 1, places[i]]
        weights[places[j], number] = classifier.dual_coef_[i, places[j]]
        signs[number, i], signs[number, j] = 1, -1
    values = graph.add("Gemm", kernel, np.float32(weights), np.float32(classifier.intercept_))
    if classifier.decision_function_shape != "ovr":
        return values
    lost = graph.cast(graph.add("Less", values, np.float32(0)), "float")
    # The first class of a pair has a vote unless it lost; the second has it if the first did.
    votes = graph.add("Gemm", lost, np.float32(-signs), np.float32((signs > 0).sum(axis=0)))
    sums = graph.add("MatMul", values, np.float32(signs))
    bound = graph.add("Mul", graph.add("Add", graph.add("Abs", sums), np.float32(1)), np.float32(3))
    return graph.add("Add", votes, graph.add("Div", sums, bound))


def neighbour_probabilities(graph: GraphWriter, rows: str, classifier: KNeighborsClassifier) -> str:
    """Write the share of each class among the nearest training rows, weighted as the classifier says.

    The nearest are found by products of matrices; their distances are then computed from differences, since the
    weight of a training row itself is decided by the last digits.

    Parameters
    ----------
    graph : GraphWriter
    rows : str
    classifier : KNeighborsClassifier

    Returns
    -------
    str
        Float32 (n, classes).

    Raises
    ------
    ModelFileError
        If the distance is not Euclidean, or the weights are a function.
    """
    is_euclidean = classifier.effective_metric_ == "euclidean"
    if not is_euclidean or classifier.weights not in ("uniform", "distance"):
        raise ModelFileError(
            f"the head has no ONNX converter: KNeighborsClassifier with metric={classifier.effective_metric_!r} and "
            f"weights={classifier.weights!r}",
            "Fit it with the Euclidean distance and weights='distance' or 'uniform'.",
        )
    known = np.asarray(classifier._fit_X, np.float32)
    classes = np.eye(len(classifier.classes_), dtype=np.float32)[np.asarray(classifier._y).ravel()]
    # In float32 the difference of large squares would swap neighbours that are nearly as far.
    exact = graph.cast(graph.constant(known), "double")
    squares = _squared_distances(graph, graph.cast(rows, "double"), known, exact)
    _, nearest = graph.add("TopK", squares, np.array([classifier.n_neighbors]), axis=1, largest=0, outputs=2)
    neighbours = graph.add("Gather", known, nearest, axis=0)
    steps = graph.add("Sub", graph.add("Unsqueeze", rows, np.array([1])), neighbours)
    distances = graph.add("ReduceL2", steps, np.array([2]), keepdims=0)
    if classifier.weights == "uniform":
        weights = graph.add("Add", graph.add("Mul", distances, np.float32(0)), np.float32(1))
    else:
        # Where a row is a training row, those at distance 0 alone count.
        same = graph.cast(graph.add("Equal", distances, np.float32(0)), "float")
        any_same = graph.add("Greater", graph.add("ReduceMax", same, np.array([1])), np.float32(0))
        weights = graph.add("Where", any_same, same, graph.add("Reciprocal", distances))
    weights = graph.add("Unsqueeze", weights, np.array([1]))
    votes = graph.add("Squeeze", graph.add("MatMul", weights, graph.add("Gather", classes, nearest, axis=0)),
                      np.array([1]))  # fmt: skip
    return graph.add("Div", votes, graph.add("ReduceSum", votes, np.array([1])))


def _kernel(graph: GraphWriter, rows: str, classifier: SVC) -> str:
    """Write the kernel of rows and support vectors, (n, support vectors)."""
    kernel = classifier.kernel
    if kernel not in ("rbf", "linear", "poly", "sigmoid"):
        raise ModelFileError(
            f"the head has no ONNX converter: SVC with kernel={kernel!r}", "Fit it with kernel='rbf' or 'linear'."
        )
    known = np.asarray(classifier.support_vectors_, np.float32)
    gamma = np.float32(classifier._gamma)
    if kernel == "rbf":
        squares = _squared_distances(graph, rows, known, graph.constant(known))
        return graph.add("Exp", graph.add("Mul", squares, -gamma))
    products = graph.add("MatMul", rows, np.ascontiguousarray(known.T))
    if kernel == "linear":
        return products
    shifted = graph.add("Add", graph.add("Mul", products, gamma), np.float32(classifier.coef0))
    return graph.add("Tanh", shifted) if kernel == "sigmoid" else graph.add("Pow", shifted,
                                                                           np.float32(classifier.degree))  # fmt: skip


def _squared_distances(graph: GraphWriter, rows: str, known: np.ndarray, tensor: str) -> str:
    """Write the squared distances of rows from known ones, (n, known), in the type of both tensors."""
    own = graph.add("ReduceSumSquare", rows, np.array([1]))
    theirs = graph.constant((known.astype(np.float64) ** 2).sum(axis=1, keepdims=True).T)
    twice, zero = graph.constant(np.float64(2)), graph.constant(np.float64(0))
    products = graph.add("MatMul", rows, graph.add("Transpose", tensor, perm=[1, 0]))
    theirs, twice, zero = (graph.add("CastLike", number, products) for number in (theirs, twice, zero))
    squares = graph.add("Add", graph.add("Sub", own, graph.add("Mul", products, twice)), theirs)
    return graph.add("Max", squares, zero)
