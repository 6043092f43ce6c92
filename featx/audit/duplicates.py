"""Find near-duplicates, verified by pixels: pictures re-encoded, resized, cropped, mirrored or made brighter."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from ..display.progress import progress_bar
from ..display.records import Record
from ..images.sources import ImageSource
from .alignment import Placement, compare_aligned
from .candidates import candidate_pairs, nearest_pairs
from .chance import nearer_than_chance
from .crop_pairs import find_crop_pairs
from .likeness import PAIRS, SIDE, Likeness, distances_of
from .overexposure import LEVELS, cut_off, overexposed, white_shares
from .pictures import Pictures, shrunk

__all__ = ["LEAST_SIDE", "DuplicatePair", "duplicate_groups", "find_duplicates"]

# Side of the copies in which the same picture is told from a similar one, and the least correlations of their pixels
# and of their detail, for whole pictures and for crops. Chosen on planted leaks, see benchmarks/README.md.
LOOKED, ALIKE_WHOLE, ALIKE_CROP = 64, (0.99, 0.93), (0.95, 0.85)
# Least correlation of the colours of similar pictures: a heart and another of its shape are alike in grey only.
SIMILAR = 0.85
CHUNK = 32
# Images whose pixels are kept, because several pairs need them.
KEPT = 256
# Smaller scales are a crop.
WHOLE = 0.97
# Images of fewer pixels a side are not compared: too many of one kind are alike.
LEAST_SIDE = 12
# How many of an image's nearest are compared at the resolution and with the brightness of each other.
CLOSE = 3


@dataclass(frozen=True, repr=False)
class DuplicatePair(Record):
    """Two images that show the same picture.

    Attributes
    ----------
    first, second : int
        Rows of the data set.
    kind : {"copy", "mirrored", "crop", "resized", "re-encoded", "similar"}
        "copy" has the same bytes; "re-encoded" includes changes of brightness. "similar" are pictures much more alike
        than others of the data set, whose detail differs: two photographs of one object, or two drawings of one design.
    similarity : float
        Correlation of the aligned pixels, at most 1.
    """

    first: int
    second: int
    kind: str
    similarity: float

    @property
    def is_similar(self) -> bool:
        """Whether the detail differs, so that it may not be the same picture."""
        return self.kind == "similar"

    def of_rows(self, rows: np.ndarray) -> DuplicatePair:
        """Return the pair with rows of a larger data set.

        Parameters
        ----------
        rows : ndarray of int, shape (n,)
            Those that were compared.
        """
        return replace(self, first=int(rows[self.first]), second=int(rows[self.second]))


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
    if len(rows) < 2:
        return copies
    known = pictures.take(rows)
    likeness = Likeness(known.thumbnails)
    whole, where = _whole(known, embeddings, rows, likeness)
    # Pairs of few images are not yet verified.
    known_pairs = [DuplicatePair(a, b, "", 0.0) for a, b in whole.tolist()] if likeness.whitened else []
    groups = duplicate_groups(known_pairs, len(rows))
    parts, places = find_crop_pairs(known, likeness, groups)
    pairs = rows[np.concatenate([whole, parts])]
    near = _looked_at(images, pictures, pairs, Placement.joined(where, places), likeness.whitened, verbose=verbose)
    # Of few images, the whole ones and parts of them may both have been compared; the best comparison is kept.
    best = {(pair.first, pair.second): pair for pair in sorted(near, key=lambda pair: pair.similarity)}
    return sorted([*copies, *best.values()], key=lambda pair: (pair.first, pair.second))


def duplicate_groups(pairs: Sequence[DuplicatePair], n: int) -> np.ndarray:
    """Return the number of each image's group, int (n,): images that pairs join, directly or not, have the same."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = np.array([(pair.first, pair.second) for pair in pairs], dtype=int).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(n, n))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=int)


def _whole(
    pictures: Pictures, embeddings: np.ndarray, rows: np.ndarray, likeness: Likeness
) -> tuple[np.ndarray, Placement]:
    """Return pairs that are whole pictures much alike, or all candidates where the images are too few to tell."""
    copies = pictures.thumbnails
    upright, turned = likeness.rows(copies), likeness.rows(copies[:, :, ::-1])
    pairs = candidate_pairs(embeddings, rows, (upright, turned), pictures.hashes)
    shares = white_shares(copies)
    pairs = np.unique(np.concatenate([pairs, *_darker(copies, shares, upright, likeness)]), axis=0)
    one, other = pairs.T
    alike = np.stack([_products(upright, side, pairs) for side in (upright, turned)])
    mirrored = alike[1] > alike[0]
    distances = distances_of(alike.max(axis=0))
    close = _nearest(pairs, distances, len(copies), CLOSE)
    # By their plain copies these are not.
    close |= overexposed(shares[pairs].max(axis=1), shares[pairs].min(axis=1))
    close = np.flatnonzero(close)
    detail = np.minimum(pictures.size.min(axis=1), SIDE)
    for part in np.array_split(close, max(1, len(close) // PAIRS)):
        second = copies[other[part]]
        second = np.where(mirrored[part, None, None], second[:, :, ::-1], second)
        found = likeness.compare(copies[one[part]], second, (detail[one[part]], detail[other[part]]))
        distances[part] = np.minimum(distances[part], distances_of(found))
    chosen = np.ones(len(pairs), bool)
    if likeness.whitened:
        chosen = nearer_than_chance(pairs, distances, len(copies))
    return pairs[chosen], Placement.whole(mirrored[chosen])


def _darker(copies: np.ndarray, shares: np.ndarray, upright: np.ndarray, likeness: Likeness) -> list[np.ndarray]:
    """Return pairs of overexposed images with others that are like them when cut off at white as well."""
    found = []
    which = np.flatnonzero(overexposed(shares, float(np.median(shares))))
    levels = np.abs(shares[which, None] - LEVELS).argmin(axis=1)
    for number in np.unique(levels).tolist():
        queries = which[levels == number]
        cut = np.concatenate([
            likeness.rows(cut_off(copies[i : i + PAIRS], LEVELS[number])) for i in range(0, len(copies), PAIRS)
        ])  # fmt: skip
        found.append(nearest_pairs(upright[queries], cut, queries))
    return found


def _products(first: np.ndarray, second: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return the product of the first row of each pair with the second one."""
    parts = np.array_split(pairs, max(1, len(pairs) // 2**16))
    return np.concatenate([(first[part[:, 0]] * second[part[:, 1]]).sum(axis=1) for part in parts])


def _nearest(pairs: np.ndarray, distances: np.ndarray, n: int, count: int) -> np.ndarray:
    """Return which pairs are among so many nearest of one of their images."""
    owners, both = pairs.T.ravel(), np.tile(distances, 2)
    order = np.lexsort((both, owners))
    starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=n))])
    rank = np.empty(len(owners), int)
    rank[order] = np.arange(len(owners)) - starts[owners[order]]
    return np.asarray((rank < count).reshape(2, -1).any(axis=0))


def _looked_at(
    images: Sequence[ImageSource],
    pictures: Pictures,
    pairs: np.ndarray,
    where: Placement,
    trusted: bool,
    *,
    verbose: bool,
) -> list[DuplicatePair]:
    """Return the pairs with their kind, by their pixels; those that differ in detail only if they are trusted."""
    pixels, found = _Pixels(images), []
    with progress_bar(len(pairs), name="comparing pairs", unit="pair", shown=verbose) as bar:
        for start in range(0, len(pairs), CHUNK):
            part = np.arange(start, min(start + CHUNK, len(pairs)))
            looked = [
                _prepared(pixels, pictures, int(a), int(b), where.take(row))
                for row, (a, b) in zip(part, pairs[part], strict=True)
            ]
            large, small = (np.stack(images) for images in zip(*looked, strict=True))
            alike, detail = compare_aligned(large, small, where.take(part))
            for row, likeness, fine in zip(part, alike.tolist(), detail.tolist(), strict=True):
                kind = _kind(pictures, int(pairs[row, 0]), int(pairs[row, 1]), where.take(row))
                least_alike, least_detail = ALIKE_CROP if kind == "crop" else ALIKE_WHOLE
                same = likeness >= least_alike and fine >= least_detail
                if not same:
                    kind = "similar"
                if same or (trusted and likeness >= SIMILAR):
                    found.append(DuplicatePair(int(pairs[row].min()), int(pairs[row].max()), kind, likeness))
            bar.update(len(part))
    return found


def _prepared(
    pixels: _Pixels, pictures: Pictures, large: int, small: int, where: Placement
) -> tuple[np.ndarray, np.ndarray]:
    """Return both images of a pair at the resolution of the lower, and as the coarser JPEG of two would have them."""
    scale = float(where.scale.mean())
    one, other = pixels[large], pixels[small]
    if scale > WHOLE and one[0].shape == other[0].shape and not where.mirrored:
        one, other = _as_coded(one, other), _as_coded(other, one)
    detail = min(pictures.size[large].min(), pictures.size[small].min() / scale, LOOKED)
    second = shrunk(other[0], detail * scale, LOOKED)
    return shrunk(one[0], detail, LOOKED), second[..., ::-1] if where.mirrored else second


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
