"""Nested, stratified parts of a data set for successive elimination, with enough of each class for the folds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from ..evaluation.nested_subsets import nested_subsets
from ..evaluation.units import content_units, join_groups

__all__ = ["draw_rounds", "round_sizes"]

# The images of the rounds, as parts of those of the last.
PARTS = (0.25, 0.5, 1.0)
# A round that has nearly as many images as the next is left out.
NEARLY = 0.8
# Images in the first round, for each fold: of fewer, hardly anything can be told apart.
LEAST_OF_A_FOLD = 20


def round_sizes(images: int, *, cv: int) -> list[int]:
    """Return how many images each round has, up to all of them: a quarter, a half, the whole.

    Parameters
    ----------
    images : int
        In the last round.
    cv : int
        Folds.
    """
    return [size for part in PARTS if (size := round(part * images)) >= LEAST_OF_A_FOLD * cv or part == 1]


def draw_rounds(
    truth: np.ndarray,
    sizes: Sequence[int],
    *,
    least: int,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> list[np.ndarray]:
    """Return the rows of each round, each inside the next.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    sizes : sequence of int
        In increasing order, at most n. Rounds that come out as large as the next are left out.
    least : int
        Images of each class, copies counted once, or groups that have it: of a class that has fewer, others are added
        to every round as far as there are any.
    groups, together : ndarray, shape (n,), default=None
        As for `nested_subsets`.
    random_state : int, default=0

    Returns
    -------
    list of ndarray of int
        Each in increasing order.
    """
    drawn = nested_subsets(truth, sizes, groups=groups, together=together, random_state=random_state)
    if groups is None:
        codes = content_units(truth, together).codes
    else:
        codes = np.unique(join_groups(groups, together), return_inverse=True)[1]
    added = _added(truth, codes, drawn[0], least, np.random.default_rng(random_state))
    drawn = [np.union1d(rows, added) for rows in drawn]
    return [rows for rows, after in pairwise(drawn) if len(rows) < NEARLY * len(after)] + drawn[-1:]


def _added(truth: np.ndarray, codes: np.ndarray, first: np.ndarray, least: int, rng: np.random.Generator) -> np.ndarray:
    """Return the rows of random units that the first round lacks of classes with too few."""
    taken, added = set(codes[first].tolist()), set[int]()
    for number in np.unique(truth):
        units = np.unique(codes[truth == number])
        there = [unit for unit in units.tolist() if unit in taken or unit in added]
        others = [unit for unit in rng.permutation(units).tolist() if unit not in taken and unit not in added]
        added.update(others[: max(0, least - len(there))])
    return np.flatnonzero(np.isin(codes, list(added)))
