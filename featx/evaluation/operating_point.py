"""Operating points: "sensitivity=0.95", "specificity=", "precision=" or "cost=5:1", read and checked."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from ..constraints import shown
from ..exceptions import DatasetError, ParameterError, nearest

__all__ = ["OperatingPoint", "check_decision", "class_number", "parse_operating_point"]

SHARES = ("sensitivity", "specificity", "precision")
FORMS = "sensitivity=0.95, specificity=0.95, precision=0.95 or cost=5:1"


@dataclass(frozen=True)
class OperatingPoint:
    """What a threshold is asked for.

    Attributes
    ----------
    quantity : {"sensitivity", "specificity", "precision", "cost"}
    level : float
        The least share; NaN for a cost.
    miss, false_alarm : float
        What each costs; NaN for a share.
    text : str
        As it was written.
    """

    quantity: str
    level: float
    miss: float
    false_alarm: float
    text: str


def parse_operating_point(text: Any) -> OperatingPoint:
    """Return the operating point that a text means.

    Raises
    ------
    ParameterError
        If it is none.
    """
    if not isinstance(text, str):
        raise _refused(text, f"expected a text such as {FORMS}")
    text = str.__str__(text)
    quantity, _, value = (part.strip() for part in text.partition("="))
    if quantity not in (*SHARES, "cost"):
        meant = nearest(quantity, (*SHARES, "cost")) if quantity else ""
        raise ParameterError(f"got operating_point={shown(text)}; expected {FORMS}", meant)
    if quantity == "cost":
        costs = [_number(part) for part in value.split(":")]
        if len(costs) != 2 or not all(0 < cost < math.inf for cost in costs):
            raise _refused(text, "expected two positive numbers, what a miss and what a false alarm costs, such as 5:1")
        miss, false_alarm = costs
        return OperatingPoint(quantity, math.nan, miss, false_alarm, f"{quantity}={miss:g}:{false_alarm:g}")
    level = _number(value)
    if not 0 < level <= 1:
        raise _refused(text, "expected a share above 0 and at most 1, such as 0.95")
    return OperatingPoint(quantity, level, math.nan, math.nan, f"{quantity}={level:g}")


def check_decision(positive: Any, operating_point: Any) -> None:
    """Raise ParameterError if an operating point cannot be read, or comes without its class."""
    if operating_point is None:
        return
    point = parse_operating_point(operating_point)
    if positive is None:
        raise ParameterError(
            f"got operating_point={point.text!r} without the class that it is of",
            "Name it: positive='CLASS' (--positive CLASS).",
        )


def class_number(positive: Any, classes: Collection[Any]) -> int:
    """Return the number of a class, given as it is or as text.

    Parameters
    ----------
    positive : object
    classes : collection

    Raises
    ------
    ParameterError
        If it is not among the classes.
    DatasetError
        If all images are of it.
    """
    names = [str(label) for label in classes]
    if str(positive) not in names:
        hint = nearest(str(positive), names) or f"Classes are {', '.join(names[:10])}{', ...' if names[10:] else ''}."
        raise ParameterError(f"got positive={shown(positive)}, which is not a class", hint)
    if len(names) < 2:
        raise DatasetError(f"there is only the class {names[0]!r}", "A decision needs at least two.")
    return names.index(str(positive))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _refused(value: Any, expected: str) -> ParameterError:
    return ParameterError(f"got operating_point={shown(value)}; {expected}")
