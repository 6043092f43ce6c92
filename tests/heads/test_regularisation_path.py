"""Promised: a regularisation path has the coefficients of scikit-learn's logistic regression at each strength."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from featx import TunedHead
from featx.heads import grid_predictions
from featx.heads import regularisation_path as module
from featx.heads.regularisation_path import fit_regularisation_path

STRENGTHS = [1e-4, 1e-2, 1.0]


def data(n_classes, n=300, width=20, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % n_classes)
    X = rng.normal(size=(n_classes, width))[y] + rng.normal(size=(n, width)) @ rng.normal(size=(width, width))
    return StandardScaler().fit_transform(X), np.array([f"class {number}" for number in y])


@pytest.mark.parametrize("n_classes", [2, 3, 12])
@pytest.mark.parametrize("weight", [None, "balanced", {"class 0": 4}], ids=str)
@pytest.mark.parametrize("tol", [1e-4, 1e-2])
def test_coefficients_are_scikit_learns_at_any_tolerance(n_classes, weight, tol):
    X, y = data(n_classes)
    found = fit_regularisation_path(X, y, STRENGTHS, class_weight=weight, tol=tol)
    for C, (coef, intercept) in zip(STRENGTHS, found, strict=True):
        plain = LogisticRegression(C=C, class_weight=weight, tol=tol, max_iter=1000).fit(X, y)
        assert coef.shape == plain.coef_.shape
        np.testing.assert_allclose(coef, plain.coef_, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(intercept, plain.intercept_, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 12])
def test_float32_gives_the_same_decisions(n_classes):
    X, y = data(n_classes)
    for (coef, intercept), (rough, near) in zip(
        fit_regularisation_path(X, y, STRENGTHS),
        fit_regularisation_path(X.astype(np.float32), y, STRENGTHS),
        strict=True,
    ):
        assert rough.dtype == near.dtype == np.float32
        scores, others = X @ coef.T + intercept, X @ rough.T + near
        same = scores.argmax(axis=1) == others.argmax(axis=1) if n_classes > 2 else (scores > 0) == (others > 0)
        assert same.mean() > 0.99


def test_a_search_stops_after_its_iterations():
    X, y = data(3)
    for most in (1, 5):
        (coef, _), *_ = fit_regularisation_path(X, y, [1e3], max_iter=most)
        with pytest.warns(match="failed to converge"):
            plain = LogisticRegression(C=1e3, max_iter=most).fit(X, y)
        np.testing.assert_allclose(coef, plain.coef_, rtol=1e-5, atol=1e-9)


def test_strengths_that_do_not_fit_into_memory_together_go_in_turn(monkeypatch):
    X, y = data(3)
    together = fit_regularisation_path(X, y, STRENGTHS)
    monkeypatch.setattr(module, "MOST_BYTES", 1)
    for (coef, _), (other, _) in zip(together, fit_regularisation_path(X, y, STRENGTHS), strict=True):
        np.testing.assert_allclose(coef, other, rtol=1e-6, atol=1e-9)


def test_features_without_variance_and_copies_of_rows_do_no_harm():
    X, y = data(3, n=30)
    X = np.column_stack([np.repeat(X, 3, axis=0), np.zeros((90, 4))])
    (coef, _), *_ = fit_regularisation_path(X, np.repeat(y, 3), [1e8])
    assert np.isfinite(coef).all()
    assert not coef[:, -4:].any()


def by_scikit_learn(X, y, strengths, **options):
    fits = [LogisticRegression(C=C, **options).fit(X, y) for C in strengths]
    return [(fit.coef_, fit.intercept_) for fit in fits]


@pytest.mark.parametrize("n_classes", [2, 3])
def test_heads_are_tuned_to_the_same_values_without_it(n_classes, monkeypatch):
    X, y = data(n_classes)

    def tuned():
        head = TunedHead(class_weight="balanced").fit(X, y)
        return head.best_params_, head.best_score_, head.head_[-1].coef_.tolist()

    expected = tuned()
    with monkeypatch.context() as patch:
        patch.setattr(grid_predictions, "fit_regularisation_path", by_scikit_learn)
        assert tuned() == expected
    monkeypatch.delitem(grid_predictions.SHARED_WORK, LogisticRegression)
    assert tuned() == expected
