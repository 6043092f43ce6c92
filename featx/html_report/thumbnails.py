"""Thumbnails of images as text that a page embeds, as many as a budget of bytes allows."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..exceptions import FeatxError
from ..images.sources import ImageSource
from ..runtime.deadlines import map_with_deadline

__all__ = ["encode_thumbnail", "is_at_hand", "make_thumbnails"]

# Pixels of the longer side, which a screen shows at that size or at twice as much.
SIDE = 112
# Up to this side an image is kept as it is: JPEG would blur the few pixels that it has.
SMALL = 40
QUALITY = 72
# Files that are read at a time before the budget is looked at again.
AHEAD = 16
# Bytes of a page around the text of a thumbnail.
AROUND = 12


def make_thumbnails(sources: Sequence[ImageSource], rows: Sequence[int], *, budget: int) -> dict[int, str]:
    """Return thumbnails in base64 by row, in the order of `rows` until the budget is used up.

    Images are turned, scaled and converted as featx does for a network. URLs are not fetched, and what cannot be read
    is left out.

    Parameters
    ----------
    sources : sequence of ImageSource
    rows : sequence of int
        Of `sources`, the most important first.
    budget : int
        Bytes of text in all.
    """
    local = [row for row in rows if is_at_hand(sources[row])]
    found: dict[int, str] = {}
    texts = map_with_deadline(
        lambda row: _thumbnail(sources[row]), local, threads=min(4, os.cpu_count() or 1), ahead=AHEAD
    )
    try:
        for row, text in zip(local, texts, strict=True):
            if not isinstance(text, str):
                continue
            budget -= len(text) + AROUND
            if budget < 0:
                break
            found[row] = text
    finally:
        texts.close()
    return found


def _thumbnail(source: ImageSource) -> str | None:
    try:
        _, pixels = source.load()
    except FeatxError:
        return None
    return encode_thumbnail(pixels)


def is_at_hand(source: ImageSource) -> bool:
    """Return whether an image is a file or in memory, so that nothing is fetched."""
    return source.path is not None or not isinstance(source.content, str)


def encode_thumbnail(pixels: np.ndarray) -> str:
    """Return RGB pixels as a small picture in base64."""
    image = Image.fromarray(pixels)
    file = io.BytesIO()
    if max(image.size) <= SMALL:
        grey = (pixels == pixels[..., :1]).all()
        (image.convert("L") if grey else image).save(file, "PNG", optimize=True)
    else:
        image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
        image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return base64.b64encode(file.getvalue()).decode()
