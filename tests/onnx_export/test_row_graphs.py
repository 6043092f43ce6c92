"""Heads that keep rows: ties in votes, rows that are training rows, kernels that are functions."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

from featx.exceptions import ModelFileError
from featx.onnx_export.graph_writer import GraphWriter
from featx.onnx_export.row_graphs import neighbour_probabilities, svm_scores
from onnx_files import run

RNG = np.random.default_rng(0)
Y = np.arange(60) % 5
X = (RNG.normal(0, 1, (60, 8)) + Y[:, None] * 0.3).astype(np.float32)
NEW = RNG.normal(0, 1.5, (200, 8)).astype(np.float32)


@pytest.mark.parametrize("shape", ["ovr", "ovo"])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_votes_of_pairs_are_those_of_scikit_learn(n_classes, shape):
    some = n_classes > Y
    classifier = SVC(C=3, decision_function_shape=shape).fit(X[some], Y[some])
    graph = GraphWriter()
    found = run(graph, svm_scores(graph, "rows", classifier), rows=NEW)
    expected = classifier.decision_function(NEW).reshape(found.shape)
    # A vote that is decided by the last digits may be another.
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_training_row_has_its_own_class_and_copies_share_it():
    known, labels = np.concatenate([X, X[:1]]), np.append(Y, 3)
    classifier = KNeighborsClassifier(4, weights="distance").fit(known, labels)
    graph = GraphWriter()
    found = run(graph, neighbour_probabilities(graph, "rows", classifier), rows=known)
    assert found[0].tolist() == [0.5, 0, 0, 0.5, 0]
    assert np.array_equal(found[1:-1], np.eye(5)[Y[1:]])
    np.testing.assert_allclose(found, classifier.predict_proba(known), atol=1e-6)


def test_neighbours_are_found_in_float64():
    # Far from zero and close to each other: in float32 their squares, some 1e8, hide distances of some 1e-2.
    known = (np.random.default_rng(1).normal(0, 0.05, (60, 8)) + 4000).astype(np.float32)
    new = (np.random.default_rng(2).normal(0, 0.05, (40, 8)) + 4000).astype(np.float32)
    classifier = KNeighborsClassifier(3, weights="uniform", algorithm="brute").fit(known.astype(np.float64), Y)
    graph = GraphWriter()
    found = run(graph, neighbour_probabilities(graph, "rows", classifier), rows=new)
    differences = new[:, None].astype(np.float64) - known[None]
    nearest = np.argsort((differences**2).sum(axis=2), axis=1)[:, :3]
    np.testing.assert_allclose(found, np.eye(5)[Y[nearest]].mean(axis=1), atol=1e-6)


def test_functions_have_no_converter():
    for classifier, write in (
        (SVC(kernel=lambda a, b: a @ b.T), svm_scores),
        (KNeighborsClassifier(weights=lambda distances: distances), neighbour_probabilities),
    ):
        with pytest.raises(ModelFileError, match=f"no ONNX converter: {type(classifier).__name__} with"):
            write(GraphWriter(), "rows", classifier.fit(X, Y))
