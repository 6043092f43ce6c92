"""Find images that may be crops of others: each image is compared with parts of all others, at several sizes and places.

A network's embedding of a crop may be far from that of its image, where all images have the same subject.
"""

from __future__ import annotations

import numpy as np

from .alignment import Placement
from .likeness import standardised
from .resampling import means, reduced

__all__ = ["find_crops"]

# Sides of the parts, of the image's, and how many places of each along a side; the first table that is not too much work
# is taken. Comparisons of one number with another: 5e11 take about a minute of one core.
TABLES = (
    {0.95: 3, 0.9: 4, 0.85: 5, 0.8: 6, 0.75: 7, 0.7: 8},
    {0.9: 3, 0.8: 5, 0.7: 7},
    {0.9: 2, 0.8: 3},
)
WORK = 5e12
# Side of the copies that are compared, components of them, and images that the components are fitted on.
SIDE, COMPONENTS, FITTED = 10, 32, 5000
# Candidates of each image.
NEAREST = 6
# Numbers of one block of comparisons.
BLOCK = 2**24
TINY = 1e-6


def find_crops(copies: np.ndarray) -> tuple[np.ndarray, Placement]:
    """Return, for each image, the six others with a part that is most like it, int (p, 2), and where that part is.

    The image with the part is the first of a pair.

    Parameters
    ----------
    copies : ndarray of uint8, shape (n, side, side)
        Grey copies.
    """
    n, nearest = len(copies), min(NEAREST, len(copies) - 1)
    if nearest < 1:
        return np.zeros((0, 2), int), Placement.whole(np.zeros(0, bool))
    places = _places(n)
    whole = reduced(copies, SIDE).reshape(n, -1)
    mirrored = reduced(copies[:, :, ::-1], SIDE).reshape(n, -1)
    mean, components = _components(np.concatenate([whole, mirrored]))
    rows = [_rows(pixels, mean, components) for pixels in (whole, mirrored)]
    best = np.full((n, 0), -2.0, np.float32)
    owner, placed, turned = np.zeros((n, 0), np.int32), np.zeros((n, 0), np.int16), np.zeros((n, 0), bool)
    step = max(1, BLOCK // (n * len(places)))
    for start in range(0, n, step):
        larger = np.arange(start, min(start + step, n))
        parts = _rows(_parts(copies[larger], places).reshape(-1, SIDE * SIDE), mean, components)
        for mirror, small in enumerate(rows):
            likeness = (parts @ small.T).reshape(len(larger), len(places), n)
            place = likeness.argmax(axis=1)
            top = np.take_along_axis(likeness, place[:, None], axis=1)[:, 0]
            top[np.arange(len(larger)), larger] = -2
            best = np.concatenate([best, top.T], axis=1)
            owner = np.concatenate([owner, np.broadcast_to(larger.astype(np.int32), top.T.shape)], axis=1)
            placed = np.concatenate([placed, place.T.astype(np.int16)], axis=1)
            turned = np.concatenate([turned, np.full(top.T.shape, bool(mirror))], axis=1)
        if best.shape[1] > 2 * nearest:
            # An image and its mirror image may both be there, so that twice as many are kept until the end.
            kept = np.argpartition(-best, 2 * nearest - 1, axis=1)[:, : 2 * nearest]
            best, owner, placed, turned = (
                np.take_along_axis(values, kept, axis=1) for values in (best, owner, placed, turned)
            )
    order = np.argsort(-best, axis=1)
    best, owner, placed, turned = (
        np.take_along_axis(values, order, axis=1) for values in (best, owner, placed, turned)
    )
    first = np.ones(owner.shape, bool)
    for column in range(1, owner.shape[1]):
        first[:, column] = (owner[:, :column] != owner[:, [column]]).all(axis=1)
    kept = first & (np.cumsum(first, axis=1) <= nearest) & (best > -2)
    second, column = np.nonzero(kept)
    found = places[placed[second, column]]
    pairs = np.stack([owner[second, column].astype(int), second], axis=1)
    return pairs, Placement(turned[second, column], np.repeat(found[:, :1], 2, axis=1), found[:, 1:].copy())


def _places(n: int) -> np.ndarray:
    """Return scale and vertical and horizontal shift of each part, of -1 to 1, (count, 3)."""
    for table in TABLES:
        places = [
            (scale, down, across)
            for scale, count in table.items()
            for down in np.linspace(scale - 1, 1 - scale, count)
            for across in np.linspace(scale - 1, 1 - scale, count)
        ]
        if 2.0 * n * n * len(places) * COMPONENTS <= WORK:
            break
    return np.array(places)


def _parts(copies: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return small copies of the parts, float32 (n, count, 10, 10)."""
    side, images = copies.shape[-1], copies.astype(np.float32)

    def over(shift: float, scale: float) -> np.ndarray:
        return means(side, (1 + shift - scale) * side / 2, (1 + shift + scale) * side / 2, SIDE)

    return np.stack([over(down, scale) @ images @ over(across, scale).T for scale, down, across in places.tolist()], 1)


def _components(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the first components, each divided by the root of its spread, which ranks crops best."""
    if len(pixels) > FITTED:
        pixels = pixels[np.random.default_rng(0).choice(len(pixels), FITTED, replace=False)]
    pixels = standardised(pixels)
    mean = pixels.mean(axis=0)
    values, vectors = np.linalg.eigh((pixels - mean).T @ (pixels - mean) / len(pixels))
    values, vectors = values[::-1][:COMPONENTS], vectors[:, ::-1][:, :COMPONENTS]
    spread = np.maximum(values, TINY * max(float(values[0]), TINY)) ** 0.25
    return mean, (vectors / spread).astype(np.float32)


def _rows(pixels: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    rows = (standardised(pixels) - mean) @ components
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), TINY), dtype=np.float32)
