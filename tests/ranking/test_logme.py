"""Promised: LogME is the maximum of the evidence, which a slow optimiser of the plain formula finds too."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import multivariate_normal

from featx.ranking.logme import log_evidence
from featx.ranking.spectrum import narrowed


def rows(n, d, k, *, shift=1.0, seed=0):
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n) % k)
    return rng.normal(size=(n, d)) + shift * rng.normal(size=(k, d))[truth] + 0.5, truth


def slow(X, truth):
    """Return the mean over classes of the best density of y ~ N(0, noise I + weights X X')."""
    n, found = len(X), []
    for number in np.unique(truth):
        y = (truth == number).astype(float)

        def negative(logs, y=y):
            noise, weights = np.exp(logs)
            return -multivariate_normal.logpdf(y, np.zeros(n), noise * np.eye(n) + weights * X @ X.T) / n

        found.append(-minimize(negative, [-2, -3], method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10}).fun)
    return np.mean(found)


@pytest.mark.parametrize(("n", "d", "k"), [(40, 12, 3), (30, 40, 2), (25, 25, 2)])
def test_the_evidence_is_the_maximum_that_an_optimiser_finds(n, d, k):
    X, truth = rows(n, d, k)
    assert log_evidence(X, truth) == pytest.approx(slow(X, truth), abs=1e-5)


def test_scale_and_rotation_do_not_matter():
    X, truth = rows(30, 60, 3)
    expected = log_evidence(X, truth)
    assert log_evidence(1000 * X, truth) == pytest.approx(expected, abs=1e-6)
    assert log_evidence(narrowed(X), truth) == pytest.approx(expected, abs=1e-6)


def test_classes_that_are_further_apart_have_more_evidence():
    found = [log_evidence(*rows(60, 20, 3, shift=shift)) for shift in (0.0, 0.5, 2.0)]
    assert found == sorted(found)


def test_embeddings_of_nothing_have_none():
    assert log_evidence(np.zeros((6, 3)), np.array([0, 1] * 3)) == -np.inf
