"""Align two images that may be crops, mirror images or re-encodings of each other, and say how alike they then are.

A crop is found by normalised cross-correlation of small copies at several sizes and all places (template matching);
the best place is then refined by Gauss-Newton steps on scale and shift of both axes, with a gain and an offset for
changes of brightness (Lucas and Kanade 1981; Baker and Matthews 2004).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

__all__ = ["Placement", "compare_aligned", "find_placement", "place_by_size"]

# Sides of the template in pixels of the coarse copies, which are 16: the whole image to seven tenths of it.
COARSE = 16
SIDES = (16, 15, 14, 13, 12, 11)
STEPS = 8
# Pairs at a time, so that memory is bounded.
CHUNK = 256
TINY = 1e-6
# Smallest side of a crop that is supposed, and the places tried along each side.
LEAST_CROP, PLACES = 0.6, 9
# Values this near to black or white may have been cut off there.
SATURATED = 6
# Changes of scale and shift up to this may stand for none.
NEAR_WHOLE = 0.04


@dataclass(frozen=True)
class Placement:
    """Where the second image of each pair lies in the first, or the first in the second; a row for each pair.

    Attributes
    ----------
    score : ndarray of float, shape (p,)
        Correlation of the grey values there, at most 1.
    swapped : ndarray of bool, shape (p,)
        Whether the first lies in the second.
    mirrored : ndarray of bool, shape (p,)
    scale, shift : ndarray of float, shape (p, 2)
        Vertical and horizontal: the pixel at x of the smaller one, -1 to 1, lies at scale * x + shift of the other.
    """

    score: np.ndarray
    swapped: np.ndarray
    mirrored: np.ndarray
    scale: np.ndarray
    shift: np.ndarray

    def take(self, rows: Any) -> Placement:
        """Return the placements of some pairs."""
        return Placement(*(getattr(self, one.name)[rows] for one in fields(self)))


def find_placement(first: np.ndarray, second: np.ndarray) -> Placement:
    """Find where one image of each pair lies in the other.

    Parameters
    ----------
    first, second : ndarray of uint8, shape (p, side, side)
        Grey copies; the side is a multiple of 16.
    """
    parts = [
        _placed(_halved(first[i : i + CHUNK]), _halved(second[i : i + CHUNK])) for i in range(0, len(first), CHUNK)
    ]
    if not parts:
        none = np.zeros(0)
        return Placement(none, none.astype(bool), none.astype(bool), none.reshape(0, 2), none.reshape(0, 2))
    return Placement(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Placement)))


def place_by_size(
    first: np.ndarray, second: np.ndarray, sizes: tuple[np.ndarray, np.ndarray], where: Placement
) -> Placement:
    """Return placements, with those that suppose a crop that was not resized where these are more alike.

    Then the ratio of the sizes is the scale, and only the place has to be found.

    Parameters
    ----------
    first, second : ndarray of uint8, shape (p, side, side)
        As for `find_placement`.
    sizes : (ndarray of int, ndarray of int), each of shape (p, 2)
        Width and height of the first and second images in pixels.
    where : Placement
        Of `find_placement`.
    """
    ratio = sizes[1][:, ::-1] / sizes[0][:, ::-1]
    swapped = ratio.max(axis=1) > 1
    ratio = np.where(swapped[:, None], 1 / ratio, ratio)
    rows = np.flatnonzero((ratio.max(axis=1) <= 1) & (ratio.min(axis=1) >= LEAST_CROP) & (ratio.min(axis=1) < 1))
    found = Placement(*(getattr(where, one.name).copy() for one in fields(where)))
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        swap = swapped[part, None, None]
        large = np.where(swap, second[part], first[part])[:, None].astype(np.float32)
        small = np.where(swap, first[part], second[part]).astype(np.float32)
        for mirrored in (False, True):
            template = small[:, :, ::-1] if mirrored else small
            for down in np.linspace(-1, 1, PLACES):
                for across in np.linspace(-1, 1, PLACES):
                    shift = (1 - ratio[part]) * [down, across]
                    score = _correlation(_warp(large, ratio[part], shift)[:, 0], template)
                    better = score > found.score[part]
                    best = part[better]
                    found.score[best], found.swapped[best], found.mirrored[best] = (
                        score[better],
                        swapped[best],
                        mirrored,
                    )
                    found.scale[best], found.shift[best] = ratio[best], shift[better]
    return found


def _halved(images: np.ndarray) -> np.ndarray:
    """Return coarse copies: means of squares."""
    p, side = images.shape[:2]
    f = side // COARSE
    return images.reshape(p, COARSE, f, COARSE, f).mean(axis=(2, 4), dtype=np.float32)


def _placed(first: np.ndarray, second: np.ndarray) -> Placement:
    p = len(first)
    best = Placement(np.full(p, -2.0), np.zeros(p, bool), np.zeros(p, bool), np.ones((p, 2)), np.zeros((p, 2)))
    for swapped in (False, True):
        large, small = (second, first) if swapped else (first, second)
        for mirrored in (False, True):
            template = small[:, :, ::-1] if mirrored else small
            for side in SIDES[1 if swapped else 0 :]:
                _match(best, large, template, side, swapped=swapped, mirrored=mirrored)
    return best


def _match(best: Placement, large: np.ndarray, small: np.ndarray, side: int, *, swapped: bool, mirrored: bool) -> None:
    """Move a template of this side over the larger images, and note in `best` where it is more alike than before."""
    shrink = _shrinking(side)
    template = _standardised((shrink @ small @ shrink.T).reshape(len(small), -1))
    windows = np.lib.stride_tricks.sliding_window_view(large, (side, side), axis=(1, 2))
    places = windows.shape[1]
    windows = _standardised(windows.reshape(len(large), places * places, side * side))
    scores = np.einsum("pwk,pk->pw", windows, template)
    place = scores.argmax(axis=1)
    top = scores[np.arange(len(scores)), place]
    rows = np.flatnonzero(top > best.score + TINY)
    best.score[rows], best.swapped[rows], best.mirrored[rows] = top[rows], swapped, mirrored
    best.scale[rows] = side / COARSE
    corners = np.stack([place // places, place % places], axis=1)[rows]
    best.shift[rows] = (2 * corners + side) / COARSE - 1


def _standardised(values: np.ndarray) -> np.ndarray:
    """Return values of mean 0 and length 1 along the last axis; zeros where they are all equal."""
    values = values - values.mean(axis=-1, keepdims=True)
    return values / np.maximum(np.linalg.norm(values, axis=-1, keepdims=True), TINY)


def _shrinking(side: int) -> np.ndarray:
    """Return the matrix (side, 16) that takes means over the pixels that a smaller one covers."""
    edges = np.linspace(0, COARSE, side + 1)
    low, high = edges[:-1, None], edges[1:, None]
    pixel = np.arange(COARSE)
    covered = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)
    return (covered / covered.sum(axis=1, keepdims=True)).astype(np.float32)


def compare_aligned(
    large: np.ndarray, small: np.ndarray, where: Placement, *, steps: int = STEPS
) -> tuple[Placement, np.ndarray]:
    """Refine the placements on copies in colour or grey, and compare what both images show.

    Parameters
    ----------
    large, small : ndarray of float32, shape (p, c, side, side)
        The image that the other lies in, and that other; mirrored already where they are.
    where : Placement
        Of `find_placement`.
    steps : int, default=8

    Returns
    -------
    where : Placement
        The score is the correlation over all channels.
    detail : ndarray of float, shape (p,)
        Correlation of what is left when blurred copies are subtracted.
    """
    grey_large, grey_small = large.mean(axis=1)[:, None], small.mean(axis=1)
    kept = where.scale, where.shift
    best = _correlation(_warp(grey_large, *kept)[:, 0], grey_small)
    scale, shift = kept
    for _ in range(steps):
        scale, shift = _step(grey_large, grey_small, scale, shift)
        score = _correlation(_warp(grey_large, scale, shift)[:, 0], grey_small)
        better = score > best
        best = np.where(better, score, best)
        kept = np.where(better[:, None], scale, kept[0]), np.where(better[:, None], shift, kept[1])
    alike, detail = _compared(large, small, *kept)
    # Steps that gain nothing but rounding would blur what needs no resampling.
    whole = (np.abs(kept[0] - 1).max(axis=1) < NEAR_WHOLE) & (np.abs(kept[1]).max(axis=1) < NEAR_WHOLE)
    if (rows := np.flatnonzero(whole)).size:
        ones, zeros = np.ones((len(rows), 2)), np.zeros((len(rows), 2))
        found = _compared(large[rows], small[rows], ones, zeros)
        rows, better = rows[found[1] >= detail[rows]], found[1] >= detail[rows]
        alike[rows], detail[rows] = (values[better] for values in found)
        kept = kept[0].copy(), kept[1].copy()
        kept[0][rows], kept[1][rows] = 1, 0
    return replace(where, score=alike, scale=kept[0], shift=kept[1]), detail


def _compared(
    large: np.ndarray, small: np.ndarray, scale: np.ndarray, shift: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the correlations of aligned images and of their detail."""
    warped = _brightened(_warp(large, scale, shift), small)
    return _correlation(warped, small), _correlation(_detail(warped), _detail(small))


def _brightened(images: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return images with the gain and offset of others of the same places, clipped as theirs were."""
    x, y = (values.reshape(len(values), -1).astype(np.float64) for values in (images, targets))
    inside = (y > SATURATED) & (y < 255 - SATURATED)
    inside |= ~inside.any(axis=1, keepdims=True)
    n = inside.sum(axis=1, keepdims=True)
    mean_x, mean_y = ((v * inside).sum(axis=1, keepdims=True) / n for v in (x, y))
    gain = ((x - mean_x) * (y - mean_y) * inside).sum(axis=1, keepdims=True)
    gain = gain / np.maximum(((x - mean_x) ** 2 * inside).sum(axis=1, keepdims=True), TINY)
    return np.clip(mean_y + gain * (x - mean_x), 0, 255).reshape(images.shape)


def _step(large: np.ndarray, small: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and shift after one Gauss-Newton step on them and on gain and offset, of grey copies."""
    p, side, _ = small.shape
    grid = _grid(side)
    warped = _warp(large, scale, shift)[:, 0]
    h = 2.0 / side
    down = (_warp(large, scale, shift + [h, 0]) - _warp(large, scale, shift - [h, 0]))[:, 0] / (2 * h)
    across = (_warp(large, scale, shift + [0, h]) - _warp(large, scale, shift - [0, h]))[:, 0] / (2 * h)
    columns = [down * grid[:, None], down, across * grid[None, :], across, warped, np.ones_like(warped)]
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


def _warp(images: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Return images (p, c, side, side) sampled at scale * x + shift, bilinearly."""
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
    width = 2 * half + 1
    windows = np.lib.stride_tricks.sliding_window_view(images, (width, width), axis=(-2, -1))
    return images[..., half:-half, half:-half] - windows.mean(axis=(-2, -1))


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    a, b = (_standardised(values.reshape(len(values), -1).astype(np.float64)) for values in (first, second))
    return (a * b).sum(axis=1)
