"""The spread of a difference over repeated splits goes in; what the test could find, and what would decide, comes out.

The test is the corrected resampled t-test (Nadeau and Bengio 2003). Its standard error after r repeats,
s sqrt(1/r + n_test/n_train), falls to s sqrt(n_test/n_train) and no further: more repeats alone do not always decide.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from .intervals import CONFIDENCE
from .paired import POWER

__all__ = ["MOST_REPEATS", "USUAL_REPEATS", "OpenComparison", "detectable_multiple"]

# More are no longer a matter of patience: each is a run of every strategy.
MOST_REPEATS = 100
# With as many, the standard error is within a seventh of the least that repeats alone can bring it to, at a test set
# of a quarter.
USUAL_REPEATS = 10
MOST_TIMES = 1000.0


@functools.cache
def detectable_multiple(freedom: int) -> float:
    """Return the true difference that the t-test finds four times in five, in standard errors as seen.

    The standard error is estimated, too, with so many degrees of freedom. The power is therefore averaged over what
    might have been seen: a difference of this multiple of the error of one comparison is found by another one like it
    with a power of 0.8 on average. Without that, three repeats would reach 0.63 only.
    """
    from scipy.optimize import brentq
    from scipy.stats import chi2, norm, t

    middles = (np.arange(200) + 0.5) / 200
    errors = np.sqrt(chi2.ppf(middles, freedom) / freedom)
    needed = t.ppf((1 + CONFIDENCE) / 2, freedom) * errors

    def power(multiple: float) -> float:
        true = multiple * errors[:, None]
        return float((norm.cdf(true - needed) + norm.cdf(-true - needed)).mean())

    return float(brentq(lambda multiple: power(multiple) - POWER, 1.0, 1000.0, xtol=1e-3))


@dataclass(frozen=True)
class OpenComparison:
    """Which of two strategies to use, as long as the figures leave it open.

    Attributes
    ----------
    difference : float
        The accuracy of the first less that of the second, as seen.
    spread : float
        Its standard deviation from split to split.
    ratio : float
        Test images for each image outside the test set.
    repeats : int
    margin : float
        The difference in accuracy that does not matter.
    first_costs_no_more, second_costs_no_more : bool
    p_value_factor : float, default=1
        What p-values are multiplied by, where more than two strategies are compared.
    """

    difference: float
    spread: float
    ratio: float
    repeats: int
    margin: float
    first_costs_no_more: bool
    second_costs_no_more: bool
    p_value_factor: float = 1.0

    def repeats_needed(self) -> int | None:
        """Return the number of repeats, at most 100, that would decide it four times in five; None if none would.

        The mean of R repeats lies around that of the first r with a variance of s^2 (1/r - 1/R).
        """
        for repeats in range(max(2, self.repeats + 1), MOST_REPEATS + 1):
            if self.chance(repeats) >= POWER:
                return repeats
        return None

    def chance(self, repeats: int) -> float:
        """Return how likely so many repeats in all, more than there are, would decide it."""
        moves = math.sqrt(1 / self.repeats - 1 / repeats)
        return self._decided(math.sqrt(1 / repeats + self.ratio), repeats, moves)

    def times_needed(self) -> float | None:
        """Return how many times as many images would decide it, with ten repeats or as many as now; None if over 1,000.

        The figures of both strategies are taken to stay as they are, and variances to fall with the number of images.
        """
        repeats = max(USUAL_REPEATS, self.repeats)
        times = 1.0
        while times <= MOST_TIMES:
            error = math.sqrt((1 / repeats + self.ratio) / times)
            if self._decided(error, repeats, error) >= POWER:
                return times
            times *= 1.1
        return None

    def test_times_needed(self) -> float | None:
        """Return how many times as many test images of one test set would decide it; None if over 1,000."""
        times = 1.0
        while times <= MOST_TIMES:
            error = math.sqrt(1 / times)
            if self._decided(error, math.inf, error) >= POWER:
                return times
            times *= 1.1
        return None

    def _decided(self, error: float, repeats: float, moves: float) -> float:
        """Return how likely a difference that moves so much is outside what stays open at this standard error.

        Both in standard deviations from split to split.
        """
        from scipy.stats import norm, t

        half = float(t.ppf((1 + CONFIDENCE) / 2, repeats - 1)) * error * self._likely_spread
        clear = float(t.isf((1 - CONFIDENCE) / 2 / self.p_value_factor, repeats - 1)) * error * self._likely_spread
        # No dearer and not plausibly worse by the margin is enough; otherwise it takes a clear difference.
        low = self.margin - half if self.second_costs_no_more else -clear
        high = half - self.margin if self.first_costs_no_more else clear
        if low >= high:
            return 1.0
        scale = moves * self._likely_spread
        return float(norm.cdf((low - self.difference) / scale) + norm.sf((high - self.difference) / scale))

    @functools.cached_property
    def _likely_spread(self) -> float:
        """The median of what the spread may be: few repeats show less than there is more often than not."""
        from scipy.stats import chi2

        freedom = self.repeats - 1
        return self.spread * math.sqrt(freedom / float(chi2.median(freedom))) if freedom else self.spread
