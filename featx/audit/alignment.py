"""Align an image with the part of another that it may be, and say how alike the two then are.

The place is refined by Gauss-Newton steps on scale and shift of both axes, with a gain and an offset for changes of
brightness (Lucas and Kanade 1981; Baker and Matthews 2004).
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from .likeness import brightened, standardised

__all__ = ["Placement", "compare_aligned", "refine", "warped"]

STEPS, FEW_STEPS = 8, 5
# Pairs at a time, so that memory is bounded.
CHUNK = 128
TINY = 1e-6
# Changes of scale and shift up to this may stand for none.
NEAR_WHOLE = 0.04


@dataclass(frozen=True)
class Placement:
    """Where the second image of each pair lies in the first; a row for each pair.

    Attributes
    ----------
    mirrored : ndarray of bool, shape (p,)
        Whether the second image has to be mirrored.
    scale, shift : ndarray of float, shape (p, 2)
        Vertical and horizontal: the pixel at x of the second, -1 to 1, lies at scale * x + shift of the first.
    """

    mirrored: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    def take(self, rows: Any) -> Placement:
        """Return the placements of some pairs."""
        return Placement(*(getattr(self, one.name)[rows] for one in fields(self)))

    @staticmethod
    def whole(mirrored: np.ndarray) -> Placement:
        """Return placements of whole images."""
        p = len(mirrored)
        return Placement(mirrored, np.ones((p, 2)), np.zeros((p, 2)))

    @staticmethod
    def joined(first: Placement, second: Placement) -> Placement:
        """Return the placements of the pairs of both."""
        return Placement(
            *(np.concatenate([getattr(first, one.name), getattr(second, one.name)]) for one in fields(Placement))
        )


def refine(large: np.ndarray, small: np.ndarray, where: Placement) -> list[Placement]:
    """Return better placements, found by steps from the given ones: by whole pictures, and from there by their detail.

    What all images of a data set share, such as bars and gradients, is mostly coarse and may lead astray.

    Parameters
    ----------
    large, small : ndarray, shape (p, side, side)
        Grey copies of the image that the other lies in, and of that other; mirrored already where they are.
    where : Placement
    """
    scale, shift = where.scale, where.shift
    found = []
    for filtered in (_as_they_are, _without_coarse):
        scale, shift = scale.copy(), shift.copy()
        for start in range(0, len(large), CHUNK):
            part = slice(start, start + CHUNK)
            one, other = (filtered(copies[part].astype(np.float32)) for copies in (large, small))
            scale[part], shift[part] = _refined(one[:, None], other, scale[part], shift[part], FEW_STEPS)
        found.append(Placement(where.mirrored, scale, shift))
    return found


def compare_aligned(
    large: np.ndarray, small: np.ndarray, where: Placement, *, steps: int = STEPS
) -> tuple[np.ndarray, np.ndarray]:
    """Refine the placements on copies in colour or grey, and compare what both images show there.

    Parameters
    ----------
    large, small : ndarray of float32, shape (p, c, side, side)
        As for `refine`.
    where : Placement
    steps : int, default=8

    Returns
    -------
    alike : ndarray of float, shape (p,)
        Correlation over all channels.
    detail : ndarray of float, shape (p,)
        Correlation of what is left when blurred copies are subtracted.
    """
    kept = _refined(large.mean(axis=1)[:, None], small.mean(axis=1), where.scale, where.shift, steps)
    alike, detail = _compared(large, small, *kept)
    # Steps that gain nothing but rounding would blur what needs no resampling.
    whole = (np.abs(kept[0] - 1).max(axis=1) < NEAR_WHOLE) & (np.abs(kept[1]).max(axis=1) < NEAR_WHOLE)
    if (rows := np.flatnonzero(whole)).size:
        ones, zeros = np.ones((len(rows), 2)), np.zeros((len(rows), 2))
        found = _compared(large[rows], small[rows], ones, zeros)
        rows, better = rows[found[1] >= detail[rows]], found[1] >= detail[rows]
        alike[rows], detail[rows] = (values[better] for values in found)
    return alike, detail


def _refined(
    large: np.ndarray, small: np.ndarray, scale: np.ndarray, shift: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the best scale and shift that steps lead to."""
    best = _correlation(warped(large, scale, shift)[:, 0], small)
    kept = scale, shift
    for _ in range(steps):
        scale, shift = _step(large, small, scale, shift)
        score = _correlation(warped(large, scale, shift)[:, 0], small)
        better = (score > best)[:, None]
        best = np.maximum(best, score)
        kept = np.where(better, scale, kept[0]), np.where(better, shift, kept[1])
    return kept


def _compared(
    large: np.ndarray, small: np.ndarray, scale: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations of aligned images and of their detail."""
    images = brightened(warped(large, scale, shift), small)
    return _correlation(images, small), _correlation(_detail(images), _detail(small))


def _step(large: np.ndarray, small: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and shift after one Gauss-Newton step on them and on gain and offset, of grey copies."""
    p, side, _ = small.shape
    grid = _grid(side)
    now = warped(large, scale, shift)[:, 0]
    h = 2.0 / side
    down = (warped(large, scale, shift + [h, 0]) - warped(large, scale, shift - [h, 0]))[:, 0] / (2 * h)
    across = (warped(large, scale, shift + [0, h]) - warped(large, scale, shift - [0, h]))[:, 0] / (2 * h)
    columns = [down * grid[:, None], down, across * grid[None, :], across, now, np.ones_like(now)]
    A = np.stack([column.reshape(p, -1) for column in columns], axis=2).astype(np.float64)
    normal = A.transpose(0, 2, 1) @ A
    normal += np.eye(6) * (1e-6 * np.trace(normal, axis1=1, axis2=2)[:, None, None] / 6 + TINY)
    found = np.linalg.solve(normal, A.transpose(0, 2, 1) @ small.reshape(p, -1, 1).astype(np.float64))[:, :, 0]
    gain = np.where(np.abs(found[:, 4]) < 0.2, 1.0, found[:, 4])
    move = np.clip(found[:, :4] / gain[:, None], -0.1, 0.1)
    new_scale = np.clip(scale + move[:, [0, 2]], 0.6, 1.05)
    return new_scale, np.clip(shift + move[:, [1, 3]], -0.5, 0.5)


def _grid(side: int) -> np.ndarray:
    """Return the centres of pixels, -1 to 1."""
    return (2 * np.arange(side) + 1) / side - 1


def warped(images: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return images, of shape (p, c, side, side), sampled at scale * x + shift, bilinearly."""
    side = images.shape[-1]
    places = (_grid(side) * scale[:, :, None] + shift[:, :, None] + 1) * side / 2 - 0.5
    places = np.clip(places, 0, side - 1)
    low = np.minimum(places.astype(int), side - 2)
    part = (places - low).astype(np.float32)
    p = np.arange(len(images))[:, None]
    rows = part[:, 0][:, :, None, None]
    image = images.transpose(0, 2, 3, 1)
    down = image[p, low[:, 0]] * (1 - rows) + image[p, low[:, 0] + 1] * rows
    down = down.transpose(0, 2, 1, 3)
    columns = part[:, 1][:, :, None, None]
    both = down[p, low[:, 1]] * (1 - columns) + down[p, low[:, 1] + 1] * columns
    return both.transpose(0, 3, 2, 1)


def _detail(images: np.ndarray) -> np.ndarray:
    """Return images minus means over squares of a ninth of their side, without the border."""
    half = max(1, images.shape[-1] // 18)
    return images[..., half:-half, half:-half] - _box(images, 2 * half + 1)


def _as_they_are(images: np.ndarray) -> np.ndarray:
    return images


def _without_coarse(images: np.ndarray) -> np.ndarray:
    """Return images minus means over squares of two ninths of their side, the border continued outwards."""
    half = max(1, images.shape[-1] // 9)
    edges = [(0, 0)] * (images.ndim - 2) + [(half, half)] * 2
    return images - _box(np.pad(images, edges, mode="edge"), 2 * half + 1)


def _box(images: np.ndarray, width: int) -> np.ndarray:
    """Return the means over all squares of a width, which lie inside."""
    for axis in (-2, -1):
        sums = np.cumsum(images, axis=axis, dtype=np.float64)
        sums = np.concatenate([np.zeros_like(np.take(sums, [0], axis=axis)), sums], axis=axis)
        count = sums.shape[axis]
        images = np.take(sums, range(width, count), axis=axis) - np.take(sums, range(count - width), axis=axis)
    return np.asarray(images / width**2, dtype=np.float32)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    a, b = (standardised(values.reshape(len(values), -1)) for values in (first, second))
    return np.asarray((a * b).sum(axis=1))
