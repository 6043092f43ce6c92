"""Promised: a path is what scikit-learn's logistic regressions are, one strength after the other, step by step."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from featx.heads import regularisation_path as module
from featx.heads.line_search import line_search
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


def test_a_path_stops_after_its_iterations():
    X, y = data(3)
    for most in (1, 5):
        (coef, _), *_ = fit_regularisation_path(X, y, [1e3], max_iter=most)
        with pytest.warns(match="failed to converge"):
            plain = LogisticRegression(C=1e3, max_iter=most).fit(X, y)
        np.testing.assert_allclose(coef, plain.coef_, rtol=1e-5, atol=1e-9)


def test_strengths_that_do_not_fit_into_memory_together_go_in_turn(monkeypatch):
    X, y = data(3)
    together = fit_regularisation_path(X, y, STRENGTHS)
    monkeypatch.setattr(module, "BYTES", 1)
    for (coef, _), (other, _) in zip(together, fit_regularisation_path(X, y, STRENGTHS), strict=True):
        np.testing.assert_allclose(coef, other, rtol=1e-6, atol=1e-9)


def test_features_without_variance_and_copies_of_rows_do_no_harm():
    X, y = data(3, n=30)
    X = np.column_stack([np.repeat(X, 3, axis=0), np.zeros((90, 4))])
    (coef, _), *_ = fit_regularisation_path(X, np.repeat(y, 3), [1e8])
    assert np.isfinite(coef).all()
    assert not coef[:, -4:].any()


FUNCTIONS = {
    "parabola": lambda t: ((t - 3) ** 2, 2 * (t - 3)),
    "far away": lambda t: ((t / 1e4 - 3) ** 2, 2 * (t / 1e4 - 3) / 1e4),
    "quartic": lambda t: (t**4 - 2 * t**3 - t, 4 * t**3 - 6 * t**2 - 1),
    "shallow": lambda t: (-t / (t * t + 2), (t * t - 2) / (t * t + 2) ** 2),
}


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 20.0])
@pytest.mark.parametrize("name", ["parabola", "far away", "quartic", "shallow"])
def test_steps_lower_the_value_and_the_slope(name, first):
    function = FUNCTIONS[name]
    value, slope = function(0.0)
    step, found, there = line_search(function, value, slope, first)
    assert (found, there) == function(step)
    assert found <= value + 1e-3 * step * slope
    assert abs(there) <= 0.9 * abs(slope)


def test_a_line_without_a_minimum_or_with_no_number_has_no_end():
    assert line_search(lambda t: (np.nan, np.nan), 0.0, -1.0, 1.0) is None
    assert line_search(lambda t: (1.0 + t, -1.0), 0.0, -1.0, 1.0, most=5) is None


def test_steps_are_those_of_scipys_minimiser():
    """Along the steepest descent of a function of one variable the first line search is all there is to compare."""
    for name in ("quartic", "shallow"):
        seen, mine = [], []

        def along(t, name=name, seen=seen):
            seen.append(float(t[0]))
            value, slope = FUNCTIONS[name](float(t[0]))
            return value, np.array([slope])

        minimize(along, [0.0], jac=True, method="L-BFGS-B", options={"maxiter": 1})
        value, slope = FUNCTIONS[name](0.0)

        def scaled(t, name=name, mine=mine, slope=slope):
            mine.append(-slope * t)
            value, there = FUNCTIONS[name](-slope * t)
            return value, -slope * there

        line_search(scaled, value, -slope * slope, 1 / abs(slope))
        np.testing.assert_allclose(mine, seen[1 : 1 + len(mine)], rtol=1e-9)
