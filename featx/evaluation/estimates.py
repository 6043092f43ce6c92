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
    low, high : float
        Both NaN where no interval is known to hold the truth 95 times in 100.
    reason : str
        Why there is no interval, in a few words; empty where there is one.
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

    @property
    def has_interval(self) -> bool:
        """Whether there is an interval."""
        return not (math.isnan(self.low) or math.isnan(self.high))

    def text(self, *, percent: bool = True) -> str:
        """Return the value, with its interval if there is one: `94.9 % (93.8-95.8)`, `0.197 (0.158-0.248)` or `-`."""
        if math.isnan(self.value):
            return "-"
        scale, digits, unit = (100, 1, " %") if percent else (1, 3, "")
        value = f"{scale * self.value:.{digits}f}{unit}"
        if not self.has_interval:
            return value
        return f"{value} ({scale * self.low:.{digits}f}-{scale * self.high:.{digits}f})"


def missing_intervals(estimates: Iterable[tuple[str, Estimate]]) -> list[str]:
    """Return one line for each reason why intervals are missing, with the names of the values that lack them.

    Parameters
    ----------
    estimates : iterable of (name, Estimate)
        A name may occur several times, such as once for each candidate.
    """
    found: dict[str, dict[str, None]] = {}
    for name, estimate in estimates:
        if not estimate.has_interval:
            found.setdefault(estimate.reason, {})[name] = None
    return [f"without interval: {', '.join(names)}: {reason}" for reason, names in found.items()]
