"""Which of many candidates may be the best: a joint sign-flip test of each against all others on the same images."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["p_values_of_being_best"]

FLIPS = 5000


def p_values_of_being_best(
    right: np.ndarray, *, units: np.ndarray | None = None, folds: int = 1, random_state: int = 0
) -> np.ndarray:
    """Return, for each candidate, how likely its deficit against any other is, if none were better.

    Parameters
    ----------
    right : ndarray, shape (m, n)
        Whether each candidate was right on each image: in which part of the repeats of a cross-validation.
    units : ndarray, shape (n,), default=None
        Groups that are independent of each other, where images are not.
    folds : int, default=1
        How many folds the images were divided into, if they were predicted by cross-validation.
    random_state : int, default=0
        Seed of the flips.

    Returns
    -------
    ndarray of float, shape (m,)
        The candidates whose p is at least a level are a set that holds the best one with a probability of about 1 -
        level at least: the set is wrong only where the best one is rejected, which is one test, however many candidates
        there are (Hsu 1984, multiple comparisons with the best).

    Notes
    -----
    For each candidate, the gains of every other over it are summed over each unit. The statistic is the largest of the
    sums, each divided by the root of the sum of its squares; its distribution where nothing is better is that of the
    same gains with a random sign for each unit, the same for all others, so that their correlation counts (Westfall and
    Young 1993, ch. 2). The correction for cross-validation is that of `compare_paired`: the statistic is divided by the
    root of 1 + J / (J - 1) (Nadeau and Bengio 2003, sec. 4), 1.5 with five folds. No less would do: of simulated
    equally good candidates on real embeddings, 0.8 to 5.8 % were rejected at the level of 5 % by the mean of three
    repeats of the cross-validation, 3 to 13 % with a factor of 1.25 and 10 to 28 % without any (benchmarks/README.md).
    """
    m, n = right.shape
    if m == 1:
        return np.ones(1)
    codes = np.arange(n) if units is None else np.unique(units, return_inverse=True)[1]
    sums = np.zeros((codes.max() + 1, m))
    np.add.at(sums, codes, right.T.astype(float))
    signs = np.random.default_rng(random_state).integers(0, 2, (FLIPS, len(sums)), dtype=np.int8) * 2.0 - 1.0
    # The gain of one over another is the difference of two sums, before and after the signs were drawn.
    total, flipped, products = sums.sum(axis=0), signs @ sums, sums.T @ sums
    squares = np.diagonal(products)[:, None] + np.diagonal(products) - 2 * products
    scale = np.sqrt(np.maximum(squares, 0.0))
    factor = 1.0 if folds == 1 else math.sqrt(1 + folds / (folds - 1))
    found = np.ones(m)
    for one in range(m):
        others = np.flatnonzero(scale[one] > 0)
        if not len(others):
            continue
        seen = float(((total[others] - total[one]) / scale[one, others]).max()) / factor
        drawn = ((flipped[:, others] - flipped[:, [one]]) / scale[one, others]).max(axis=1)
        found[one] = (1 + int((drawn >= seen - 1e-12).sum())) / (1 + FLIPS)
    return found
