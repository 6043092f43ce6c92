"""LogME: the log evidence of a Bayesian linear model of the labels, at its best precision of weights and noise."""

from __future__ import annotations

import numpy as np

from .spectrum import indicators, spectrum_of

__all__ = ["log_evidence", "maximise_evidence"]

# The ratio of the precisions, weights to noise, may not leave this range around the largest eigenvalue.
LEAST, MOST = 1e-9, 1e9
TOLERANCE = 1e-4
MOST_STEPS = 300


def log_evidence(X: np.ndarray, truth: np.ndarray) -> float:
    """Return LogME: the maximum log evidence, per image, as the mean over classes.

    Each class is a target of ones and zeros, y = F w + noise, with w ~ N(0, 1 / alpha) and noise ~ N(0, 1 / beta). The
    evidence p(y | F, alpha, beta) is maximised over alpha and beta by the fixed point of MacKay (1992), which You, Liu,
    Wang, Jordan and Long prove to converge (2021, "LogME: practical assessment of pre-trained models for transfer
    learning", arXiv:2102.11005; 2022, JMLR 23).

    Parameters
    ----------
    X : ndarray, shape (n, d)
        Embeddings as the network gives them; their scale has no effect.
    truth : ndarray of int, shape (n,)
        Class numbers.

    Returns
    -------
    float
        Larger is better. Comparable between embeddings of the same images only.
    """
    found = spectrum_of(np.asarray(X, dtype=np.float64), indicators(truth))
    if not len(found.values):
        return float("-inf")
    s, squares, rest, n = found.values[:, None], found.squares, found.rest, found.n
    alpha, beta = maximise_evidence(found.values, squares, rest, n)
    ratio = alpha / beta
    # ||F m - y||^2 and m'm for the mean m of the weights, and log |alpha I + beta F'F|, in which the d - r directions
    # without any row cancel against the prior.
    missed = ((ratio / (s + ratio)) ** 2 * squares).sum(axis=0) + rest
    length = (s * squares / (s + ratio) ** 2).sum(axis=0)
    determinant = np.log(alpha + beta * s).sum(axis=0)
    evidence = n * np.log(beta / (2 * np.pi)) + len(s) * np.log(alpha) - beta * missed - alpha * length - determinant
    return float((evidence / (2 * n)).mean())


def maximise_evidence(
    values: np.ndarray, squares: np.ndarray, rest: np.ndarray, n: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the precisions of the weights and of the noise that maximise the evidence, for each target.

    Parameters
    ----------
    values, squares, rest, n
        As in `Spectrum`.

    Returns
    -------
    alpha, beta : ndarray of float64, shape (k,)
    """
    s, low, high = values[:, None], LEAST * values.max(), MOST * values.max()
    ratio = np.full(squares.shape[1], float(values.mean()))
    for _ in range(MOST_STEPS):
        effective = (s / (s + ratio)).sum(axis=0)
        missed = ((ratio / (s + ratio)) ** 2 * squares).sum(axis=0) + rest
        length = np.maximum((s * squares / (s + ratio) ** 2).sum(axis=0), np.finfo(float).tiny)
        # alpha = effective / length and beta = (n - effective) / missed, as a step of their ratio.
        step = effective * missed / (length * np.maximum(n - effective, LEAST))
        step = np.clip(step, low, high)
        done = np.abs(step - ratio) <= TOLERANCE * ratio
        ratio = step
        if done.all():
            break
    # At its ratio, the noise that maximises the evidence is known; at the fixed point both ways to it agree.
    spread = (ratio / (s + ratio) * squares).sum(axis=0) + rest
    beta = n / np.maximum(spread, np.finfo(float).tiny)
    return ratio * beta, beta
