"""Tell pairs that are nearer to each other than chance explains, in data of any kind, with few false discoveries.

Different pictures of one data set are alike to a degree that depends on the data: the limit is found from the data.
Near a point, the number of neighbours within a distance r grows as r to the power of the local dimension, so the
number of different pictures that are nearer than r is extrapolated from where nearly all pairs are different ones
(as Facco et al. 2017 estimate dimensions). Pairs are found up to the distance at which the expected number of different
ones reaches a share of those found there: the false discovery rate (Benjamini and Hochberg 1995; Efron 2010).
"""

from __future__ import annotations

import numpy as np

__all__ = ["RATE", "nearer_than_chance", "neighbour_scales"]

# The false discovery rate.
RATE = 0.05
# The distance of this neighbour of an image is its scale: images in a dense region need to be nearer. More copies of a
# picture than that are found by the distances themselves, without scales.
NEIGHBOUR = 6
# The nearest pairs between these shares of all that are compared are supposed to be of different pictures.
LOW, HIGH = 0.05, 0.2
# Nearest pairs that tell a power law.
FEWEST = 10
# What rounding leaves of equal pictures.
EQUAL = 1e-3


def nearer_than_chance(
    pairs: np.ndarray, distances: np.ndarray, n: int, *, scales: np.ndarray | None = None, rate: float = RATE
) -> np.ndarray:
    """Return which pairs are nearer to each other than chance explains, bool (p,).

    Parameters
    ----------
    pairs : ndarray of int, shape (p, 2) or (p, 1)
        Each once; of every image its nearest neighbours at least. With one column, the image whose nearest they are.
    distances : ndarray of float, shape (p,)
    n : int
        The number of images.
    scales : ndarray of float, shape (n,), default=None
        The scale of each image, if `pairs` are not all that it is found from: see `neighbour_scales`.
    rate : float, default=0.05
        The expected share of different pictures among those found, of each of two tests half of it.
    """
    if not len(pairs):
        return np.zeros(0, dtype=bool)
    scales = neighbour_scales(pairs, distances, n) if scales is None else scales
    relative = distances / np.maximum(scales[pairs].max(axis=1), 1e-9)
    return np.asarray(_discoveries(relative, rate / 2) | _discoveries(distances, rate / 2))


def neighbour_scales(pairs: np.ndarray, distances: np.ndarray, n: int) -> np.ndarray:
    """Return the distance of each image to its sixth neighbour, or to its last one, float (n,); zero without any.

    Parameters
    ----------
    pairs, distances, n
        As for `nearer_than_chance`.
    """
    owners, both = pairs.T.ravel(), np.tile(distances, pairs.shape[1])
    order = np.lexsort((both, owners))
    counts = np.bincount(owners, minlength=n)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    places = starts + np.minimum(NEIGHBOUR, counts) - 1
    return np.where(counts > 0, both[order][np.clip(places, 0, len(both) - 1)], 0.0)


def _discoveries(distances: np.ndarray, rate: float) -> np.ndarray:
    """Return which distances are too small, by a power law fitted between two ranks."""
    equal = distances <= EQUAL
    near = np.sort(distances[~equal])
    low, high = int(LOW * len(near)), int(HIGH * len(near))
    if low < FEWEST or near[low - 1] >= near[high - 1]:
        return equal
    power = np.log(high / low) / np.log(near[high - 1] / near[low - 1])
    expected = high * (near / near[high - 1]) ** power
    found = np.flatnonzero(expected <= rate * np.arange(1, len(near) + 1))
    return equal | (distances <= near[found[-1]]) if len(found) else equal
