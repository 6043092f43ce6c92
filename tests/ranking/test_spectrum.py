"""Promised: narrowed rows keep all inner products, and the spectrum is that of the embeddings."""

import numpy as np
import pytest

from featx.ranking.spectrum import indicators, narrowed, spectrum_of

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(12, 5), (5, 12)])
def test_narrowed_rows_have_the_same_inner_products(shape):
    X = RNG.normal(size=shape)
    found = narrowed(X)
    assert found.shape == (shape[0], min(shape))
    assert np.allclose(found @ found.T, X @ X.T)


def test_the_spectrum_is_that_of_the_singular_value_decomposition():
    X, Y = RNG.normal(size=(9, 4)), RNG.normal(size=(9, 2))
    U, s, _ = np.linalg.svd(X, full_matrices=False)
    found = spectrum_of(X, Y)
    assert np.allclose(found.values, (s**2)[::-1])
    assert np.allclose(found.squares, ((U.T @ Y) ** 2)[::-1])
    assert np.allclose(found.squares.sum(axis=0) + found.rest, (Y**2).sum(axis=0))
    assert found.n == 9


def test_directions_without_any_row_are_left_out():
    X = RNG.normal(size=(9, 2)) @ RNG.normal(size=(2, 6))
    assert len(spectrum_of(X, np.ones((9, 1))).values) == 2


def test_indicators_have_a_column_for_each_class_that_occurs():
    assert indicators(np.array([3, 1, 3])).tolist() == [[0, 1], [1, 0], [0, 1]]
