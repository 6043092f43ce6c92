"""Groups and images of the same content go in; the units that no split may part come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Units", "content_units", "join_groups", "nontrivial_groups", "same_content"]


@dataclass(frozen=True)
class Units:
    """Images, each counted once however often it is there.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        The number of the unit that each row belongs to; units are numbered by their first rows.
    labels : ndarray of int, shape (units,)
        The class number that each unit counts for.
    """

    codes: np.ndarray
    labels: np.ndarray

    def rows(self, units: np.ndarray) -> np.ndarray:
        """Return the rows of some units, in increasing order."""
        chosen = np.zeros(len(self.labels), dtype=bool)
        chosen[units] = True
        return np.flatnonzero(chosen[self.codes])


def same_content(keys: Sequence[Any]) -> np.ndarray | None:
    """Return numbers that are equal for images of the same content, or None if there are no two.

    Parameters
    ----------
    keys : sequence of (bytes, or what is no bytes where the content is not known)
        What identifies the content of each image; see `image_keys`. An unknown content is like no other.
    """
    first: dict[Any, int] = {}
    # The number is the first row of the content.
    numbers = [first.setdefault(key if isinstance(key, bytes) else row, row) for row, key in enumerate(keys)]
    return None if len(first) == len(numbers) else np.array(numbers, dtype=int)


def content_units(truth: np.ndarray, together: np.ndarray | None) -> Units:
    """Return the units of rows that belong together.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers.
    together : ndarray of int, shape (n,), or None
        Equal for rows of the same content. None if there are no two, and then each row is a unit, in its place.

    Notes
    -----
    A unit under several labels counts for the one that has the fewest units so far.
    """
    if together is None:
        return Units(np.arange(len(truth)), truth)
    _, first, codes = np.unique(together, return_index=True, return_inverse=True)
    # Numbered by their first rows, so that the order of the images is that of the units.
    rank = np.empty(len(first), dtype=int)
    rank[np.argsort(first)] = np.arange(len(first))
    codes = rank[codes]
    labels = truth[np.sort(first)]
    several = np.unique(codes[truth != labels[codes]])
    if len(several):
        sizes = np.bincount(np.delete(labels, several), minlength=int(truth.max()) + 1)
        order = np.argsort(codes, kind="stable")
        bounds = np.searchsorted(codes[order], [several, several + 1])
        for unit, start, end in zip(several, *bounds, strict=True):
            choices = np.unique(truth[order[start:end]])
            labels[unit] = choices[np.argmin(sizes[choices])]
            sizes[labels[unit]] += 1
    return Units(codes, labels)


def join_groups(groups: np.ndarray, together: np.ndarray | None) -> np.ndarray:
    """Return groups that no copy connects: those that share an image of the same content are one.

    Parameters
    ----------
    groups : ndarray of shape (n,)
    together : ndarray of int, shape (n,), or None
    """
    if together is None:
        return groups
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    codes = np.unique(groups, return_inverse=True)[1]
    contents = np.unique(together, return_inverse=True)[1] + codes.max() + 1
    size = int(contents.max()) + 1
    graph = coo_array((np.ones(len(codes)), (codes, contents)), shape=(size, size))
    parts = connected_components(graph, directed=False)[1][codes]
    # Where nothing is connected the groups are what they were, and so are the splits.
    return groups if len(np.unique(parts)) == codes.max() + 1 else parts


def nontrivial_groups(groups: np.ndarray | None) -> np.ndarray | None:
    """Return groups, or None where each image is a group by itself: then the images are independent of each other."""
    return None if groups is None or len(np.unique(groups)) == len(groups) else groups
