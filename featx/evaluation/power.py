"""Statistical power: what difference a test could find, and how many repeats or images would decide a comparison.

The test is the corrected resampled t-test (Nadeau and Bengio 2003). Its standard error after r repeats,
s sqrt(1/r + n_test/n_train), falls to s sqrt(n_test/n_train) and no further: more repeats alone do not always decide.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np

from ..display.records import Record
from .intervals import CONFIDENCE
from .paired import POWER

__all__ = ["MOST_REPEATS", "USUAL_REPEATS", "OpenComparison", "detectable_multiple"]

# More would take too long: each repeat is a run of every strategy.
MOST_REPEATS = 100
# With this number, the standard error is within a seventh of the least that repeats alone can reach with a test set of
# a quarter.
USUAL_REPEATS = 10
MOST_TIMES = 1000.0


@functools.cache
def detectable_multiple(freedom: int) -> float:
    """Return the true difference that the t-test finds four times in five, in observed standard errors.

    The standard error is itself an estimate, with `freedom` degrees of freedom. The power is therefore averaged over
    the standard errors that might have been observed: a difference of this multiple of the error of one comparison is
    found by another one like it with a power of 0.8 on average. Without that, three repeats would only reach 0.63.
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


@dataclass(frozen=True, repr=False)
class OpenComparison(Record):
    """Two strategies, while the results do not yet decide which of them to use.

    Attributes
    ----------
    difference : float
        The observed accuracy of the first minus that of the second.
    spread : float
        Its standard deviation from split to split.
    ratio : float
        Number of test images divided by that of the other images.
    repeats : int
    margin : float
        A difference in accuracy that does not matter.
    first_costs_no_more, second_costs_no_more : bool
    p_value_factor : float, default=1
        The factor by which p-values are adjusted, where more than two strategies are compared.
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
        """Return the number of repeats, at most 100, that would decide four times in five; None if no number would.

        The mean of R repeats lies around that of the first r with a variance of s^2 (1/r - 1/R).
        """
        for repeats in range(max(2, self.repeats + 1), MOST_REPEATS + 1):
            if self.probability(repeats) >= POWER:
                return repeats
        return None

    def probability(self, repeats: int) -> float:
        """Return the probability that this total number of repeats, more than there are now, would decide."""
        change = math.sqrt(1 / self.repeats - 1 / repeats)
        return self._decided(math.sqrt(1 / repeats + self.ratio), repeats, change)

    def times_needed(self) -> float | None:
        """Return how many times as many images would decide, with ten repeats or as many as now; None if over 1,000.

        The accuracies of both strategies are assumed to stay the same, and variances to fall with the number of images.
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
        """Return how many times as many test images, in one test set, would decide; None if over 1,000."""
        times = 1.0
        while times <= MOST_TIMES:
            error = math.sqrt(1 / times)
            if self._decided(error, math.inf, error) >= POWER:
                return times
            times *= 1.1
        return None

    def _decided(self, error: float, repeats: float, change: float) -> float:
        """Return the probability that the difference will be in the range that decides, at this standard error.

        `change` is the standard deviation by which the observed difference will change. Both are in units of the
        standard deviation from split to split.
        """
        from scipy.stats import norm, t

        half = float(t.ppf((1 + CONFIDENCE) / 2, repeats - 1)) * error * self._likely_spread
        clear = float(t.isf((1 - CONFIDENCE) / 2 / self.p_value_factor, repeats - 1)) * error * self._likely_spread
        # It is enough to cost no more and not to be plausibly worse by the margin; otherwise a clear difference is
        # needed.
        low = self.margin - half if self.second_costs_no_more else -clear
        high = half - self.margin if self.first_costs_no_more else clear
        if low >= high:
            return 1.0
        scale = change * self._likely_spread
        return float(norm.cdf((low - self.difference) / scale) + norm.sf((high - self.difference) / scale))

    @functools.cached_property
    def _likely_spread(self) -> float:
        """The median of what the true spread may be: a few repeats show less than it more often than not."""
        from scipy.stats import chi2

        freedom = self.repeats - 1
        return self.spread * math.sqrt(freedom / float(chi2.median(freedom))) if freedom else self.spread
