"""Ranges of numbers that options accept: fractions and learning rates, never infinite and never NaN."""

from __future__ import annotations

import math
from typing import Any

import click

__all__ = ["FRACTION", "OPEN_FRACTION", "POSITIVE_RATE", "RATE", "CountOrAll", "NumberRange"]


class NumberRange(click.FloatRange):
    """Finite numbers of a range; click's own range has NaN, which is neither below nor above a bound."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number", param, ctx)
        return number


class CountOrAll(click.IntRange):
    """Positive integers, or ``all``, which is None."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or None for all."""
        return None if value == "all" else super().convert(value, param, ctx)


# Numbers that the library would refuse are refused before it is imported.
OPEN_FRACTION = NumberRange(0, 1, min_open=True, max_open=True)
FRACTION = NumberRange(0, 1, max_open=True)
RATE = NumberRange(0)
POSITIVE_RATE = NumberRange(0, min_open=True)
