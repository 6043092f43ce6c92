"""Confidence intervals (95 %): Wilson's for accuracy; for balanced accuracy, macro F1, log loss and groups, others.

An ordinary interval of a mean is too narrow near 100 %, where it depends on the few errors that happened to be drawn.
Fay and Feuer (1997, "Confidence intervals for directly standardized rates", Statistics in Medicine 16, eqs. 4 and 5)
take, for the upper end of a weighted sum of counts with sum y and variance v, the quantile of a gamma distribution of
mean y + w and variance v + w^2, where w is the largest weight: as though one more event, of the weightiest kind, had
happened. Balanced accuracy, macro F1 and log loss are such sums of the errors, to first order. Errors that cannot
exceed 100 % have a beta distribution in place of the gamma (Tiwari, Clegg and Zou 2006, "Efficient interval estimation
for age-adjusted cancer rates"), which for plain accuracy nearly gives the exact interval of Clopper and Pearson (1934).
The coverage of all these intervals was simulated by `benchmarks/intervals.py`.
"""

from __future__ import annotations

import numpy as np

__all__ = [
    "CONFIDENCE",
    "FEWEST_GROUPS",
    "FEWEST_GROUPS_OF_A_CLASS",
    "FEW_GROUPS",
    "NORMAL_QUANTILE",
    "class_mean_interval",
    "exact_interval",
    "grouped_accuracy_interval",
    "grouped_class_mean_interval",
    "log_loss_interval",
    "per_class_error",
    "wilson_interval",
]

CONFIDENCE = 0.95
NORMAL_QUANTILE = 1.959963984540054
LOWER, UPPER = (1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2
# With fewer groups than the first number there is no interval; with fewer than the second there is a note.
FEWEST_GROUPS, FEW_GROUPS = 5, 20
FEWEST_GROUPS_OF_A_CLASS = 3

Interval = tuple[np.ndarray, np.ndarray]


def wilson_interval(successes: np.ndarray | float, trials: np.ndarray | float) -> Interval:
    """Return Wilson's score interval of a proportion (Wilson 1927; Brown, Cai and DasGupta 2001, eq. 4).

    Parameters
    ----------
    successes, trials : array-like of float
        These may be fractional.
    """
    trials = np.asarray(trials, dtype=float)
    p = np.asarray(successes, dtype=float) / trials
    z2 = NORMAL_QUANTILE**2
    centre = (p + z2 / (2 * trials)) / (1 + z2 / trials)
    half = NORMAL_QUANTILE * np.sqrt(p * (1 - p) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return np.minimum(p, np.maximum(0.0, centre - half)), np.maximum(p, np.minimum(1.0, centre + half))


def exact_interval(successes: np.ndarray | float, trials: np.ndarray | float) -> Interval:
    """Return the interval of a proportion of Clopper and Pearson (1934), which holds the truth at least so often.

    Wilson's holds it less often than promised where there are few trials: 0.86 of the time for two images.

    Parameters
    ----------
    successes, trials : array-like of float
    """
    from scipy.special import betaincinv

    hits, n = np.asarray(successes, dtype=float), np.asarray(trials, dtype=float)
    low = np.where(hits > 0, betaincinv(np.maximum(hits, 1), n - hits + 1, LOWER), 0.0)
    return low, np.where(hits < n, betaincinv(hits + 1, np.maximum(n - hits, 1), UPPER), 1.0)


def grouped_accuracy_interval(right: np.ndarray, sizes: np.ndarray) -> Interval:
    """Return the interval of accuracy where whole groups of images were drawn.

    Student's interval of a ratio of sums over groups, with one degree of freedom fewer than there are groups (Cochran
    1977, sec. 6.5), joined with Wilson's interval for as many images as there are groups, since groups that agree by
    chance prove no more than that. Groups of uneven size count as (sum n)^2 / sum n^2 (Kish 1965, sec. 8.2).

    Parameters
    ----------
    right, sizes : ndarray, shape (..., groups)
        Numbers of correctly classified images and of all images in each group. At least two groups.
    """
    from scipy.stats import t

    groups, total = sizes.shape[-1], sizes.sum(-1)
    p = right.sum(-1) / total
    residuals = right - p[..., None] * sizes
    error = np.sqrt(groups / (groups - 1) * (residuals**2).sum(-1)) / total
    effective = total**2 / (sizes**2).sum(-1)
    low, high = wilson_interval(p * effective, effective)
    half = t.ppf(UPPER, groups - 1) * error
    return np.maximum(0.0, np.minimum(low, p - half)), np.minimum(1.0, np.maximum(high, p + half))


def per_class_error(hits: np.ndarray, actual: np.ndarray, claimed: np.ndarray, *, metric: str) -> np.ndarray:
    """Return 1 - recall (metric "balanced_accuracy") or 1 - F1 ("macro_f1") of each class; 0 where undefined.

    Parameters
    ----------
    hits, actual, claimed : ndarray, shape (..., classes)
        Images of the class that were predicted as it, all images of the class, and all that were predicted as it.
    metric : {"balanced_accuracy", "macro_f1"}
    """
    missed, whole = _error_parts(hits, actual, claimed, metric)
    return missed / np.maximum(whole, 1)


def class_mean_interval(matrix: np.ndarray, *, metric: str) -> Interval:
    """Return the interval of balanced accuracy or macro F1 of independent images.

    The variance is the jackknife's over images (Efron and Tibshirani 1993, sec. 11.5), times (n - 1) / (n + 1), with
    which the beta distribution of a plain proportion has the parameters of Clopper and Pearson. The one more error is
    in the class where it costs most. A class without images may have any recall and any F1, so the interval covers
    all of them.

    Parameters
    ----------
    matrix : ndarray, shape (..., classes, classes)
        True classes in rows, predicted ones in columns. At least one image.
    metric : {"balanced_accuracy", "macro_f1"}
    """
    matrix = np.asarray(matrix, dtype=float)
    classes, n = matrix.shape[-1], matrix.sum((-1, -2))
    counts = np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(-1), matrix.sum(-2)
    known = counts[1] > 0
    weights = known / known.sum(-1, keepdims=True)
    error = per_class_error(*counts, metric=metric)

    def without(*parts: int) -> np.ndarray:
        fewer = [np.maximum(count - part, 0) for count, part in zip(counts, parts, strict=True)]
        return (per_class_error(*fewer, metric=metric) - error) * weights

    # An image left out changes the class that it is of and the one that it was taken for.
    change = without(0, 1, 0)[..., :, None] + without(0, 0, 1)[..., None, :]
    diagonal = np.arange(classes)
    change[..., diagonal, diagonal] = without(1, 1, 1)
    spread = (matrix * change**2).sum((-1, -2)) - (matrix * change).sum((-1, -2)) ** 2 / n
    variance = (n - 1) ** 2 / (n * (n + 1)) * spread
    more, less = _cost_of_an_error(*counts, weights, metric=metric)
    interval = _beta_interval((error * weights).sum(-1), variance, more.max(-1), less.max(-1))
    return _allow_for_unknown(interval, known.mean(-1))


def grouped_class_mean_interval(hits: np.ndarray, actual: np.ndarray, claimed: np.ndarray, *, metric: str) -> Interval:
    """Return the interval of balanced accuracy or macro F1 where whole groups of images were drawn.

    As `class_mean_interval`, but with the jackknife over groups, widened by the ratio of Student's quantile to the
    normal one. In place of one more error there is one more group with nothing but errors: the average of the groups,
    weighted by the cost of each. A class in fewer than three groups may have any recall and any F1. NaN where this is
    true of all classes.

    Parameters
    ----------
    hits, actual, claimed : ndarray, shape (..., groups, classes)
        Of each group, as in `per_class_error`. At least two groups.
    metric : {"balanced_accuracy", "macro_f1"}
    """
    from scipy.stats import t

    groups = actual.shape[-2]
    counts = [np.asarray(count, dtype=float) for count in (hits, actual, claimed)]
    totals = [count.sum(-2) for count in counts]
    known = (counts[1] > 0).sum(-2) >= FEWEST_GROUPS_OF_A_CLASS
    weights = known / np.maximum(known.sum(-1, keepdims=True), 1)
    error = (per_class_error(*totals, metric=metric) * weights).sum(-1)
    rest = [total[..., None, :] - count for total, count in zip(totals, counts, strict=True)]
    left = (per_class_error(*rest, metric=metric) * weights[..., None, :]).sum(-1)
    variance = (groups - 1) / groups * ((left - left.mean(-1, keepdims=True)) ** 2).sum(-1)
    variance *= (t.ppf(UPPER, groups - 1) / NORMAL_QUANTILE) ** 2
    costs = [
        (counts[1] * step[..., None, :]).sum(-1)
        for step in _cost_of_an_error(totals[0], totals[1], totals[2], weights, metric=metric)
    ]
    more, less = ((cost**2).sum(-1) / np.maximum(cost.sum(-1), 1e-300) for cost in costs)
    low, high = _allow_for_unknown(_beta_interval(error, variance, more, less), known.mean(-1))
    return np.where(known.any(-1), low, np.nan), np.where(known.any(-1), high, np.nan)


def log_loss_interval(losses: np.ndarray, most: np.ndarray | float) -> Interval:
    """Return the interval of the mean loss of independent images.

    Gamma distributions as in Fay and Feuer (1997), where one more error is an image with the largest loss that the
    predictions allow. That loss need not have occurred: where all images are classified correctly, the observed losses
    say little about future ones.

    Parameters
    ----------
    losses : ndarray, shape (..., images)
        At least two.
    most : array-like, shape (...)
        The largest loss that an image could have had: that of the least probable class of any image.
    """
    n = losses.shape[-1]
    mean, step = losses.mean(-1), np.asarray(most) / n
    variance = np.maximum(losses.var(-1, ddof=1) / n, (mean / n) ** 2)
    low = np.where(mean > 0, _gamma_quantile(mean, variance, LOWER), 0.0)
    high = np.where(step > 0, _gamma_quantile(mean + step, variance + step**2, UPPER), mean)
    return np.minimum(low, mean), np.maximum(high, mean)


def _error_parts(
    hits: np.ndarray, actual: np.ndarray, claimed: np.ndarray, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return the numerator and the denominator of a class's error."""
    if metric == "balanced_accuracy":
        return actual - hits, actual
    return actual + claimed - 2 * hits, actual + claimed


def _cost_of_an_error(
    hits: np.ndarray, actual: np.ndarray, claimed: np.ndarray, weights: np.ndarray, *, metric: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return by how much one more error in each class raises the mean error, and one fewer lowers it."""
    missed, whole = _error_parts(hits, actual, claimed, metric)
    whole = np.maximum(whole, 1)
    error = missed / whole
    more, less = weights * (1 - error) / whole, weights * error / whole
    if metric == "macro_f1":
        # A wrong image lowers the F1 of two classes: its own and, at worst, the most sensitive of the others.
        ranked = np.sort(more, axis=-1)
        more = more + np.where(more == ranked[..., -1:], ranked[..., -2:-1], ranked[..., -1:])
        less = 2 * less
    return np.where(weights > 0, more, 0.0), less


def _allow_for_unknown(interval: Interval, known: np.ndarray) -> Interval:
    """Return the interval of the mean over all classes from that over the known share; the rest may be anything."""
    low, high = interval
    return known * low, known * high + 1 - known


def _beta_interval(error: np.ndarray, variance: np.ndarray, more: np.ndarray, less: np.ndarray) -> Interval:
    """Return the interval of 1 - error; `more` and `less` are what one more and one fewer error change."""
    # With no error, or nothing but errors, the end is known, and SciPy would be slow to find the quantile.
    some, all_but = error > 0, error < 1
    most = _beta_quantile(np.where(all_but, error + more, 0.5), np.where(all_but, variance + more**2, 0.1), UPPER)
    least = _beta_quantile(np.where(some, error - less, 0.5), np.where(some, variance + less**2, 0.1), LOWER)
    most, least = np.where(all_but, most, 1.0), np.where(some, least, 0.0)
    return 1 - np.maximum(most, error), 1 - np.minimum(least, error)


def _beta_quantile(mean: np.ndarray, variance: np.ndarray, q: float) -> np.ndarray:
    from scipy.special import betaincinv

    mean = np.clip(mean, 1e-12, 1 - 1e-12)
    # No variance is larger than that of a single image.
    size = np.maximum(mean * (1 - mean) / np.maximum(variance, 1e-300) - 1, 1e-3)
    return betaincinv(mean * size, (1 - mean) * size, q)


def _gamma_quantile(mean: np.ndarray, variance: np.ndarray, q: float) -> np.ndarray:
    from scipy.special import gammaincinv

    variance = np.maximum(variance, 1e-300)
    return gammaincinv(np.maximum(mean, 1e-150) ** 2 / variance, q) * variance / np.maximum(mean, 1e-150)
