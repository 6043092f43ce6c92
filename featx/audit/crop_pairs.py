"""Find pairs of which the second image is much like a part of the first: searched for, placed, and told by chance."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .alignment import Placement, refine, warped
from .chance import nearer_than_chance, neighbour_scales
from .crop_search import LIMITS, CropLimits, find_crops
from .likeness import PAIRS, SIDE, Likeness, distances_of
from .pictures import Pictures
from .resampling import reduced

__all__ = ["find_crop_pairs"]

# Smaller scales are searched for among their like.
CROPPED = 0.92


def find_crop_pairs(
    pictures: Pictures, likeness: Likeness, groups: np.ndarray, *, limits: CropLimits = LIMITS
) -> tuple[np.ndarray, Placement]:
    """Return pairs of which the second is much like a part of the first, of groups of whole pictures that differ.

    Parameters
    ----------
    pictures : Pictures
    likeness : Likeness
        Fitted on these. Without components all pairs that were searched for are returned.
    groups : ndarray of int, shape (n,)
        Equal for images that are known to show one picture.
    limits : CropLimits
    """
    pairs, where = find_crops(pictures.thumbnails, limits=limits)
    apart = groups[pairs[:, 0]] != groups[pairs[:, 1]]
    pairs, where = pairs[apart], where.take(apart)
    distances = np.full(len(pairs), np.inf)
    scale, shift = where.scale.copy(), where.shift.copy()
    sizes = pictures.size.min(axis=1)
    for part, refined in _in_parts(distances, limits):
        large, small = (pictures.thumbnails[ends] for ends in pairs[part].T)
        small = np.where(where.mirrored[part, None, None], small[:, :, ::-1], small)
        coarse = reduced(large, SIDE), reduced(small, SIDE)
        for found in refine(*coarse, where.take(part)) if refined else [where.take(part)]:
            cut = warped(large[:, None].astype(np.float32), found.scale, found.shift)[:, 0]
            # What the part and the small image are made from.
            fine = np.round(sizes[pairs[part, 0]] * found.scale.mean(axis=1)).astype(int)
            detail = np.minimum(fine, SIDE), np.minimum(sizes[pairs[part, 1]], SIDE)
            now = distances_of(likeness.compare(reduced(cut, SIDE), coarse[1], detail))
            better = now < distances[part]
            rows = part[better]
            distances[rows], scale[rows], shift[rows] = now[better], found.scale[better], found.shift[better]
    where = Placement(where.mirrored, scale, shift)
    if not likeness.whitened:
        return pairs, where
    # Images of one frame, a little shifted, are many where all have the same subject; smaller parts are not.
    chosen = np.zeros(len(pairs), bool)
    cropped = scale.mean(axis=1) < CROPPED
    for kind in (cropped, ~cropped):
        chosen[kind] = nearer_than_chance(
            pairs[kind, 1:], distances[kind], len(sizes), scales=neighbour_scales(pairs[:, 1:], distances, len(sizes))
        )
    return pairs[chosen], where.take(chosen)


def _in_parts(distances: np.ndarray, limits: CropLimits) -> Iterator[tuple[np.ndarray, bool]]:
    """Return parts of all pairs, then, once their distances are known, of the nearest, which are to be refined."""
    n = len(distances)
    yield from ((np.arange(start, min(start + PAIRS, n)), False) for start in range(0, n, PAIRS))
    count = limits.placed_of(n)
    nearest = np.sort(np.argpartition(distances, count - 1)[:count]) if n else np.zeros(0, int)
    yield from ((nearest[start : start + PAIRS], True) for start in range(0, count, PAIRS))
