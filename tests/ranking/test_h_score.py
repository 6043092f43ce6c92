"""Promised: the H-score is that of its formula with full matrices, and the shrinkage is that of Ledoit and Wolf."""

import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from featx.ranking.h_score import h_score, shrinkage
from featx.ranking.spectrum import narrowed

RNG = np.random.default_rng(0)


def slow(X, truth):
    covariance, amount = ledoit_wolf(X)
    means = np.array([X[truth == number].mean(axis=0) for number in truth]) - X.mean(axis=0)
    return np.trace(np.linalg.solve(covariance, (1 - amount) * means.T @ means / len(X)))


@pytest.mark.parametrize("shape", [(40, 12), (20, 50), (30, 30)])
def test_the_score_is_that_of_full_matrices(shape):
    truth = RNG.integers(0, 3, shape[0])
    X = RNG.normal(size=shape) + RNG.normal(size=(3, shape[1]))[truth] + 1
    assert h_score(X, truth) == pytest.approx(slow(X, truth))
    assert h_score(narrowed(X), truth, width=shape[1]) == pytest.approx(slow(X, truth))


@pytest.mark.parametrize("shape", [(40, 12), (20, 50)])
def test_the_shrinkage_is_that_of_scikit_learn(shape):
    X = RNG.normal(size=shape) * np.linspace(1, 3, shape[1])
    X -= X.mean(axis=0)
    values = np.linalg.svd(X, compute_uv=False) ** 2
    amount, mean = shrinkage(values, (X**2).sum(axis=1), shape[1])
    assert amount == pytest.approx(ledoit_wolf(X)[1])
    assert mean == pytest.approx((X**2).mean())


def test_equal_embeddings_score_nothing():
    assert h_score(np.ones((6, 3)), np.array([0, 1] * 3)) == 0


def test_separate_classes_reach_their_number_minus_one():
    truth = np.repeat([0, 1, 2], 200)
    X = 100 * np.eye(3)[truth] + RNG.normal(size=(600, 3))
    assert h_score(X, truth) == pytest.approx(2, abs=0.05)
