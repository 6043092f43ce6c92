"""An opened PGM or PPM goes in; it comes out with the values that the file holds, and what the file calls white."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

__all__ = ["maxval_of", "with_stored_values"]


def maxval_of(image: Image.Image) -> int | None:
    """Return the largest value that a PGM or PPM may hold, if it is neither 255 nor 65535 grey; else None."""
    for tile in getattr(image, "tile", ()):
        if tile[0] in ("ppm", "ppm_plain") and isinstance(tile[3], tuple):
            return int(tile[3][1])
    return None


def with_stored_values(image: Any) -> tuple[Image.Image, int | None]:
    """Return an image whose values are those in the file, and the one that means white, or None.

    Pillow stretches them to 255 or 65535, a value at a time and in Python: two seconds for a million pixels. Its size
    must have been checked before.
    """
    white = maxval_of(image)
    if white is None:
        return image, None
    tile = image.tile[0]
    if tile[0] == "ppm" and (image.mode == "I" or white < 256):
        image.tile = [tile._replace(codec_name="raw", args="I;16B" if image.mode == "I" else image.mode)]
        return image, white
    if tile[0] == "ppm" and white == 65535:
        # As for PNG, the upper 8 bits of colour.
        image.tile = [tile._replace(codec_name="raw", args="RGB;16B")]
    if tile[0] == "ppm_plain" and image.mode == "I":
        return Image.fromarray(np.rint(np.asarray(image) * (white / 65535)).astype(np.int32)), white
    return image, None
