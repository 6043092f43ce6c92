"""Nested subsets of the training rows for learning curves: stratified, each smaller one inside each larger one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..exceptions import ParameterError
from .units import content_units, count_by_group, join_groups, nearest_number

__all__ = ["nested_subsets"]


def nested_subsets(
    y: np.ndarray,
    sizes: Sequence[int],
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> list[np.ndarray]:
    """Return stratified subsets of rows, each smaller one inside each larger one.

    All are prefixes of one random order, in which every prefix contains the share of each class to within one row.

    Parameters
    ----------
    y : ndarray of shape (n,)
    sizes : sequence of int
        Numbers of rows, in any order.
    groups : ndarray of shape (n,), default=None
        Groups are taken as a whole, so that sizes and shares are met to within about one group.
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content, which are taken together or not at all.
    random_state : int, default=0

    Returns
    -------
    list of ndarray of int
        One for each size, the rows in increasing order.

    Raises
    ------
    ParameterError
        If a size is not an integer from 1 to n.

    Notes
    -----
    The j-th of the n_c rows of a class comes after (j - 1) n / n_c others at the earliest, and is due among the first
    j n / n_c, rounded up. Taking the class that is due first meets all of these (Tijdeman 1980, "The chairman
    assignment problem"; Baruah, Cohen, Plaxton and Varvel 1996).
    """
    for size in sizes:
        whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
        if not (whole and 1 <= size <= len(y)):
            raise ParameterError(f"got a subset of {size!r} rows; expected an integer from 1 to {len(y)}")
    rng = np.random.default_rng(random_state)
    truth = np.unique(y, return_inverse=True)[1]
    if groups is None:
        units = content_units(truth, together)
        order = _fair_order(units.labels, rng)
        ends = np.bincount(units.codes)[order].cumsum()
        return [units.rows(order[: int(np.abs(ends - size).argmin()) + 1]) for size in sizes]
    codes = np.unique(join_groups(groups, together), return_inverse=True)[1]
    counts = count_by_group(truth, codes)
    order = _fair_groups(counts, rng)
    taken = [order[: nearest_number(counts, order, size)] for size in sizes]
    return [np.flatnonzero(np.isin(codes, some)) for some in taken]


def _fair_order(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rows in a random order with the classes spread evenly over it."""
    total, counts = len(truth), np.bincount(truth)
    rank = rng.permutation(len(counts))
    present = np.flatnonzero(counts)
    waiting = {number: iter(rng.permutation(np.flatnonzero(truth == number))) for number in present}
    classes = present[np.argsort(rank[present])]  # of classes that are due together, the first of a random order
    counts = counts[classes]
    taken, earliest, due = np.zeros_like(counts), np.zeros_like(counts), -(-total // counts)
    order = np.empty(total, dtype=int)
    for place in range(total):
        first = int(np.where(earliest <= place, due, total + 1).argmin())
        order[place] = next(waiting[classes[first]])
        taken[first] += 1
        earliest[first] = taken[first] * total // counts[first]
        due[first] = -(-(taken[first] + 1) * total // counts[first])
    return order


def _fair_groups(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return groups in a random order, the next always of the class that is underrepresented most; counts (g, k)."""
    kinds = counts.argmax(axis=1)
    waiting = [rng.permutation(np.flatnonzero(kinds == number)).tolist() for number in range(counts.shape[1])]
    shares, taken = counts.sum(axis=0) / counts.sum(), np.zeros(counts.shape[1])
    order = []
    for _ in range(len(counts)):
        lacking = shares * (taken.sum() + 1) - taken
        number = max((n for n, groups in enumerate(waiting) if groups), key=lambda n: lacking[n])
        order.append(waiting[number].pop())
        taken += counts[order[-1]]
    return np.array(order)
