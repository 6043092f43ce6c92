"""Find odd images: outliers of their class, blank, tiny, dark, bright, of an odd shape or colour mode, unreadable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..display.records import Record
from .pictures import Pictures

__all__ = ["OddImage", "find_odd_images"]

# Standard deviation of the grey values, side in pixels, and mean grey value, of 255.
BLANK, TINY_SIDE, DARK, BRIGHT = 2.0, 16, 10.0, 245.0
# Spreads (median absolute deviations, scaled to a normal standard deviation) from the median.
FAR, NORMAL = 5.0, 1.4826
NEIGHBOURS, FEWEST = 5, 12
# A colour mode that at least this share of a class has is the mode of the class.
USUAL = 0.9


@dataclass(frozen=True, repr=False)
class OddImage(Record):
    """An image to look at.

    Attributes
    ----------
    row : int
        Of the data set.
    kind : {"unreadable", "blank", "tiny", "dark", "bright", "shape", "colour mode", "outlier"}
    text : str
        What is odd, with the figure.
    """

    row: int
    kind: str
    text: str


def find_odd_images(pictures: Pictures, truth: np.ndarray, classes: Sequence[str], rows: np.ndarray,
                    embeddings: np.ndarray) -> list[OddImage]:  # fmt: skip
    """Return images that are odd by themselves or among those of their class.

    Parameters
    ----------
    pictures : Pictures
        Of all images.
    truth : ndarray of int, shape (n,)
        Class numbers of all images.
    classes : sequence of str
    rows : ndarray of int, shape (m,)
        The images that could be read.
    embeddings : ndarray, shape (m, d)
        Of these.

    Notes
    -----
    Dark and bright, tiny and oddly shaped images are only named where they are exceptions in the data set: where most
    images are dark, darkness is the subject. Outliers have a mean distance to the 5 nearest of their class, of
    embeddings of length 1, more than 5 spreads above the median of the class; a spread is the median absolute deviation
    times 1.4826. Classes of fewer than 12 images have none.
    """
    found = [OddImage(row, "unreadable", reason) for row, reason in sorted(pictures.unreadable.items())]
    sides, grey = pictures.size[rows], pictures.brightness[rows]
    blank = pictures.contrast[rows] < BLANK
    found += [OddImage(int(rows[i]), "blank", "one colour") for i in np.flatnonzero(blank)]
    width, height = sides[:, 0], sides[:, 1]
    small = (sides.min(axis=1) < TINY_SIDE) & _far(-np.log(sides.min(axis=1)))
    found += [OddImage(int(rows[i]), "tiny", f"{width[i]} x {height[i]} pixels") for i in np.flatnonzero(small)]
    for kind, wrong in (("dark", (grey < DARK) & _far(-grey)), ("bright", (grey > BRIGHT) & _far(grey))):
        found += [
            OddImage(int(rows[i]), kind, f"mean grey {grey[i]:.0f} of 255") for i in np.flatnonzero(wrong & ~blank)
        ]
    aspect = np.log(width / height)
    odd = (_far(aspect) | _far(-aspect)) & (np.abs(aspect - np.median(aspect)) > np.log(1.5))
    found += [OddImage(int(rows[i]), "shape", f"{width[i]} x {height[i]} pixels") for i in np.flatnonzero(odd)]
    for number, name in enumerate(classes):
        places = np.flatnonzero(truth[rows] == number)
        found += _other_modes(pictures.modes[rows[places]], rows[places], name)
        found += _outliers(embeddings[places], rows[places], name)
    return found


def _far(values: np.ndarray) -> np.ndarray:
    """Return which values are far above the median."""
    middle = np.median(values)
    spread = NORMAL * np.median(np.abs(values - middle))
    return values - middle > FAR * max(float(spread), 1e-9)


def _other_modes(modes: np.ndarray, rows: np.ndarray, name: str) -> list[OddImage]:
    """Return the images of a class with another colour mode than nearly all of it."""
    if len(rows) < FEWEST:
        return []
    known, counts = np.unique(modes.astype(str), return_counts=True)
    usual = known[counts.argmax()]
    if counts.max() < USUAL * len(rows):
        return []
    text = f"where {{:.0f}} % of class {name!r} are {usual}".format(100 * counts.max() / len(rows))
    return [
        OddImage(int(row), "colour mode", f"{mode}, {text}")
        for row, mode in zip(rows, modes, strict=True)
        if mode != usual
    ]


def _outliers(embeddings: np.ndarray, rows: np.ndarray, name: str) -> list[OddImage]:
    """Return the images of a class that are far from their nearest neighbours in it, the farthest first."""
    from sklearn.neighbors import NearestNeighbors

    if len(rows) < FEWEST:
        return []
    unit = embeddings / np.maximum(np.linalg.norm(embeddings, axis=1, keepdims=True), 1e-6)
    near = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(unit)
    distance = near.kneighbors()[0].mean(axis=1)
    middle = float(np.median(distance))
    far = np.flatnonzero(_far(distance))
    far = far[np.argsort(-distance[far], kind="stable")]
    return [
        OddImage(
            int(rows[i]),
            "outlier",
            f"{distance[i] / max(middle, 1e-9):.1f} times as far from class {name!r} as most of it",
        )
        for i in far
    ]
