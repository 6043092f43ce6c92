"""Repeated random splits: the corrected resampled t-test, and the interval of a mean over the repeats.

The repeats share images, so their spread alone understates the uncertainty: the variance of their mean is corrected
after Nadeau and Bengio (2003).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .estimates import Estimate
from .intervals import CONFIDENCE, FEWEST_GROUPS
from .paired import FEW_GROUPS_REASON, PairedTest
from .power import detectable_multiple

__all__ = ["corrected_error", "corrected_interval", "corrected_test"]


def corrected_error(values: Sequence[float] | np.ndarray, *, n_train: int, n_test: int) -> float:
    """Return the standard error of the mean over repeated splits.

    The variance is (1/r + n_test/n_train) s^2 for r repeats whose sample variance is s^2 (Nadeau and Bengio 2003,
    sec. 4). A spread s below 1/n_test, one test image, is taken to be 1/n_test: accuracies have no finer resolution.

    Parameters
    ----------
    values : array-like of shape (r,)
        At least two.
    n_train : int
        The images outside the test set. All of them count, even where a model is fitted on a random subset of them,
        because the ratio stands for the overlap of the test sets, n_test / (n_train + n_test), which a subset does not
        change.
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
        The same metric over all images that were tested in some repeat, each counted once. The interval is never
        narrower than that of `pooled`: repeats test the same images again, and the few of a rare class, or of a few
        groups, may all be classified correctly in every repeat. Where `pooled` has no interval, there is none.
    """
    mean = float(np.mean(values))
    if pooled is not None and not pooled.has_interval:
        return Estimate(mean, reason=pooled.reason)
    half = _quantile(len(values) - 1) * corrected_error(values, n_train=n_train, n_test=n_test)
    low, high = max(0.0, mean - half), min(1.0, mean + half)
    if pooled is None:
        return Estimate(mean, low, high)
    return Estimate(mean, min(low, pooled.low), max(high, pooled.high))


def corrected_test(
    differences: Sequence[float] | np.ndarray, *, n_train: int, n_test: int, n_groups: int | None = None
) -> PairedTest:
    """Return the corrected resampled t-test that the mean difference of two accuracies is zero.

    Student's t with r - 1 degrees of freedom (Nadeau and Bengio 2003, sec. 4). Where whole groups are tested, several
    repeats on the same few groups show little more than one does: there are at most as many degrees of freedom as
    different groups minus one, and below five groups there is no interval and p is 1.

    Parameters
    ----------
    differences : array-like of shape (r,)
        The accuracy of the first minus that of the second, in each repeat; at least two.
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
