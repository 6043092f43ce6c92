"""Draw at most a number of images of each class at random: per_class, the same rows for the same seed, nested."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..exceptions import ParameterError
from .units import content_units

__all__ = ["draw_per_class"]


def draw_per_class(
    labels: Any, per_class: int, *, together: np.ndarray | None = None, random_state: int = 0
) -> np.ndarray:
    """Return the rows of at most `per_class` images of each class, drawn at random.

    The rows of a smaller number are among those of a larger one with the same seed. A class with no more images is
    taken whole.

    Parameters
    ----------
    labels : array-like of shape (n,)
    per_class : int
        From 1.
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content. Such an image counts once, and its copies are taken with it.
    random_state : int, default=0

    Returns
    -------
    ndarray of int
        In increasing order.

    Raises
    ------
    ParameterError
        If `per_class` is not a positive integer.
    """
    whole = isinstance(per_class, int | np.integer) and not isinstance(per_class, bool)
    if not (whole and per_class >= 1):
        raise ParameterError(f"got per_class={per_class!r}; expected a positive integer")
    truth = np.unique(np.asarray(labels), return_inverse=True)[1]
    units = content_units(truth, together)
    # One random order for all numbers, so that a smaller one takes the beginning of what a larger one takes.
    order = np.random.default_rng(random_state).permutation(len(units.labels))
    drawn = [order[units.labels[order] == number][:per_class] for number in np.unique(units.labels)]
    return units.rows(np.concatenate([np.empty(0, dtype=int), *drawn]))
