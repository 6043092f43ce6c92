"""Which of many candidates may be the best: a joint sign-flip test of each against all others on the same images."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["BestComparison", "compare_with_best", "p_values_of_being_best"]

FLIPS = 5000
# Statistics that differ by less are equal.
ROUNDING = 1e-12


@dataclass(frozen=True)
class BestComparison:
    """Tests of each of m candidates, whether any other one is better.

    Attributes
    ----------
    gains : ndarray of float, shape (m, m)
        The accuracy of the candidate of each column minus that of the candidate of each row.
    errors : ndarray of float, shape (m, m)
        Their standard errors, corrected for cross-validation. Zero where both were right on the same images.
    largest : list of ndarray of float, shape (flips,)
        For each candidate, the largest gain of any other one in standard errors, in increasing order, as it is
        distributed where none is better. Empty where all gains are zero.
    factor : float
        By which the errors are larger than those of independent images.
    n_images, n_units : int
        Images, and how many of them or of their groups are independent of each other.
    """

    gains: np.ndarray
    errors: np.ndarray
    largest: list[np.ndarray]
    factor: float
    n_images: int
    n_units: int

    @property
    def p_values(self) -> np.ndarray:
        """How likely the largest gain over each candidate is, if none is better; float (m,)."""
        found = np.ones(len(self.gains))
        for one, drawn in enumerate(self.largest):
            if len(drawn):
                others = self.errors[one] > 0
                seen = float((self.gains[one, others] / self.errors[one, others]).max())
                found[one] = (1 + len(drawn) - int(np.searchsorted(drawn, seen - ROUNDING))) / (1 + len(drawn))
        return found

    def critical(self, one: int, level: float) -> float:
        """Return how many standard errors the gain of another one must exceed for a candidate to be rejected.

        Infinite where no gain would: of a single candidate, or at a level below what the flips can show.
        """
        drawn = self.largest[one]
        # As many of the drawn may be as large where it is rejected.
        most = math.ceil(level * (1 + len(drawn)) - 1) - 1
        return float(drawn[-1 - most]) if most >= 0 and len(drawn) else math.inf


def compare_with_best(
    right: np.ndarray, *, units: np.ndarray | None = None, folds: int = 1, random_state: int = 0
) -> BestComparison:
    """Test for each candidate whether any other one is better, on the same images.

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
    codes = np.arange(n) if units is None else np.unique(units, return_inverse=True)[1]
    sums = np.zeros((codes.max() + 1, m))
    np.add.at(sums, codes, right.T.astype(float))
    signs = np.random.default_rng(random_state).integers(0, 2, (FLIPS, len(sums)), dtype=np.int8) * 2.0 - 1.0
    # The gain of one over another is the difference of two sums, before and after the signs were drawn.
    total, flipped, products = sums.sum(axis=0), signs @ sums, sums.T @ sums
    squares = np.diagonal(products)[:, None] + np.diagonal(products) - 2 * products
    # Of a third of an image, the least that three repeats can differ by, the square is 0.1: less is rounding.
    scale = np.sqrt(np.where(squares > 1e-6, squares, 0.0))
    factor = 1.0 if folds == 1 else math.sqrt(1 + folds / (folds - 1))
    largest = []
    for one in range(m):
        others = np.flatnonzero(scale[one] > 0)
        drawn = (flipped[:, others] - flipped[:, [one]]) / scale[one, others]
        largest.append(np.sort(drawn.max(axis=1)) if len(others) else np.empty(0))
    return BestComparison((total - total[:, None]) / n, factor * scale / n, largest, factor, n, len(sums))


def p_values_of_being_best(
    right: np.ndarray, *, units: np.ndarray | None = None, folds: int = 1, random_state: int = 0
) -> np.ndarray:
    """Return, for each candidate, how likely its deficit against any other is, if none were better.

    Parameters
    ----------
    right, units, folds, random_state
        As for `compare_with_best`.

    Returns
    -------
    ndarray of float, shape (m,)
        The candidates whose p is at least a level are a set that holds the best one with a probability of about 1 -
        level at least: the set is wrong only where the best one is rejected, which is one test, however many candidates
        there are (Hsu 1984, multiple comparisons with the best).
    """
    return compare_with_best(right, units=units, folds=folds, random_state=random_state).p_values
