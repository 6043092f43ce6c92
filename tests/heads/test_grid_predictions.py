"""Promised: values of a grid that share work predict what each predicts by itself, in the order of the grid."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import ParameterGrid
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from featx.heads import grid_predictions
from featx.heads.grid_predictions import predict_grid
from featx.heads.heads import head_spec


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X[:220])
    # In float64, in which rounding moves no decision.
    return X[:120], np.array([f"digit {number}" for number in y[:120]]), X[120:]


def one_after_the_other(classifier, values, X, y, X_test):
    return [clone(classifier).set_params(**value).fit(X, y).predict(X_test) for value in values]


GRIDS = {
    "logistic": {"C": [1e-3, 1.0], "class_weight": ["balanced", None]},
    "svm": {"C": [0.1, 10.0], "gamma": ["scale", "auto", 0.001]},
    "knn": {"n_neighbors": [9, 1], "weights": ["uniform", "distance"]},
    "ridge": {"alpha": [1e3, 1.0], "class_weight": [None, "balanced"]},
    "linear_svm": {"C": [1e-4, 1e-2]},
    "lda": {"shrinkage": ["auto", 1.0, 0.1], "solver": ["lsqr", "eigen"]},
}


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("wide", [False, True], ids=["more rows", "more features"])
def test_predictions_are_those_of_one_value_after_the_other(name, wide, digits):
    X, y, X_test = digits
    if wide:
        X, y = X[:50], y[:50]
    classifier = head_spec(name).estimator[-1]
    values = list(ParameterGrid(GRIDS[name]))
    found = predict_grid(classifier, values, X, y, X_test)
    for labels, expected in zip(found, one_after_the_other(classifier, values, X, y, X_test), strict=True):
        assert np.array_equal(labels, expected)
    assert len({tuple(labels) for labels in found}) > 1
    assert not hasattr(classifier, "classes_")


def test_a_parameter_that_work_cannot_be_shared_under_is_respected(digits):
    X, y, X_test = digits
    classifier = head_spec("logistic").estimator[-1].set_params(fit_intercept=False)
    values = [{"C": 0.01}, {"C": 1.0}]
    found = predict_grid(classifier, values, X, y, X_test)
    assert all(map(np.array_equal, found, one_after_the_other(classifier, values, X, y, X_test)))


def default_values(name):
    return list(ParameterGrid(head_spec(name).grid))


def test_a_kernel_too_large_to_keep_is_left_to_libsvm(monkeypatch, digits):
    kernels = []
    original = SVC.fit
    monkeypatch.setattr(SVC, "fit", lambda self, *args: kernels.append(self.kernel) or original(self, *args))
    X, y, X_test = digits
    found = []
    for limit in (grid_predictions.KERNEL_BYTES, 1000):
        monkeypatch.setattr(grid_predictions, "KERNEL_BYTES", limit)
        found.append(predict_grid(head_spec("svm").estimator[-1], default_values("svm"), X, y, X_test))
    assert np.array_equal(*found)
    assert kernels == ["precomputed"] * 4 + ["rbf"] * 4


def test_neighbours_are_searched_once_for_all_values(monkeypatch, digits):
    calls = []
    original = KNeighborsClassifier.kneighbors
    monkeypatch.setattr(
        KNeighborsClassifier, "kneighbors", lambda self, *args, **kw: calls.append(1) or original(self, *args, **kw)
    )
    predict_grid(head_spec("knn").estimator[-1], default_values("knn"), *digits)
    assert len(calls) == 1
