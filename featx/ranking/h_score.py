"""H-score with shrinkage: how far the class means of embeddings are apart, against the spread of all embeddings."""

from __future__ import annotations

import numpy as np

from .spectrum import indicators, spectrum_of

__all__ = ["h_score", "shrinkage"]


def h_score(X: np.ndarray, truth: np.ndarray, *, width: int | None = None) -> float:
    """Return the H-score, tr(S^-1 B), with a shrunken covariance.

    S is the covariance of the embeddings and B that of their class means (Bao, Li, Huang, Zhang, Zheng, Zamir and
    Guibas 2019, "An information-theoretic approach to transferability in task transfer learning"). With few images S is
    singular, and its inverse magnifies noise. Ibrahim, Ponomareva and Mazumder (2021, "Newer is not always better:
    rethinking transferability metrics, their peculiarities, stability and performance", arXiv:2110.06893) replace it by
    (1 - a) S + a m I, where m is the mean of the diagonal of S and a is the shrinkage of Ledoit and Wolf (2004), and B
    by (1 - a) B.

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Embeddings, or the rows that `narrowed` returned for them.
    truth : ndarray of int, shape (n,)
        Class numbers.
    width : int, default=None
        The number of features d, where `X` was narrowed.

    Returns
    -------
    float
        Between 0 and the number of classes minus one; larger is better.
    """
    X = np.asarray(X, dtype=np.float64)
    X = X - X.mean(axis=0)
    Y = indicators(truth)
    found, n = spectrum_of(X, Y), len(X)
    amount, mean = shrinkage(found.values, (X**2).sum(axis=1), width or X.shape[1])
    if not len(found.values):
        return 0.0
    of_means = found.values * (found.squares / (n * Y.sum(axis=0))).sum(axis=1)
    return float(((1 - amount) * of_means / (amount * mean + (1 - amount) * found.values / n)).sum())


def shrinkage(values: np.ndarray, squared_lengths: np.ndarray, width: int) -> tuple[float, float]:
    """Return the shrinkage of Ledoit and Wolf (2004, "A well-conditioned estimator", lemmas 3.2 to 3.4), and the mean.

    Parameters
    ----------
    values : ndarray, shape (r,)
        The positive eigenvalues of the inner products of the centred rows.
    squared_lengths : ndarray, shape (n,)
        Of the centred rows.
    width : int
        The number of features.

    Returns
    -------
    amount : float
        From 0, the sample covariance, to 1, a multiple of the identity.
    mean : float
        The mean of the diagonal of the covariance.
    """
    n = len(squared_lengths)
    mean = float(squared_lengths.sum()) / (n * width)
    norm = float((values**2).sum()) / n**2
    distance = norm - width * mean**2
    error = (float((squared_lengths**2).sum()) / n - norm) / n
    return (1.0 if distance <= 0 else float(np.clip(error / distance, 0.0, 1.0))), mean
