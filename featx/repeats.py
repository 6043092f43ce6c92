"""The figures of repeated random splits go in; their mean with an interval, or the p-value of differences, comes out.

The repeats share images, so their spread alone says too little: the variance of their mean is corrected after Nadeau
and Bengio (2003).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .estimates import Estimate
from .metrics import LEVEL

__all__ = ["corrected_error", "corrected_interval", "corrected_p_value", "smallest_difference"]


def corrected_error(values: Sequence[float] | np.ndarray, *, n_train: int, n_test: int) -> float:
    """Return the standard error of the mean over repeated splits.

    The variance is (1/r + n_test/n_train) s^2 for r repeats whose sample variance is s^2 (Nadeau and Bengio 2003,
    sec. 4). A spread s below 1/n_test, one test image, is taken as that: accuracies resolve no more.

    Parameters
    ----------
    values : array-like of shape (r,)
        At least two.
    n_train : int
        The images outside the test set. Where a model is fitted on a random subset of them they still count whole,
        because the ratio stands for the overlap of the test sets, n_test / (n_train + n_test), which a subset leaves
        as it is.
    n_test : int
    """
    spread = max(float(np.std(values, ddof=1)), 1 / n_test)
    return math.sqrt(1 / len(values) + n_test / n_train) * spread


def corrected_interval(values: Sequence[float] | np.ndarray, *, n_train: int, n_test: int) -> Estimate:
    """Return the mean of proportions over repeats with Student's 95 % interval; parameters as `corrected_error`."""
    mean = float(np.mean(values))
    half = _quantile(len(values)) * corrected_error(values, n_train=n_train, n_test=n_test)
    return Estimate(mean, max(0.0, mean - half), min(1.0, mean + half))


def corrected_p_value(differences: Sequence[float] | np.ndarray, *, n_train: int, n_test: int) -> float:
    """Return the two-sided p-value of the corrected resampled t-test that the mean difference is zero.

    Student's t with r - 1 degrees of freedom (Nadeau and Bengio 2003, sec. 4); parameters as `corrected_error`.
    """
    from scipy.stats import t

    statistic = float(np.mean(differences)) / corrected_error(differences, n_train=n_train, n_test=n_test)
    return float(2 * t.sf(abs(statistic), len(differences) - 1))


def smallest_difference(differences: Sequence[float] | np.ndarray, *, n_train: int, n_test: int) -> float:
    """Return the mean difference at which that test would give p = 0.05; parameters as `corrected_error`."""
    return _quantile(len(differences)) * corrected_error(differences, n_train=n_train, n_test=n_test)


def _quantile(repeats: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, repeats - 1))
