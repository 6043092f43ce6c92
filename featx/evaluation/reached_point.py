"""What an operating point reaches on images that chose neither the model nor the threshold, with 95 % intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..display.quantities import percent_text
from ..display.summary_mixin import SummaryMixin
from .estimates import Estimate
from .intervals import FEWEST_GROUPS, exact_interval, grouped_accuracy_interval, log_loss_interval
from .operating_point import OperatingPoint
from .thresholds import ChosenThreshold

__all__ = ["ReachedPoint", "judge_point"]

TOO_FEW_GROUPS = f"in fewer than {FEWEST_GROUPS} groups"


@dataclass(frozen=True, repr=False)
class ReachedPoint(SummaryMixin):
    """An operating point: what was asked, the threshold, and what it reaches on held-out images.

    Attributes
    ----------
    positive : str
        The class that is found or missed.
    asked : str
        Such as "sensitivity=0.95".
    threshold : float
        Of the kept model: `positive` is predicted where its probability is at least this.
    thresholds : list of float
        Those that the held-out images were decided by, one for each split; chosen on its training part.
    chosen_on : dict of str to float
        Sensitivity, specificity, precision, and with costs the mean cost of an image, on the images that chose the
        threshold of the kept model.
    reached : dict of str to Estimate
        The same on the held-out images.
    verdict : str
        How what was reached compares with what was asked, in words.
    notes : list of str
        Whether it cannot be reached, or the images are too few to promise it.
    """

    positive: str
    asked: str
    threshold: float
    thresholds: list[float]
    chosen_on: dict[str, float]
    reached: dict[str, Estimate]
    verdict: str
    notes: list[str]


def judge_point(
    own: np.ndarray,
    flagged: np.ndarray,
    point: OperatingPoint,
    chosen: ChosenThreshold,
    *,
    positive: str,
    thresholds: Sequence[float],
    units: np.ndarray | None = None,
) -> ReachedPoint:
    """Return what decisions on held-out images reach.

    Parameters
    ----------
    own, flagged : ndarray of bool, shape (n,)
        Which images are of the class, and which were called so.
    point : OperatingPoint
    chosen : ChosenThreshold
        Of the kept model.
    positive : str
    thresholds : sequence of float
    units : ndarray, shape (n,), default=None
        What was sampled as a whole: groups, copies of an image.
    """
    reached = {
        "sensitivity": _share(flagged, own, units, "images of the class"),
        "specificity": _share(~flagged, ~own, units, "images of other classes"),
        "precision": _share(own, flagged, units, "images called so"),
    }
    if point.quantity == "cost":
        reached["cost"] = _cost(np.where(own, point.miss * ~flagged, point.false_alarm * flagged), point, units)
    return ReachedPoint(
        positive=positive,
        asked=point.text,
        threshold=chosen.threshold,
        thresholds=[float(threshold) for threshold in thresholds],
        chosen_on=chosen.figures,
        reached=reached,
        verdict=_verdict(own, point, reached[point.quantity]),
        notes=chosen.notes,
    )


def _share(right: np.ndarray, among: np.ndarray, units: np.ndarray | None, what: str) -> Estimate:
    """Return the share of some images, with its exact interval, or with units that of accuracy in groups."""
    hits, n = int((right & among).sum()), int(among.sum())
    if not n:
        return Estimate(math.nan, reason=f"there are no {what}")
    if units is None:
        low, high = exact_interval(hits, n)
        return Estimate(hits / n, float(low), float(high))
    codes = np.unique(units[among], return_inverse=True)[1]
    if codes.max() + 1 < FEWEST_GROUPS:
        return Estimate(hits / n, reason=f"the {what} are {TOO_FEW_GROUPS}")
    low, high = grouped_accuracy_interval(np.bincount(codes, weights=right[among]), np.bincount(codes))
    return Estimate(hits / n, min(float(low), hits / n), max(float(high), hits / n))


def _cost(costs: np.ndarray, point: OperatingPoint, units: np.ndarray | None) -> Estimate:
    value = float(costs.mean())
    if units is not None:
        return Estimate(value, reason="no method was found whose coverage is right with groups")
    if len(costs) < 2:
        return Estimate(value, reason="a single test image")
    low, high = log_loss_interval(costs, max(point.miss, point.false_alarm))
    return Estimate(value, float(low), float(high))


def _verdict(own: np.ndarray, point: OperatingPoint, found: Estimate) -> str:
    if point.quantity == "cost":
        always, never = point.false_alarm * (~own).mean(), point.miss * own.mean()
        return f"calling every image so would cost {always:.3f} an image, calling none so {never:.3f}"
    asked = f"a {point.quantity} of {percent_text(point.level)} was asked for"
    if math.isnan(found.value):
        return f"{asked}, and {found.reason} to tell"
    if not found.has_interval:
        return f"{asked}; without an interval, this neither shows nor refutes it: {found.reason}"
    if found.high < point.level:
        return f"{asked}, and it is not reached: the interval lies below"
    if found.low >= point.level:
        return f"{asked}, and it is reached: the interval lies above"
    return f"{asked}, and lies within the interval"
