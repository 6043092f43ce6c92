"""Limit a strategy to some training images of each class (per_class): nested subsets of the rows of each size."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ..constraints import Constraint, integer
from ..evaluation.per_class import draw_per_class
from ..evaluation.units import content_units
from ..exceptions import ParameterError, nearest
from .repeats import LEAST_PER_CLASS

__all__ = ["PER_CLASS", "check_per_class", "limit_per_class"]

_COUNT = integer(LEAST_PER_CLASS)
PER_CLASS = Constraint(
    f"a mapping of strategy to {_COUNT.expected}, or None",
    lambda value: (
        value is None or (isinstance(value, Mapping) and len(value) > 0 and all(map(_COUNT.accepts, value.values())))
    ),
    "Such as {'scratch': 1500}.",
)


def check_per_class(per_class: Mapping[str, int] | None, strategies: Collection[str]) -> dict[str, int]:
    """Return the most training images of each class, by strategy.

    Raises
    ------
    ParameterError
        If a number is not an integer of at least two, or a name is not that of a strategy.
    """
    PER_CLASS.check("per_class", per_class)
    if unknown := [name for name in per_class or {} if name not in strategies]:
        hint = nearest(str(unknown[0]), list(strategies)) or f"The strategies are {', '.join(strategies)}."
        raise ParameterError(f"got per_class of {unknown[0]}, which is not among the strategies", hint)
    return {name: int(most) for name, most in (per_class or {}).items()}


def limit_per_class(
    y: np.ndarray,
    trains: Sequence[np.ndarray],
    per_class: int,
    *,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> list[np.ndarray]:
    """Return at most `per_class` rows of each class for every size, those of smaller sizes inside those of larger ones.

    Once a size has as many images of a class, larger sizes have the same ones.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels of all images.
    trains : sequence of ndarray of int
        The training rows of each size, the smaller inside the larger.
    per_class : int
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content; each counts once, and copies are taken with it.
    random_state : int, default=0

    Returns
    -------
    list of ndarray of int
        One for each size, in increasing order.
    """
    truth = np.unique(y, return_inverse=True)[1]
    chosen: list[np.ndarray] = []
    for rows in trains:
        taken = chosen[-1] if chosen else rows[:0]
        have = _counts(truth, taken, together)
        fresh = np.setdiff1d(rows, taken)
        more: list[Any] = [taken]
        # Classes that lack the same number are drawn together: all of them at the smallest size.
        for lacking in np.unique(per_class - have[have < per_class]):
            some = fresh[np.isin(truth[fresh], np.flatnonzero(per_class - have == lacking))]
            alike = None if together is None else together[some]
            more.append(some[draw_per_class(truth[some], int(lacking), together=alike, random_state=random_state)])
        chosen.append(np.sort(np.concatenate(more)))
    return chosen


def _counts(truth: np.ndarray, rows: np.ndarray, together: np.ndarray | None) -> np.ndarray:
    units = content_units(truth[rows], None if together is None else together[rows])
    return np.bincount(units.labels, minlength=int(truth.max()) + 1)
