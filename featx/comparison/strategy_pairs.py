"""Differences between pairs of strategies, with p-values adjusted for the number of pairs (multiple comparisons)."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..display.records import Record
from ..evaluation.estimates import Estimate
from ..evaluation.paired import SIGNIFICANCE

__all__ = ["PairResult", "adjust_all_pairs", "adjust_pairs"]


@dataclass(frozen=True, repr=False)
class PairResult(Record):
    """The difference in accuracy between two strategies on the same test images.

    Attributes
    ----------
    first, second : str
    difference : Estimate
        The accuracy of the first less that of the second, with the 95 % interval for this pair alone.
    p_value : float
        Two-sided, of the hypothesis that both are equally accurate, for this pair alone.
    p_adjusted : float
        The same, adjusted for the number of pairs at this size; see `adjust_all_pairs`.
    detectable : float
        The true difference that the test finds with p < 0.05 four times in five; NaN if that is unknown.
    spread : float
        The standard deviation of the difference from split to split, at least that of sampling the test images; after
        one repeat it is that of sampling alone, the least that it can be.
    """

    first: str
    second: str
    difference: Estimate
    p_value: float
    p_adjusted: float
    detectable: float
    spread: float

    def flipped(self) -> PairResult:
        """Return the same pair in the opposite order."""
        gap = self.difference
        # 0 - x, so that a difference of zero is not printed as -0.0.
        turned = Estimate(0.0 - gap.value, 0.0 - gap.high, 0.0 - gap.low, gap.reason)
        return dataclasses.replace(self, first=self.second, second=self.first, difference=turned)

    def better(self) -> bool:
        """Return whether the first is distinguishably better, adjusted for the number of pairs."""
        return self.p_adjusted < SIGNIFICANCE and self.difference.low >= 0

    def no_worse(self, margin: float) -> bool:
        """Return whether the interval excludes that the first is worse by the margin."""
        return self.difference.low > -margin

    def equal(self, margin: float) -> bool:
        """Return whether the interval is inside the margin on both sides."""
        return self.no_worse(margin) and self.difference.high < margin


def adjust_pairs(pairs: Sequence[PairResult]) -> list[PairResult]:
    """Return all pairs of some strategies with adjusted p-values."""
    count = len({name for pair in pairs for name in (pair.first, pair.second)})
    adjusted = adjust_all_pairs([pair.p_value for pair in pairs], count)
    return [dataclasses.replace(pair, p_adjusted=p) for pair, p in zip(pairs, adjusted, strict=True)]


def adjust_all_pairs(p_values: Sequence[float], count: int) -> list[float]:
    """Return the p-values of all pairs of `count` candidates, adjusted by Shaffer's first procedure.

    This is Holm's procedure, but each p-value is multiplied by the number of pairs that can be equal when those with
    smaller p-values are not (Shaffer 1986; Garcia and Herrera 2008): of three candidates either all pairs are equal, or
    at most one pair. The chance that any pair of equal candidates gets p < 0.05 stays below 0.05, whichever of them
    looks best.
    """
    most = sorted(_equal_pairs(count))
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        factor = max(number for number in most if number <= len(p_values) - rank)
        largest = max(largest, min(1.0, factor * p_values[place]))
        adjusted[place] = largest
    return adjusted


@functools.cache
def _equal_pairs(count: int) -> frozenset[int]:
    """Return the possible numbers of equal pairs among `count` candidates, since equality is transitive."""
    if count < 2:
        return frozenset([0])
    sizes = range(1, count + 1)
    return frozenset(size * (size - 1) // 2 + rest for size in sizes for rest in _equal_pairs(count - size))
