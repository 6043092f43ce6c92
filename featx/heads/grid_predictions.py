"""Predictions of a classifier for each value of a parameter grid, with the work that the values share done once.

Values of one parameter share work only where the predictions stay the same: logistic regressions share their products
with the rows, support vector machines the kernel, ridge regressions and linear discriminants the Gram matrix, nearest
neighbours one search.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import LinAlgError, solve
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.utils.class_weight import compute_sample_weight

from .regularisation_path import fit_regularisation_path

__all__ = ["class_values", "predict_grid"]

# The largest kernel matrix that is kept, in bytes; libsvm computes its own entries where it would be larger.
KERNEL_BYTES = 2**30

Values = Sequence[Any]
# Takes a fitted classifier and rows.
Ask = Callable[[Any, np.ndarray], np.ndarray]


def predict_grid(
    classifier: BaseEstimator,
    values: Sequence[Mapping[str, Any]],
    X: np.ndarray,
    y: np.ndarray,
    X_test: np.ndarray,
    *,
    ask: Ask | None = None,
) -> list[np.ndarray]:
    """Return what the classifier predicts with each combination of parameters of a grid.

    Parameters
    ----------
    classifier : classifier
        Not changed.
    values : sequence of mapping of str to object
        Parameters to set, as `ParameterGrid` gives them.
    X : ndarray of shape (n, d)
        Standardised.
    y : ndarray of shape (n,)
    X_test : ndarray of shape (m, d)
    ask : callable, default=None
        What is asked of each fitted classifier: a function of it and the rows; None asks for labels. Only with
        `class_values` is work shared, too.

    Returns
    -------
    list of ndarray
        Predicted labels (m,), or what `ask` returns, equal up to rounding to those of fitting and predicting with one
        value after the other.
    """
    ask = _labels if ask is None else ask
    found: list[np.ndarray] = [np.empty(0)] * len(values)
    shared = SHARED_WORK.get(type(classifier))
    for others, places in _groups(values, None if shared is None else shared.parameter):
        model = clone(classifier).set_params(**others)
        shared = shared if ask in (_labels, class_values) else None
        if shared is not None and shared.parameter in values[places[0]] and shared.applies(model, X):
            predicted = shared.predict(model, [values[place][shared.parameter] for place in places], X, y, X_test, ask)
        else:
            predicted = [ask(clone(model).set_params(**values[place]).fit(X, y), X_test) for place in places]
        for place, labels in zip(places, predicted, strict=True):
            found[place] = labels
    return found


def class_values(fitted: Any, X: np.ndarray) -> np.ndarray:
    """Return the probability of each class, or where there are none its decision value, shape (m, k)."""
    if hasattr(fitted, "predict_proba"):
        return fitted.predict_proba(X)
    return _columns(np.asarray(fitted.decision_function(X)))


def _labels(fitted: Any, X: np.ndarray) -> np.ndarray:
    return fitted.predict(X)


def _columns(values: np.ndarray) -> np.ndarray:
    """Return decision values with a column for each class: -v and v for the one value v of the second of two."""
    values = values[:, None] if values.ndim == 1 else values
    return np.hstack([-values, values]) if values.shape[1] == 1 else values


def _groups(values: Sequence[Mapping[str, Any]], parameter: str | None) -> list[tuple[dict[str, Any], list[int]]]:
    """Return the places of the values that differ in this parameter only, with the parameters that they share."""
    groups: list[tuple[dict[str, Any], list[int]]] = []
    for place, value in enumerate(values):
        others = {name: setting for name, setting in value.items() if name != parameter}
        same = next((places for common, places in groups if repr(common) == repr(others)), None)
        if same is None:
            groups.append((others, [place]))
        else:
            same.append(place)
    return groups


class _SharedWork(NamedTuple):
    """How to predict with several values of one parameter together, and which other parameters that respects."""

    parameter: str
    respected: tuple[str, ...]
    predict: Callable[[Any, Values, np.ndarray, np.ndarray, np.ndarray, Ask], list[np.ndarray]]

    def applies(self, model: BaseEstimator, X: np.ndarray) -> bool:
        defaults = type(model)().get_params()
        respected = {self.parameter, *self.respected}
        others_are_default = all(
            value == defaults[name] for name, value in model.get_params().items() if name not in respected
        )
        return others_are_default and not (self.predict is _svms and 8 * len(X) ** 2 > KERNEL_BYTES)


def _logistic_regressions(
    model: LogisticRegression, values: Values, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, ask: Ask
) -> list[np.ndarray]:
    found = fit_regularisation_path(
        X, y, values, class_weight=model.class_weight, tol=model.tol, max_iter=model.max_iter
    )
    scores = [X_test @ coef.T + intercept for coef, intercept in found]
    if ask is class_values:
        # One score is the log odds of the second of two classes.
        return [expit(_columns(each)) if each.shape[1] == 1 else softmax(each, axis=1) for each in scores]
    return [_decide(np.unique(y), each) for each in scores]


def _ridge_regressions(
    model: RidgeClassifier, values: Values, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, ask: Ask
) -> list[np.ndarray]:
    classes, truth = np.unique(y, return_inverse=True)
    weight = compute_sample_weight(model.class_weight, y)
    wanted = np.where(truth[:, None] == np.arange(len(classes)), 1.0, -1.0)
    wanted = wanted[:, 1:] if len(classes) == 2 else wanted
    centre, level = np.average(X, axis=0, weights=weight), np.average(wanted, axis=0, weights=weight)
    root = np.sqrt(weight)[:, None]
    rows, wanted = root * (X - centre), root * (wanted - level)
    # The smaller of the two systems that have the same solution.
    wide = X.shape[1] > len(X)
    gram = rows @ rows.T if wide else rows.T @ rows
    right = wanted if wide else rows.T @ wanted
    found = []
    for alpha in values:
        try:
            solution = solve(gram + alpha * np.eye(len(gram)), right, assume_a="pos")
        except LinAlgError:
            found.append(ask(clone(model).set_params(alpha=alpha).fit(X, y), X_test))
            continue
        coef = rows.T @ solution if wide else solution
        scores = (X_test - centre) @ coef + level
        found.append(_columns(scores) if ask is class_values else _decide(classes, scores))
    return found


def _discriminants(
    model: LinearDiscriminantAnalysis, values: Values, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, ask: Ask
) -> list[np.ndarray]:
    classes, truth = np.unique(y, return_inverse=True)
    shares = np.bincount(truth) / len(y)
    X, X_test = X.astype(np.float64), X_test.astype(np.float64)
    centre = X.mean(axis=0)
    means = np.stack([X[truth == number].mean(axis=0) for number in range(len(classes))])
    rows, means = (X - means[truth]) / np.sqrt(len(y)), means - centre
    wide = X.shape[1] > len(X)
    gram = rows @ rows.T if wide else rows.T @ rows
    spread = np.trace(gram) / X.shape[1]
    found = []
    for shrinkage in values:
        # The covariance is (1 - shrinkage) * rows.T @ rows plus this on the diagonal.
        ridge = 0.0 if isinstance(shrinkage, str) or shrinkage is None else shrinkage * spread
        if not ridge or model.solver == "svd":
            found.append(ask(clone(model).set_params(shrinkage=shrinkage).fit(X, y), X_test))
            continue
        kept = 1.0 - shrinkage
        if wide:  # by the identity of Woodbury
            inner = solve(kept * gram + ridge * np.eye(len(gram)), kept * (rows @ means.T), assume_a="pos")
            coef = ((means.T - rows.T @ inner) / ridge).T
        else:
            coef = solve(kept * gram + ridge * np.eye(len(gram)), means.T, assume_a="pos").T
        scores = (X_test - centre) @ coef.T - (means * coef).sum(axis=1) / 2 + np.log(shares)
        found.append(softmax(scores, axis=1) if ask is class_values else classes[scores.argmax(axis=1)])
    return found


def _svms(model: SVC, values: Values, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, ask: Ask) -> list[np.ndarray]:
    X, X_test = X.astype(np.float64), X_test.astype(np.float64)
    spread = X.shape[1] * X.var()
    gamma = {"scale": 1 / spread if spread else 1.0, "auto": 1 / X.shape[1]}.get(model.gamma, model.gamma)
    kernel, kernel_test = rbf_kernel(X, gamma=gamma), rbf_kernel(X_test, X, gamma=gamma)
    same = clone(model).set_params(kernel="precomputed")
    return [ask(clone(same).set_params(C=C).fit(kernel, y), kernel_test) for C in values]


def _neighbours(
    model: KNeighborsClassifier, values: Values, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, ask: Ask
) -> list[np.ndarray]:
    search = _KnownNeighbors(**{**model.get_params(), "n_neighbors": max(values)}).fit(X, y)
    search.found = KNeighborsClassifier.kneighbors(search, X_test)
    return [ask(search.set_params(n_neighbors=number), X_test) for number in values]


class _KnownNeighbors(KNeighborsClassifier):
    """A classifier by neighbours that have been found already."""

    def kneighbors(self, X: Any = None, n_neighbors: int | None = None, return_distance: bool = True) -> Any:
        distances, places = (part[:, : n_neighbors or self.n_neighbors] for part in self.found)
        return (distances, places) if return_distance else places


def _decide(classes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return classes[(scores[:, 0] > 0).astype(int) if scores.shape[1] == 1 else scores.argmax(axis=1)]


SHARED_WORK: dict[type, _SharedWork] = {
    LogisticRegression: _SharedWork("C", ("class_weight", "tol", "max_iter", "random_state"), _logistic_regressions),
    RidgeClassifier: _SharedWork("alpha", ("class_weight", "random_state"), _ridge_regressions),
    LinearDiscriminantAnalysis: _SharedWork("shrinkage", ("solver",), _discriminants),
    SVC: _SharedWork(
        "C",
        ("gamma", "class_weight", "tol", "cache_size", "max_iter", "random_state", "break_ties"),
        _svms,
    ),
    KNeighborsClassifier: _SharedWork("n_neighbors", ("weights", "metric", "p", "algorithm"), _neighbours),
}
