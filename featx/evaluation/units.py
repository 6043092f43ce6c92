"""Number units for splits: a group together with the duplicates of its images, by the digests of their content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "Units",
    "content_units",
    "count_by_group",
    "join_groups",
    "judged_units",
    "nearest_number",
    "nontrivial_groups",
    "same_content",
]


@dataclass(frozen=True)
class Units:
    """Images of the same content as units, each counted once.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        The number of the unit that each row belongs to; units are numbered by their first rows.
    labels : ndarray of int, shape (units,)
        The class number that each unit counts as.
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
    keys : sequence of (bytes, or another type where the content is not known)
        What identifies the content of each image; see `image_keys`. Unknown contents are all different.
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
        Equal for rows of the same content. None if there are no duplicates: then each row is a unit, in the same order.

    Notes
    -----
    A unit with several labels counts as the class that has the fewest units so far.
    """
    if together is None:
        return Units(np.arange(len(truth)), truth)
    _, first, codes = np.unique(together, return_index=True, return_inverse=True)
    # Numbered by their first rows, so that units are in the order of the images.
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
    """Return groups joined by duplicates: groups that have an image of the same content become one.

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
    # Where nothing is joined, the groups are returned unchanged, and so the splits stay the same.
    return groups if len(np.unique(parts)) == codes.max() + 1 else parts


def judged_units(groups: np.ndarray | None, together: np.ndarray | None) -> np.ndarray | None:
    """Return what images were sampled as a whole by: groups, joined with copies; None if each is one by itself.

    Parameters
    ----------
    groups, together : ndarray of shape (n,) or None
        As for `join_groups`.
    """
    return nontrivial_groups(together if groups is None else join_groups(groups, together))


def nontrivial_groups(groups: np.ndarray | None) -> np.ndarray | None:
    """Return groups, or None where each image is a group by itself: then the images are independent of each other."""
    return None if groups is None or len(np.unique(groups)) == len(groups) else groups


def count_by_group(truth: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return how many rows of each class each group has, int (groups, classes), from the numbers of both."""
    counts = np.zeros((codes.max() + 1, truth.max() + 1), dtype=int)
    np.add.at(counts, (codes, truth), 1)
    return counts


def nearest_number(counts: np.ndarray, order: np.ndarray, size: int) -> int:
    """Return how many groups, taken in this order, have a total nearest to `size` rows; at least one."""
    return int(np.abs(counts.sum(axis=1)[order].cumsum() - size).argmin()) + 1
