"""Estimates: a value with its 95 % interval, or with the reason why it has none."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..display.summary_mixin import SummaryMixin

__all__ = ["Estimate", "missing_intervals"]


@dataclass(frozen=True, repr=False)
class Estimate(SummaryMixin):
    """A value with its 95 % interval.

    Attributes
    ----------
    value : float
        NaN where there is none.
    low, high : float
        Both NaN where no interval is known to hold the truth 95 times in 100.
    reason : str
        Why there is no interval, or no value, in a few words; empty where there is an interval.
    """

    value: float
    low: float = math.nan
    high: float = math.nan
    reason: str = ""

    def __post_init__(self) -> None:
        # The same NaN object everywhere, and at both ends, so that equal estimates compare equal.
        if not self.has_interval:
            object.__setattr__(self, "low", math.nan)
            object.__setattr__(self, "high", math.nan)

    def __str__(self) -> str:
        return self.text(percent=False)

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def text(self, *, percent: bool = True) -> str:
        """Return the value, with its interval where there is one: `94.9 % (93.8-95.8)`, or `0.197 (0.158-0.248)`.

        Ends below zero are written `-0.495 (-0.610 to -0.380)`. Without a value it is "none".
        """
        if math.isnan(self.value):
            return "none"
        scale, digits, unit = (100, 1, " %") if percent else (1, 3, "")
        value = f"{scale * self.value:.{digits}f}{unit}"
        if not self.has_interval:
            return value
        low, high = (f"{scale * end:.{digits}f}" for end in (self.low, self.high))
        between = " to " if low.startswith("-") or high.startswith("-") else "-"
        return f"{value} ({low}{between}{high})"


def missing_intervals(estimates: Iterable[tuple[str, Estimate]]) -> list[str]:
    """Return one line for each reason why intervals, or values, are missing, with the names of what lacks them.

    Parameters
    ----------
    estimates : iterable of (name, Estimate)
        A name may occur several times, such as once for each candidate.
    """
    found: dict[tuple[str, str], dict[str, None]] = {}
    for name, estimate in estimates:
        if not estimate.has_interval:
            lacks = "not given" if math.isnan(estimate.value) else "without interval"
            found.setdefault((lacks, estimate.reason), {})[name] = None
    return [f"{lacks}: {', '.join(names)}: {reason}" for (lacks, reason), names in found.items()]
