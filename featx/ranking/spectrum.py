"""Eigenvalues of embeddings and the coordinates of the classes in their eigenvectors, which LogME and H-score share.

Both scores depend on the inner products of the rows alone, so wide embeddings are first reduced to as many columns as
there are rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["Spectrum", "indicators", "narrowed", "spectrum_of"]

# Eigenvalues below this part of the largest are rounding.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Spectrum:
    """What is left of a matrix of embeddings, F = U diag(s)^(1/2) V', and of targets Y beside it.

    Attributes
    ----------
    values : ndarray of float64, shape (r,)
        The positive eigenvalues s of F F'.
    squares : ndarray of float64, shape (r, k)
        The squared coordinates (U' Y)^2 of each target in the eigenvectors.
    rest : ndarray of float64, shape (k,)
        The squared length of each target outside the column space of F.
    n : int
        Rows.
    """

    values: np.ndarray
    squares: np.ndarray
    rest: np.ndarray
    n: int


def spectrum_of(X: np.ndarray, Y: np.ndarray) -> Spectrum:
    """Return the spectrum of embeddings and the targets' coordinates in it.

    Parameters
    ----------
    X : ndarray of float64, shape (n, d)
    Y : ndarray of float64, shape (n, k)
    """
    values, vectors = np.linalg.eigh(X.T @ X)
    kept = values > ROUNDING * max(float(values[-1]), np.finfo(float).tiny)
    values, vectors = values[kept], vectors[:, kept]
    squares = (vectors.T @ (X.T @ Y)) ** 2 / values[:, None]
    rest = np.maximum((Y**2).sum(axis=0) - squares.sum(axis=0), 0.0)
    return Spectrum(values, squares, rest, len(X))


def narrowed(X: np.ndarray) -> np.ndarray:
    """Return embeddings in float64 with at most as many columns as rows, and the same inner products of rows.

    Parameters
    ----------
    X : ndarray, shape (n, d)
    """
    X = np.asarray(X, dtype=np.float64)
    if X.shape[1] <= len(X):
        return X
    values, vectors = np.linalg.eigh(X @ X.T)
    return vectors * np.sqrt(np.maximum(values, 0.0))


def indicators(truth: np.ndarray) -> np.ndarray:
    """Return one column for each class that occurs: 1 for its rows, 0 for the others, float64 (n, k)."""
    return (np.asarray(truth)[:, None] == np.unique(truth)).astype(np.float64)
