"""Thresholds: choose the probability from which on an image is called positive, and decide by it.

`TunedThresholdClassifierCV` of scikit-learn does not serve: it takes two classes only, it averages a score over folds,
each too small to reach what is asked of all images together, and it tries 100 values at equal distances, between two of
which half of the probabilities may lie. Here the predictions of all inner folds are taken together, and every value
that separates two images is tried.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..display.quantities import count_text, percent_text
from .intervals import CONFIDENCE, NORMAL_QUANTILE, exact_interval, wilson_interval
from .operating_point import OperatingPoint

__all__ = ["ChosenThreshold", "Decision", "choose_threshold", "decide"]


@dataclass(frozen=True)
class Decision:
    """A rule that turns probabilities into a class: the positive one from a threshold on, else the likeliest other.

    Attributes
    ----------
    positive : object
        A label.
    threshold : float
        Above 1 for never.
    operating_point : str
        What the threshold was asked for, such as "sensitivity=0.95"; may be empty.
    """

    positive: Any
    threshold: float
    operating_point: str = ""

    def numbers(self, probabilities: np.ndarray, classes: Sequence[Any] | np.ndarray) -> np.ndarray:
        """Return the numbers of the decided classes, shape (n,), from probabilities of shape (n, classes)."""
        return decide(probabilities, list(map(str, classes)).index(str(self.positive)), self.threshold)

    def text(self) -> str:
        """Return the rule in words."""
        asked = f" ({self.operating_point})" if self.operating_point else ""
        return f"{str(self.positive)!r} where its probability is at least {self.threshold:.4g}{asked}"


class ChosenThreshold(NamedTuple):
    """A threshold with what it reaches on the images that it was chosen on.

    Attributes
    ----------
    threshold : float
    figures : dict of str to float
        Sensitivity, specificity and precision, NaN where undefined; the mean cost of an image, where costs are given.
    notes : list of str
        Whether the operating point cannot be reached, or the images are too few to promise it.
    """

    threshold: float
    figures: dict[str, float]
    notes: list[str]


def decide(probabilities: np.ndarray, positive: int, threshold: float | np.ndarray) -> np.ndarray:
    """Return class numbers: `positive` where its probability is at least the threshold, else the likeliest other.

    Parameters
    ----------
    probabilities : ndarray, shape (n, classes)
    positive : int
    threshold : float or ndarray of shape (n,)
    """
    others = np.array(probabilities, dtype=np.float64)
    others[:, positive] = -1.0
    return np.where(probabilities[:, positive] >= threshold, positive, others.argmax(axis=1))


def choose_threshold(
    own: np.ndarray, scores: np.ndarray, point: OperatingPoint, *, name: str, units: np.ndarray | None = None
) -> ChosenThreshold:
    """Return the threshold that an operating point asks for, on images that the scores were not fitted on.

    Of n images of the class, the k-th highest score lies below that of a new one with probability k / (n + 1), whatever
    the distribution (Wilks 1941). So a sensitivity s is asked of k = s (n + 1) images, rounded up, which keeps it on
    average over new images; specificity likewise. The threshold is then the one with the best specificity, or
    sensitivity. For precision it is the one with the highest sensitivity of those that reach it; for costs the
    cheapest, of equals the nearest to false_alarm / (miss + false_alarm), which calibrated probabilities would have.

    Parameters
    ----------
    own : ndarray of bool, shape (n,)
        Which images are of the class; some are, some are not.
    scores : ndarray of float, shape (n,)
        Probabilities of the class.
    point : OperatingPoint
    name : str
        Of the class, for notes.
    units : ndarray, shape (n,), default=None
        What was sampled as a whole; the promise counts these.

    Notes
    -----
    The threshold is halfway between the scores that it separates, so that rounding changes no decision.
    """
    levels = np.unique(scores)
    places = np.searchsorted(levels, scores)
    # What is flagged from each level on, and by a threshold above all of them.
    hits, alarms = (
        np.append(np.bincount(places[kind], minlength=len(levels))[::-1].cumsum()[::-1], 0) for kind in (own, ~own)
    )
    n_own, n_others = int(own.sum()), int((~own).sum())
    cut, notes = _cut(point, levels, hits, alarms, n_own, n_others, repr(name))
    flagged = scores >= levels[cut] if cut < len(levels) else np.zeros(len(scores), dtype=bool)
    basis = {"sensitivity": own, "specificity": ~own, "precision": flagged}.get(point.quantity)
    if basis is not None and not notes:
        notes += _promise(point, basis, units, repr(name))
    if cut == 0 and n_others:
        notes.append(f"the threshold is 0: every image is called {name!r}")
    if cut == len(levels):
        notes.append(f"no image that the threshold was chosen on is called {name!r}")
    hit, alarm = int(hits[cut]), int(alarms[cut])
    figures = {
        "sensitivity": hit / n_own,
        "specificity": 1 - alarm / n_others,
        "precision": hit / (hit + alarm) if hit + alarm else math.nan,
    }
    if point.quantity == "cost":
        figures["cost"] = (point.miss * (n_own - hit) + point.false_alarm * alarm) / (n_own + n_others)
    return ChosenThreshold(_between(levels, cut), figures, notes)


def _cut(
    point: OperatingPoint,
    levels: np.ndarray,
    hits: np.ndarray,
    alarms: np.ndarray,
    n_own: int,
    n_others: int,
    name: str,
) -> tuple[int, list[str]]:
    """Return the number of the lowest flagged level, and what is wrong with it."""
    if point.quantity == "cost":
        cost = point.miss * (n_own - hits) + point.false_alarm * alarms
        best = np.flatnonzero(cost <= cost.min() + 1e-9 * (point.miss + point.false_alarm)).tolist()
        even = point.false_alarm / (point.miss + point.false_alarm)
        return min(best, key=lambda cut: abs(_between(levels, cut) - even)), []
    if point.quantity == "precision":
        with np.errstate(invalid="ignore"):
            precision = np.where(hits + alarms > 0, hits / (hits + alarms), -1.0)
        good = np.flatnonzero(precision >= point.level - 1e-12).tolist()
        if good:
            return max(good, key=lambda cut: (hits[cut], cut)), []
        highest = max(range(len(precision)), key=lambda cut: (precision[cut], hits[cut]))
        return highest, [
            f"no threshold reaches a precision of {percent_text(point.level)} on the images that it was chosen on: the "
            f"highest is {percent_text(float(precision[highest]))}, which is kept"
        ]
    n, what = (n_own, f"of {name}") if point.quantity == "sensitivity" else (n_others, "of other classes")
    needed = math.ceil(point.level * (n + 1) - 1e-9)
    notes = []
    if needed > n:
        if point.level == 1:
            why = f"no number of images can promise a {point.quantity} of 100 %"
        else:
            enough = count_text(math.ceil(point.level / (1 - point.level) - 1e-9), "image")
            why = (
                f"{count_text(n, 'image')} {what} are too few to choose a {point.quantity} of "
                f"{percent_text(point.level)} by: new images would be below it on average; {enough} are needed"
            )
        notes.append(
            f"{why}; the threshold gets all {n:,} {what} right, and of new ones {percent_text(n / (n + 1))} on average"
        )
        needed = n
    if point.quantity == "sensitivity":
        return int(np.flatnonzero(hits >= needed)[-1]), notes
    return int(np.flatnonzero(n_others - alarms >= needed)[0]), notes


def _promise(point: OperatingPoint, basis: np.ndarray, units: np.ndarray | None, name: str) -> list[str]:
    """Return that there are too few images, or units, for any result on them to promise the share, if this is so."""
    n = len(np.unique(units[basis])) if units is not None else int(basis.sum())
    if point.level == 1:
        return [f"no number of images can promise a {point.quantity} of 100 %"]
    if not n:
        return []
    low = float((exact_interval if units is None else wilson_interval)(n, n)[0])
    if low >= point.level:
        return []
    what = {"sensitivity": f"of {name}", "specificity": "of other classes", "precision": f"called {name}"}
    noun = "image" if units is None else "group"
    # Of n of n, the exact interval begins at the nth root of 0.025, and Wilson's at n / (n + z^2).
    least = math.log((1 - CONFIDENCE) / 2) / math.log(point.level)
    if units is not None:
        least = point.level * NORMAL_QUANTILE**2 / (1 - point.level)
    enough = count_text(math.ceil(least), noun)
    return [
        f"{count_text(n, noun)} {what[point.quantity]} cannot promise a {point.quantity} of "
        f"{percent_text(point.level)}: even with all of them right, the 95 % interval would begin at "
        f"{percent_text(low)}; {enough} could"
    ]


def _between(levels: np.ndarray, cut: int) -> float:
    """Return a threshold that flags the levels from this number on, halfway to the one below."""
    if cut == 0:
        return 0.0
    below = float(levels[cut - 1])
    if cut < len(levels):
        middle = (below + float(levels[cut])) / 2
        return middle if below < middle else float(levels[cut])
    return (below + 1) / 2 if below < 1 else math.nextafter(1.0, 2.0)
