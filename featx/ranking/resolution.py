"""Resolution: how small a difference in accuracy a ranking can tell, by the number of images it compares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from ..display.records import Record
from ..evaluation.intervals import FEW_GROUPS
from ..evaluation.paired import POWER
from .undistinguished import BestComparison

__all__ = ["Resolution", "resolution_of"]


@dataclass(frozen=True, repr=False)
class Resolution(Record):
    """How far apart candidates must be to be told apart.

    Attributes
    ----------
    n_images : int
        The images that were compared.
    difference : float
        The difference in accuracy that is found on as many images four times in five.
    multiple : float
        How many standard errors of as many independent images a difference must have for that.
    images_of_a_unit : float
        How many images there are for each independent one: 1, or the mean size of groups.

    Notes
    -----
    A difference is found if it exceeds the critical value c of the test of the last round; four times in five, if it is
    (c + z(0.8)) standard errors (Cohen 1988, ch. 2). The error is that of a candidate's difference from the most
    accurate one, the median over candidates. It falls with the root of the number of images, if candidates go on to
    disagree on the same share of them. A difference of d needs disagreement on a share of d at least, which limits how
    small it can be on n images: d is at least the squared multiple, divided by n.
    """

    n_images: int
    difference: float
    multiple: float
    images_of_a_unit: float

    def difference_of(self, n_images: int) -> float:
        """Return the difference in accuracy that is found on so many images four times in five."""
        falling = self.difference * math.sqrt(self.n_images / n_images)
        return max(falling, self.multiple**2 * self.images_of_a_unit / n_images)

    def images_for(self, difference: float) -> int:
        """Return how many images find a difference in accuracy four times in five."""
        falling = self.n_images * (self.difference / difference) ** 2
        return math.ceil(max(falling, self.multiple**2 * self.images_of_a_unit / difference))


def resolution_of(tests: BestComparison, level: float) -> Resolution | None:
    """Return the resolution of tests at a level; None where it is not known.

    It is not known of a single candidate, where all were right on the same images, of fewer than 20 independent images
    or groups, and where no difference could be found.

    Parameters
    ----------
    tests : BestComparison
        Of the candidates that are left.
    level : float
        Of the last round.
    """
    best = int(tests.gains[0].argmax())
    others = np.flatnonzero(tests.errors[best] > 0)
    if not len(others) or tests.n_units < FEW_GROUPS:
        return None
    # Where candidates disagree on a few images only, signs have few sums; the normal quantile is that of many.
    critical = np.maximum([tests.critical(int(one), level) for one in others], norm.isf(level))
    multiples = critical + norm.ppf(POWER)
    multiple, size = tests.factor * float(np.median(multiples)), tests.n_images / tests.n_units
    difference = max(float(np.median(multiples * tests.errors[best, others])), multiple**2 / tests.n_units)
    return Resolution(tests.n_images, difference, multiple, size) if difference <= 1 else None
