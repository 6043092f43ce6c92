"""Find near-duplicates, verified by pixels: pictures re-encoded, resized, cropped, mirrored or made brighter."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from ..display.named_by_package import NamedByPackage
from ..display.progress import progress_bar
from ..images.sources import ImageSource
from .alignment import Placement, compare_aligned, find_placement, place_by_size
from .candidates import candidate_pairs
from .pictures import Pictures, shrunk

__all__ = ["LEAST_SIDE", "DuplicatePair", "duplicate_groups", "find_duplicates"]

# Each round compares the pairs that are left on larger copies: their side, and the least correlations of the pixels and
# of their detail. Chosen on planted leaks, see benchmarks/README.md.
ROUNDS = ((32, 0.93, 0.70), (64, 0.965, 0.93), (128, 0.965, 0.93))
COARSE_SCORE = 0.85
CHUNK = 32
# Images whose pixels are kept, because several pairs need them.
KEPT = 256
# Smaller scales are a crop.
WHOLE = 0.97
# Images of fewer pixels a side are not compared: too many of one kind are alike.
LEAST_SIDE = 12


@dataclass(frozen=True)
class DuplicatePair(NamedByPackage):
    """Two images that show the same picture.

    Attributes
    ----------
    first, second : int
        Rows of the data set.
    kind : {"copy", "mirrored", "crop", "resized", "re-encoded"}
        "copy" has the same bytes; "re-encoded" includes changes of brightness.
    similarity : float
        Correlation of the aligned pixels, at most 1.
    """

    first: int
    second: int
    kind: str
    similarity: float


def find_duplicates(
    images: Sequence[ImageSource],
    pictures: Pictures,
    embeddings: np.ndarray,
    *,
    together: np.ndarray | None = None,
    verbose: bool = False,
) -> list[DuplicatePair]:
    """Find all pairs of images that show the same picture.

    Parameters
    ----------
    images : sequence of ImageSource
        All readable.
    pictures : Pictures
        What was read of them.
    embeddings : ndarray, shape (n, d)
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same bytes; see `same_content`. Only the first of these is compared with others.
    verbose : bool, default=False
        Show a progress bar.

    Returns
    -------
    list of DuplicatePair
        In the order of their rows; every further copy of an image is a pair with the first.
    """
    first = np.arange(len(images)) if together is None else np.unique(together, return_index=True)[1]
    copies = [] if together is None else [
        DuplicatePair(int(np.flatnonzero(together == together[row])[0]), int(row), "copy", 1.0)
        for row in np.setdiff1d(np.arange(len(images)), first)
    ]  # fmt: skip
    # An image of one colour is like any other.
    rows = first[(pictures.contrast[first] >= 1) & (pictures.size[first].min(axis=1) >= LEAST_SIDE)]
    pairs = candidate_pairs(embeddings[rows], pictures.thumbnails[rows], pictures.hashes[rows])
    pairs = rows[pairs]
    one, other = (pictures.thumbnails[pairs[:, side]] for side in (0, 1))
    where = find_placement(one, other)
    where = place_by_size(one, other, (pictures.size[pairs[:, 0]], pictures.size[pairs[:, 1]]), where)
    left = np.flatnonzero(where.score >= COARSE_SCORE)
    near = _verified(images, pictures, pairs[left], where.take(left), verbose=verbose)
    return sorted([*copies, *near], key=lambda pair: (pair.first, pair.second))


def duplicate_groups(pairs: Sequence[DuplicatePair], n: int) -> np.ndarray:
    """Return the number of each image's group, int (n,): images that pairs join, directly or not, have the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array([(pair.first, pair.second) for pair in pairs], dtype=int).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=int)


def _verified(
    images: Sequence[ImageSource], pictures: Pictures, pairs: np.ndarray, where: Placement, *, verbose: bool
) -> list[DuplicatePair]:
    """Return the pairs that show the same picture."""
    pixels = _Pixels(images)
    large, small = np.where(where.swapped, pairs.T[::-1], pairs.T)
    for side, least_alike, least_detail in ROUNDS:
        left = []
        with progress_bar(len(large), name="comparing pairs", unit="pair", shown=verbose) as bar:
            for start in range(0, len(large), CHUNK):
                rows = np.arange(start, min(start + CHUNK, len(large)))
                looked = [_prepared(pixels, pictures, large[row], small[row], where.take(row), side) for row in rows]
                one, other = (np.stack(part) for part in zip(*looked, strict=True))
                found, detail = compare_aligned(one, other, where.take(rows))
                where.score[rows], where.scale[rows], where.shift[rows] = found.score, found.scale, found.shift
                left += rows[(found.score >= least_alike) & (detail >= least_detail)].tolist()
                bar.update(len(rows))
        large, small, where = large[left], small[left], where.take(np.array(left, dtype=int))
    return [
        DuplicatePair(
            int(min(one, other)),
            int(max(one, other)),
            _kind(pictures, one, other, where.take(row)),
            float(where.score[row]),
        )
        for row, (one, other) in enumerate(zip(large, small, strict=True))
    ]


def _prepared(
    pixels: _Pixels, pictures: Pictures, large: int, small: int, where: Placement, side: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return both images of a pair at the resolution of the lower, and as the coarser JPEG of two would have them."""
    scale = float(where.scale.mean())
    one, other = pixels[large], pixels[small]
    if scale > WHOLE and one[0].shape == other[0].shape and not where.mirrored:
        one, other = _as_coded(one, other), _as_coded(other, one)
    detail = min(pictures.size[large].min(), pictures.size[small].min() / scale, side)
    second = shrunk(other[0], detail * scale, side)
    return shrunk(one[0], detail, side), second[..., ::-1] if where.mirrored else second


def _as_coded(image: tuple[np.ndarray, Any], other: tuple[np.ndarray, Any]) -> tuple[np.ndarray, Any]:
    """Return an image as it is after coding by the JPEG tables of another, if those are coarser than its own."""
    tables, own = other[1], image[1]
    if tables is None or (own is not None and sum(own[0]) >= sum(tables[0])):
        return image
    buffer = io.BytesIO()
    Image.fromarray(image[0]).save(buffer, "JPEG", qtables=tables)
    return np.asarray(Image.open(buffer).convert("RGB")), own


class _Pixels:
    """The pixels of images and the tables of JPEG files, read when they are needed; the last few are kept."""

    def __init__(self, images: Sequence[ImageSource]) -> None:
        self.images = images
        self.kept: OrderedDict[int, tuple[np.ndarray, Any]] = OrderedDict()

    def __getitem__(self, row: int) -> tuple[np.ndarray, Any]:
        if row in self.kept:
            self.kept.move_to_end(row)
            return self.kept[row]
        image = self.images[row]
        data = image.read()
        self.kept[row] = image.decode(data)[1], _tables(data)
        if len(self.kept) > KEPT:
            self.kept.popitem(last=False)
        return self.kept[row]


def _tables(data: bytes | None) -> Any:
    """Return the quantisation tables of a JPEG file, or None."""
    if data is None or data[:2] != b"\xff\xd8":
        return None
    try:
        with Image.open(io.BytesIO(data)) as image:
            return dict(image.quantization)  # type: ignore[attr-defined]
    except Exception:  # decoded by another decoder
        return None


def _kind(pictures: Pictures, large: int, small: int, where: Placement) -> str:
    if where.mirrored:
        return "mirrored"
    if float(where.scale.mean()) < WHOLE:
        return "crop"
    return "re-encoded" if (pictures.size[large] == pictures.size[small]).all() else "resized"
