"""The figures of repeated random splits go in; their mean with an interval, or the p-value of differences, comes out.

The repeats share images, so their spread alone says too little: the variance of their mean is corrected after Nadeau
and Bengio (2003).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .estimates import Estimate
from .intervals import CONFIDENCE, FEWEST_GROUPS
from .paired import FEW_GROUPS_REASON, PairedTest
from .power import detectable_multiple

__all__ = ["corrected_error", "corrected_interval", "corrected_p_value", "corrected_test"]


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


def corrected_interval(
    values: Sequence[float] | np.ndarray, *, n_train: int, n_test: int, pooled: Estimate | None = None
) -> Estimate:
    """Return the mean of proportions over repeats with Student's 95 % interval.

    Parameters
    ----------
    values, n_train, n_test
        As for `corrected_error`.
    pooled : Estimate, default=None
        The figure of all images that were tested in some repeat, each counted once. The interval is never narrower than
        this one: repeats test the same images again, and the few of a rare class, or of a few groups, may be all right
        in every repeat. Where it has no interval, there is none.
    """
    mean = float(np.mean(values))
    if pooled is not None and not pooled.has_interval:
        return Estimate(mean, reason=pooled.reason)
    half = _quantile(len(values) - 1) * corrected_error(values, n_train=n_train, n_test=n_test)
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    if pooled is None:
        return Estimate(mean, low, high)
    return Estimate(mean, min(low, pooled.low), max(high, pooled.high))


def corrected_p_value(
    differences: Sequence[float] | np.ndarray, *, n_train: int, n_test: int, n_groups: int | None = None
) -> float:
    """Return the two-sided p-value of the corrected resampled t-test; parameters as `corrected_test`."""
    return corrected_test(differences, n_train=n_train, n_test=n_test, n_groups=n_groups).p_value


def corrected_test(
    differences: Sequence[float] | np.ndarray, *, n_train: int, n_test: int, n_groups: int | None = None
) -> PairedTest:
    """Return the corrected resampled t-test that the mean difference of two accuracies is zero.

    Student's t with r - 1 degrees of freedom (Nadeau and Bengio 2003, sec. 4). Where whole groups are tested, repeats
    that test the same few groups say little more than one does: there are no more degrees of freedom than different
    groups less one, and below five of these no interval, nor a p below 1.

    Parameters
    ----------
    differences : array-like of shape (r,)
        The accuracy of the first less that of the second, in each repeat; at least two.
    n_train, n_test : int
        As for `corrected_error`.
    n_groups : int, default=None
        Different groups among the test images of all repeats, if there are groups.
    """
    from scipy.stats import t

    value, repeats = float(np.mean(differences)), len(differences)
    name = f"corrected resampled t-test over {repeats} repeats"
    if n_groups is not None and n_groups < FEWEST_GROUPS:
        return PairedTest(Estimate(value, reason=FEW_GROUPS_REASON), 1.0, 1.0, name, math.nan)
    error = corrected_error(differences, n_train=n_train, n_test=n_test)
    freedom = min(repeats, repeats if n_groups is None else n_groups) - 1
    half = _quantile(freedom) * error
    found = detectable_multiple(freedom) * error
    return PairedTest(
        difference=Estimate(value, max(-1.0, value - half), min(1.0, value + half)),
        p_value=float(2 * t.sf(abs(value) / error, freedom)),
        smallest_p=0.0,
        test=name,
        detectable=found if found < 1 else math.nan,
    )


def _quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + CONFIDENCE) / 2, freedom))
