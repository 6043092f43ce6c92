"""Find images that may be crops of others: each is compared with parts of all others, at several sizes and places.

A network's embedding of a crop may be far from that of its image, where all images have the same subject.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .alignment import Placement
from .likeness import standardised
from .resampling import means, reduced

__all__ = ["LIMITS", "CropLimits", "find_crops"]

# Sides of the parts, of the image's, and how many places of each along a side; the first table is taken that is not too
# much work, in products of two numbers. Mirrored crops are searched for with the first table only.
TABLES = (
    {0.95: 3, 0.9: 4, 0.85: 5, 0.8: 6, 0.75: 7, 0.7: 8},
    {0.9: 3, 0.8: 5, 0.7: 7},
    {0.8: 3},
)
WORK = 2e12
# Side of the copies that are compared, components of them, and images that the components are fitted on.
SIDE, COMPONENTS, FITTED = 10, 32, 5000
# Numbers of one block of comparisons, and pairs that are placed at a time.
BLOCK, PAIRS = 2**24, 512
TINY = 1e-6


@dataclass(frozen=True)
class CropLimits:
    """How many pairs the search for crops may look at.

    Attributes
    ----------
    candidates : int
        Of each image, the others with a part that is most like it.
    many, fewer : int
        Of each of more than `many` images there are `fewer` candidates.
    placed : int
    share : float
        Where there are more than `placed` pairs, this share of them are placed precisely, the nearest, but at least
        `placed`: more than enough to tell chance from.
    """

    candidates: int = 6
    many: int = 30_000
    fewer: int = 2
    placed: int = 40_000
    share: float = 0.3

    def candidates_of(self, n: int) -> int:
        """Return the number of candidates of each of n images."""
        return max(0, min(self.candidates if n <= self.many else self.fewer, n - 1))

    def placed_of(self, n_pairs: int) -> int:
        """Return how many of so many pairs are placed precisely."""
        return min(n_pairs, max(self.placed, int(self.share * n_pairs)))


LIMITS = CropLimits()


def find_crops(copies: np.ndarray, *, limits: CropLimits = LIMITS) -> tuple[np.ndarray, Placement]:
    """Return, for each image, the others with a part that is most like it, int (p, 2), and where that part is.

    The image with the part is the first of a pair.

    Parameters
    ----------
    copies : ndarray of uint8, shape (n, side, side)
        Grey copies.
    limits : CropLimits
    """
    n = len(copies)
    nearest = limits.candidates_of(n)
    if not nearest:
        return np.zeros((0, 2), int), Placement.whole(np.zeros(0, bool))
    places = _places(n)
    orientations = copies, copies[:, :, ::-1]
    mean, components = _components(*orientations)
    rows = [
        _rows(_pixels(images), mean, components)
        for images in (orientations if len(places) == _count(TABLES[0]) else orientations[:1])
    ]
    # Candidates for each small image, the last columns the least alike; row n stands for none.
    best, owner = np.full((n, nearest), -2.0, np.float32), np.full((n, nearest), n)
    least = best.min(axis=1)
    step = max(1, BLOCK // (n * len(places)))
    for start in range(0, n, step):
        larger = np.arange(start, min(start + step, n))
        parts = _rows(_parts(copies[larger], places).reshape(-1, SIDE * SIDE), mean, components)
        top = np.full((len(larger), n), -2.0, np.float32)
        for small in rows:
            np.maximum(top, (parts @ small.T).reshape(len(larger), len(places), n).max(axis=1), out=top)
        top[np.arange(len(larger)), larger] = -2
        # Few images find a better one in each block.
        changed = np.flatnonzero((top > least).any(axis=0))
        merged = np.concatenate([best[changed], top[:, changed].T], axis=1)
        owners = np.concatenate([owner[changed], np.broadcast_to(larger, (len(changed), len(larger)))], axis=1)
        kept = np.argpartition(-merged, nearest - 1, axis=1)[:, :nearest]
        best[changed], owner[changed] = (np.take_along_axis(values, kept, axis=1) for values in (merged, owners))
        least[changed] = best[changed].min(axis=1)
    pairs = np.stack([owner.ravel(), np.repeat(np.arange(n), nearest)], axis=1)
    return pairs, _placed(copies, places, pairs, rows, (mean, components))


def _placed(
    copies: np.ndarray,
    places: np.ndarray,
    pairs: np.ndarray,
    rows: list[np.ndarray],
    projection: tuple[np.ndarray, np.ndarray],
) -> Placement:
    """Return which part of the first image of each pair the second is most like, mirrored or not."""
    place, mirrored = np.zeros(len(pairs), int), np.zeros(len(pairs), bool)
    for start in range(0, len(pairs), PAIRS):
        part = pairs[start : start + PAIRS]
        parts = _rows(_parts(copies[part[:, 0]], places).reshape(-1, SIDE * SIDE), *projection)
        parts = parts.reshape(len(part), len(places), -1)
        likeness = np.stack([np.einsum("plc,pc->pl", parts, small[part[:, 1]]) for small in rows])
        mirrored[start : start + PAIRS] = likeness.max(axis=2).argmax(axis=0)
        place[start : start + PAIRS] = likeness.max(axis=0).argmax(axis=1)
    found = places[place]
    return Placement(mirrored, np.repeat(found[:, :1], 2, axis=1), found[:, 1:].copy())


def _places(n: int) -> np.ndarray:
    """Return scale and vertical and horizontal shift of each part, of -1 to 1, (count, 3)."""
    for table in TABLES:
        places = [
            (scale, down, across)
            for scale, count in table.items()
            for down in np.linspace(scale - 1, 1 - scale, count)
            for across in np.linspace(scale - 1, 1 - scale, count)
        ]
        if 1.0 * n * n * len(places) * COMPONENTS <= WORK:
            break
    return np.array(places)


def _count(table: dict[float, int]) -> int:
    return sum(count**2 for count in table.values())


def _parts(copies: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Return small copies of the parts, float32 (n, count, 10, 10)."""
    side, images = copies.shape[-1], copies.astype(np.float32)

    def over(shift: float, scale: float) -> np.ndarray:
        return means(side, (1 + shift - scale) * side / 2, (1 + shift + scale) * side / 2, SIDE)

    return np.stack([over(down, scale) @ images @ over(across, scale).T for scale, down, across in places.tolist()], 1)


def _pixels(copies: np.ndarray) -> np.ndarray:
    """Return whole images in few pixels, float32 (n, 100)."""
    return reduced(copies, SIDE).reshape(len(copies), -1)


def _components(upright: np.ndarray, mirrored: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the first components, each divided by the root of its spread, which ranks crops best."""
    n, chosen = len(upright), np.arange(2 * len(upright))
    if len(chosen) > FITTED:
        chosen = np.random.default_rng(0).choice(len(chosen), FITTED, replace=False)
    turned = chosen >= n
    pixels = np.empty((len(chosen), SIDE * SIDE), np.float32)
    pixels[~turned], pixels[turned] = _pixels(upright[chosen[~turned]]), _pixels(mirrored[chosen[turned] - n])
    pixels = standardised(pixels)
    mean = pixels.mean(axis=0)
    values, vectors = np.linalg.eigh((pixels - mean).T @ (pixels - mean) / len(pixels))
    values, vectors = values[::-1][:COMPONENTS], vectors[:, ::-1][:, :COMPONENTS]
    spread = np.maximum(values, TINY * max(float(values[0]), TINY)) ** 0.25
    return mean, (vectors / spread).astype(np.float32)


def _rows(pixels: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    # In place, since there may be many.
    pixels = standardised(pixels)
    pixels -= mean
    rows = pixels @ components
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), TINY), dtype=np.float32)
