"""Area under the ROC curve and average precision of one class against the rest, with 95 % intervals.

Both say how well the probabilities of a class put its images before the others, at all thresholds together. The
variance is that of the influence of each image: for the ROC curve the placements of DeLong, DeLong and Clarke-Pearson
(1988, Biometrics 44), for average precision the derivative by the weight of an image. Influences of a group are summed
before they are squared, as Obuchowski (1997, Biometrics 53) does for the ROC curve. The interval is symmetric on the
logit scale. Where hardly an image is out of order, the variance depends on the few that happened to be drawn, so that
interval is joined with a score interval, which is never empty: for the ROC curve that of Newcombe (2006, Statistics in
Medicine 25, 559-573, method 5), for average precision Wilson's with as many trials as there are images of the class.
The coverage was simulated by `benchmarks/intervals.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from .estimates import Estimate
from .intervals import CONFIDENCE, FEWEST_GROUPS, FEWEST_GROUPS_OF_A_CLASS, NORMAL_QUANTILE, Interval, wilson_interval
from .metric_names import RANKING_METRICS

__all__ = ["average_precision_interval", "mean_ranking", "roc_auc_interval", "score_ranking"]

# Fewer images of the class, or of the others, have no interval: its simulated coverage is too low.
FEWEST_IMAGES = 10
MEAN_REASON = "not simulated for a mean over classes; name one class as positive"


def score_ranking(own: np.ndarray, scores: np.ndarray, *, units: np.ndarray | None = None) -> dict[str, Estimate]:
    """Return `roc_auc` and `average_precision`, as scikit-learn computes them, with intervals where they hold.

    Parameters
    ----------
    own : ndarray of bool, shape (n,)
        Which images are of the class.
    scores : ndarray of float, shape (n,)
        Such as the probability of the class.
    units : ndarray, shape (n,), default=None
        What was sampled as a whole: groups, copies of an image.

    Returns
    -------
    dict of str to Estimate
        NaN where there are no images of the class, or no others.
    """
    n_own, n_others = int(own.sum()), int((~own).sum())
    if not n_own or not n_others:
        lacking = "images of the class" if not n_own else "images of other classes"
        return {name: Estimate(np.nan, reason=f"there are no {lacking}") for name in RANKING_METRICS}
    reason = _why_none(own, units)
    found = {}
    for name, (figure, interval) in _FIGURES.items():
        value = float(figure(own, scores))
        low, high = (np.nan, np.nan) if reason else interval(own, scores, units=units)
        found[name] = Estimate(value, float(low), float(high), reason)
    return found


def mean_ranking(truth: np.ndarray, scores: np.ndarray) -> dict[str, Estimate]:
    """Return the means of both figures over all classes that have images, each against the rest; without intervals.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    scores : ndarray of float, shape (n, classes)
    """
    occurring = [number for number in np.unique(truth) if (truth != number).any()]
    means = {
        name: np.mean([figure(truth == number, scores[:, number]) for number in occurring]) if occurring else np.nan
        for name, (figure, _) in _FIGURES.items()
    }
    return {name: Estimate(float(value), reason=MEAN_REASON) for name, value in means.items()}


def roc_auc_interval(own: np.ndarray, scores: np.ndarray, *, units: np.ndarray | None = None) -> tuple[float, float]:
    """Return the interval of the area under the ROC curve; parameters as for `score_ranking`, both kinds present."""
    from scipy.stats import rankdata

    n_own, n_others = int(own.sum()), int((~own).sum())
    ranks, influence = rankdata(scores), np.empty(len(scores))
    # The share of the others that lie below each image of the class, and of the class above each of the others.
    influence[own] = (ranks[own] - rankdata(scores[own])) / n_others
    influence[~own] = 1 - (ranks[~own] - rankdata(scores[~own])) / n_own
    value = float(influence[own].mean())
    influence -= value
    influence[own] /= n_own
    influence[~own] /= n_others
    sizes = (_effective(own, units), _effective(~own, units))
    return _joined(_logit_interval(value, influence, own, units), _newcombe_interval(value, *sizes))


def average_precision_interval(
    own: np.ndarray, scores: np.ndarray, *, units: np.ndarray | None = None
) -> tuple[float, float]:
    """Return the interval of average precision; parameters as for `score_ranking`, both kinds present."""
    values, places = np.unique(-scores, return_inverse=True)
    hits, others = (np.bincount(places, weights=kind, minlength=len(values)) for kind in (own, ~own))
    found, flagged = hits.cumsum(), (hits + others).cumsum()
    precision, n_own = found / flagged, own.sum()
    value = float((hits * precision).sum() / n_own)
    # What one more image of the class, and one more of the others, changes in the precision at all lower thresholds.
    more_own = (hits * (flagged - found) / flagged**2)[::-1].cumsum()[::-1]
    more_others = -(hits * found / flagged**2)[::-1].cumsum()[::-1]
    influence = np.where(own, precision[places] - value + more_own[places], more_others[places]) / n_own
    size = _effective(own, units)
    return _joined(_logit_interval(value, influence, own, units), wilson_interval(value * size, size))


_FIGURES: dict[str, tuple[Callable[..., float], Callable[..., tuple[float, float]]]] = {
    "roc_auc": (roc_auc_score, roc_auc_interval),
    "average_precision": (average_precision_score, average_precision_interval),
}


def _why_none(own: np.ndarray, units: np.ndarray | None) -> str:
    """Return why there can be no interval, or nothing."""
    if units is None:
        few = min(own.sum(), (~own).sum()) < FEWEST_IMAGES
        return f"fewer than {FEWEST_IMAGES} images of the class or of the others" if few else ""
    if len(np.unique(units)) < FEWEST_GROUPS:
        return f"too few groups (fewer than {FEWEST_GROUPS})"
    few = min(len(np.unique(units[own])), len(np.unique(units[~own]))) < FEWEST_GROUPS_OF_A_CLASS
    return f"the class or the others are in fewer than {FEWEST_GROUPS_OF_A_CLASS} groups" if few else ""


def _effective(chosen: np.ndarray, units: np.ndarray | None) -> float:
    """Return how many independent images these count as: (sum n)^2 / sum n^2 over units (Kish 1965, sec. 8.2)."""
    if units is None:
        return float(chosen.sum())
    sizes = np.unique(units[chosen], return_counts=True)[1]
    return float(sizes.sum() ** 2 / (sizes**2).sum())


def _logit_interval(
    value: float, influence: np.ndarray, own: np.ndarray, units: np.ndarray | None
) -> tuple[float, float]:
    """Return the interval that is symmetric on the logit scale, from the influence of each image on the value."""
    from scipy.special import expit, logit
    from scipy.stats import t

    if not 0 < value < 1:
        return value, value
    if units is not None:
        influence = np.bincount(np.unique(units, return_inverse=True)[1], weights=influence)
    n = len(influence)
    error = np.sqrt(n / (n - 1) * (influence**2).sum())
    # The class that has fewer units decides how well the variance is known.
    fewest = min(_effective(own, units), _effective(~own, units))
    half = t.ppf((1 + CONFIDENCE) / 2, max(fewest - 1, 1)) * error / (value * (1 - value))
    return float(expit(logit(value) - half)), float(expit(logit(value) + half))


def _newcombe_interval(value: float, n_own: float, n_others: float) -> tuple[float, float]:
    """Return the areas whose own standard error leads to the value: the score interval of Newcombe's method 5."""
    from scipy.optimize import brentq

    more = (n_own + n_others) / 2 - 1

    def gap(area: float, sign: int) -> float:
        spread = area * (1 - area) * (1 + more * (1 - area) / (2 - area) + more * area / (1 + area))
        return float(area + sign * NORMAL_QUANTILE * np.sqrt(max(spread, 0.0) / (n_own * n_others)) - value)

    # At 0 and 1 the standard error is 0 and the gap closes, which is not the end that is sought.
    inner = min(max(value, 1e-9), 1 - 1e-9)
    low = brentq(gap, 0, inner, args=(1,)) if gap(0, 1) < 0 < gap(inner, 1) else 0.0
    high = brentq(gap, inner, 1, args=(-1,)) if gap(inner, -1) < 0 < gap(1, -1) else 1.0
    return float(low), float(high)


def _joined(*intervals: Interval | tuple[float, float]) -> tuple[float, float]:
    return float(min(low for low, _ in intervals)), float(max(high for _, high in intervals))
