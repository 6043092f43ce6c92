"""Heads in the graph: every head of `fit`, its parameters and temperature give the probabilities of scikit-learn."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis, QuadraticDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import LinearSVC

from featx import HEADS, make_head
from featx.exceptions import ModelFileError
from featx.finetuning.head import DenseHead
from featx.finetuning.head import head_probabilities as dense_probabilities
from featx.onnx_export.graph_writer import GraphWriter
from featx.onnx_export.head_graph import dense_head_probabilities, head_probabilities
from onnx_files import run

FIRST = {
    "logistic": {"C": [0.1]},
    "linear_svm": {"C": [0.01]},
    "svm": {"C": [10.0]},
    "knn": {"n_neighbors": [5]},
    "ridge": {"alpha": [10.0]},
    "mlp": {"alpha": [0.01], "hidden_layer_sizes": [(7,)]},
    "lda": {"shrinkage": [0.5]},
    "ncm": {"shrink_threshold": [0.1]},
}
OTHERS = {
    "svm": [{"kernel": ["linear"]}, {"kernel": ["poly"], "degree": [2]}, {"kernel": ["sigmoid"], "gamma": [0.01]}],
    "knn": [{"weights": ["uniform"]}],
    "mlp": [{"activation": ["tanh"], "hidden_layer_sizes": [(6, 5)]}, {"activation": ["logistic"]}],
    "logistic": [{"fit_intercept": [False]}],
}


def rows(n_classes, count=60, width=12, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(count) % n_classes
    return (rng.normal(3, 2, (count, width)) + y[:, None] * rng.normal(0, 1, width)).astype(np.float32), y


def compare(head, X, tolerance=1e-5):
    graph = GraphWriter()
    found = run(graph, head_probabilities(graph, "rows", head), rows=X)
    np.testing.assert_allclose(found, head.predict_proba(X), atol=tolerance)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", HEADS)
def test_every_head_gives_its_probabilities(name, n_classes):
    X, y = rows(n_classes)
    head = make_head(name, grid=FIRST[name]).fit(X, y)
    # Rows that it was fitted on, and others.
    compare(head, np.concatenate([X, rows(n_classes, seed=1)[0]]))


@pytest.mark.parametrize(("name", "grid"), [(name, grid) for name, grids in OTHERS.items() for grid in grids])
def test_other_parameters_of_a_head_are_followed(name, grid):
    X, y = rows(3)
    compare(make_head(name, grid={**FIRST[name], **grid}).fit(X, y), rows(3, seed=1)[0])


@pytest.mark.parametrize(
    "head",
    [
        make_pipeline(StandardScaler(with_mean=False), PCA(5, whiten=True), LogisticRegression()),
        make_pipeline("passthrough", Normalizer(), LogisticRegression()),
        make_pipeline(StandardScaler(), LinearDiscriminantAnalysis()),
        make_pipeline(GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.01, 0.1]}, cv=3)),
        CalibratedClassifierCV(make_pipeline(StandardScaler(), LinearSVC()), method="temperature", ensemble=False),
        CalibratedClassifierCV(make_head("knn", grid=FIRST["knn"]), method="temperature", ensemble=False),
    ],
    ids=["components", "unit length", "own probabilities", "search", "calibrated margins", "calibrated probabilities"],
)
def test_pipelines_of_other_steps(head):
    X, y = rows(3)
    compare(head.fit(X, y), rows(3, seed=1)[0], tolerance=1e-4)


@pytest.mark.parametrize("hidden", [None, 6, (6, 5)])
def test_the_head_of_a_finetuned_network(hidden):
    import torch

    torch.manual_seed(0)
    head = DenseHead(12, 3, hidden_units=hidden)
    X, _ = rows(3)
    head.standardise(X)
    state = {name: value.numpy() for name, value in head.state_dict().items()}
    graph = GraphWriter()
    found = run(graph, dense_head_probabilities(graph, "rows", state), rows=X)
    np.testing.assert_allclose(found, dense_probabilities(state, X), atol=1e-6)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (GaussianNB(), "GaussianNB"),
        (make_pipeline(QuadraticDiscriminantAnalysis()), "QuadraticDiscriminantAnalysis"),
        (make_pipeline(LinearSVC()), "LinearSVC, which gives no probabilities"),
        (
            make_head("knn", grid={"metric": ["cosine"], "n_neighbors": [3]}),
            "NeighborsClassifier with metric='cosine'",
        ),
        (CalibratedClassifierCV(LinearSVC(), method="sigmoid"), "CalibratedClassifierCV with method='sigmoid'"),
    ],
    ids=["classifier", "in a pipeline", "no probabilities", "distance", "calibration"],
)
def test_what_has_no_converter_is_refused_by_name(head, name):
    X, y = rows(3)
    with pytest.raises(ModelFileError, match=name) as caught:
        head_probabilities(GraphWriter(), "rows", head.fit(X, y))
    assert caught.value.next_step
