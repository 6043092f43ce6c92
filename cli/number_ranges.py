"""Ranges of numbers that options accept: fractions and learning rates, never infinite and never NaN."""

from __future__ import annotations

import math
from typing import Any

import click

__all__ = ["FRACTION", "OPEN_FRACTION", "POSITIVE_RATE", "RATE", "NumberRange"]


class NumberRange(click.FloatRange):
    """Finite numbers of a range; click's own range has NaN, which is neither below nor above a bound."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{number} is not a finite number", param, ctx)
        return number


# Numbers that the library would refuse are refused before it is imported.
OPEN_FRACTION = NumberRange(0, 1, min_open=True, max_open=True)
FRACTION = NumberRange(0, 1, max_open=True)
RATE = NumberRange(0)
POSITIVE_RATE = NumberRange(0, min_open=True)
