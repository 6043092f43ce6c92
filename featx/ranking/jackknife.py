"""The interval of a score by the jackknife: how much it moves when a tenth of the images is left out."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..evaluation.estimates import Estimate
from ..evaluation.intervals import CONFIDENCE

__all__ = ["PARTS", "jackknife_interval"]

PARTS = 10
TOO_FEW = f"fewer than {PARTS} images of a class, or groups, that are independent of each other"


def jackknife_interval(
    score: Callable[[np.ndarray], float],
    truth: np.ndarray,
    units: np.ndarray,
    *,
    random_state: int = 0,
    within: tuple[float, float] = (-math.inf, math.inf),
) -> Estimate:
    """Return a score with the 95 % interval of its mean over other draws of as many images.

    The delete-a-group jackknife (Kott 2001; Efron and Tibshirani 1993, ch. 11): the images are dealt into ten parts,
    each with its share of every class, and the score is computed without each part. The variance is 9/10 of the sum of
    the squared deviations from their mean, and the quantile Student's with nine degrees of freedom. Resampling with
    replacement would not do: copies of an image make labels look easier to predict than they are.

    Parameters
    ----------
    score : callable
        Takes rows and returns the score of these.
    truth : ndarray of int, shape (n,)
        Class numbers.
    units : ndarray, shape (n,)
        Equal for images that are kept together: copies and groups.
    random_state : int, default=0
        Seed of the parts.
    within : (float, float)
        The least and the largest value that the score can have. The interval is cut there.

    Returns
    -------
    Estimate
        Without an interval where there are fewer than ten units.
    """
    rows = np.arange(len(truth))
    value = float(score(rows))
    codes, first = np.unique(units, return_index=True, return_inverse=True)[2:0:-1]
    if len(first) < PARTS:
        return Estimate(value, reason=TOO_FEW)
    # Dealt class by class, so that each part has its share.
    order = np.random.default_rng(random_state).permutation(len(first))
    order = order[np.argsort(truth[first][order], kind="stable")]
    part = np.empty(len(first), dtype=int)
    part[order] = np.arange(len(first)) % PARTS
    found = np.array([score(rows[part[codes] != number]) for number in range(PARTS)])
    if not np.isfinite(found).all():
        return Estimate(value, reason="not defined without some of the images")
    from scipy.stats import t

    error = math.sqrt((PARTS - 1) / PARTS * float(((found - found.mean()) ** 2).sum()))
    half = float(t.ppf((1 + CONFIDENCE) / 2, PARTS - 1)) * error
    return Estimate(value, max(value - half, within[0]), min(value + half, within[1]))
