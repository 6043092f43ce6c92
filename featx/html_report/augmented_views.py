"""A sheet of augmented views: a few training images as the network sees them, and draws of their augmentation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exceptions import FeatxError
from ..images.augmentation import Augmentation
from ..images.preprocessing import Preprocessing
from ..images.sources import ImageSource
from ..runtime.deadlines import map_with_deadline
from .thumbnails import encode_thumbnail, is_at_hand

if TYPE_CHECKING:
    from .reported_images import ReportedImages

__all__ = ["AugmentedViews", "draw_views"]

MOST_IMAGES, MOST_DRAWS = 6, 5
# Images that are tried where some cannot be read.
TRIED = 3 * MOST_IMAGES


@dataclass(frozen=True)
class AugmentedViews:
    """A sheet of views.

    Attributes
    ----------
    text : str
        What is shown.
    columns : list of str
    rows : list of dict
        `label` of each image, and the `keys` of its views.
    pictures : dict of str to str
        By key, in base64.
    """

    text: str
    columns: list[str]
    rows: list[dict[str, Any]]
    pictures: dict[str, str]


def draw_views(
    images: ReportedImages,
    rows: np.ndarray,
    preprocessing: Preprocessing,
    augmentation: Augmentation | None,
    *,
    seed: int,
    draws: int,
    name: str = "views",
) -> AugmentedViews | None:
    """Return a few images as a training sees them: as they are, and their draws of the augmentation.

    Parameters
    ----------
    images : ReportedImages
    rows : ndarray of int
        Of the images to choose from: some of each class, as far as there is room.
    preprocessing : Preprocessing
        Of the network.
    augmentation : Augmentation or None
    seed : int
        Of the draws.
    draws : int
        Of each image, at most 5 are shown.
    name : str, default="views"
        How keys begin.

    Returns
    -------
    AugmentedViews or None
        None where no image is at hand.
    """
    chosen = (
        [row for row in _in_turns(rows, images.labels) if is_at_hand(images.sources[row])] if images.sources else []
    )
    number = min(draws, MOST_DRAWS) if augmentation is not None else 0
    kinds = [preprocessing.with_draw(augmentation, seed=seed, draw=draw) for draw in range(number + 1)]
    sheet: list[dict[str, Any]] = []
    pictures: dict[str, str] = {}
    chosen = chosen[:TRIED]
    sources = [images.sources[row] for row in chosen]
    found = map_with_deadline(lambda source: _views(source, kinds), sources, threads=1, ahead=MOST_IMAGES)
    for row, views in zip(chosen, found, strict=True):
        if not isinstance(views, list) or len(sheet) == MOST_IMAGES:
            continue
        keys = [f"{name}-{len(sheet)}-{draw}" for draw in range(len(views))]
        pictures |= dict(zip(keys, views, strict=True))
        sheet.append({"label": images.labels[row], "keys": keys})
    if not sheet:
        return None
    size = f"{preprocessing.crop} x {preprocessing.crop} pixels"
    text = (
        f"Images as the training sees them, {size}, and {number} of their random draws: "
        f"{augmentation.text.replace(',', ', ')}."
        if augmentation is not None
        else f"Images as the training sees them, {size}; it does not augment them."
    )
    columns = ["as it is", *(f"draw {draw}" for draw in range(1, number + 1))]
    return AugmentedViews(text, columns, sheet, pictures)


def _in_turns(rows: np.ndarray, labels: Sequence[str]) -> list[int]:
    """Return rows in a random order in which classes take turns."""
    mixed = np.random.default_rng(0).permutation(rows).tolist()
    seen = Counter[str]()
    turns = []
    for row in mixed:
        turns.append(seen[labels[row]])
        seen[labels[row]] += 1
    return [mixed[place] for place in np.argsort(turns, kind="stable")]


def _views(source: ImageSource, kinds: Sequence[Preprocessing]) -> list[str] | None:
    """Return the picture of an image in each preprocessing, with the draws that a training makes of it."""
    try:
        digest, pixels = source.load()
    except FeatxError:
        return None
    return [encode_thumbnail(kind.apply(pixels, key=digest).permute(1, 2, 0).contiguous().numpy()) for kind in kinds]
