"""How many bits a channel an image holds, and which of its values mean black and white (16-bit PNG, 12-bit TIFF, PGM).

Pillow says neither directly: the depth is found in its decoder's arguments and the tags of TIFF, and PGM and PPM have a
largest value of their own (maxval), to which Pillow stretches them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

__all__ = ["WHITE_16_BIT", "full_scale", "is_deep_colour", "is_high_depth", "maxval_of", "with_stored_values"]

WHITE_16_BIT = 65535
TIFF_BITS_PER_SAMPLE = 258


def is_high_depth(image: Image.Image) -> bool:
    """Tell whether a value range has a meaning for an image: whether it holds more than 8 bits a channel."""
    return image.mode.startswith("I") or image.mode == "F" or is_deep_colour(image)


def is_deep_colour(image: Image.Image) -> bool:
    """Tell colour, or grey with transparency, of 16 bits a channel, of which Pillow reads the upper 8."""
    if image.mode.startswith("I") or image.mode == "F":
        return False
    if (maxval_of(image) or 0) > 255:
        return True
    raw = [tile[3][0] if isinstance(tile[3], tuple) else tile[3] for tile in getattr(image, "tile", ())]
    return any(";16" in mode for mode in raw if isinstance(mode, str)) or 16 in _tiff_bits(image)


def full_scale(image: Image.Image) -> tuple[float, float]:
    """Return the values that mean black and white for an image of one deep channel."""
    if image.mode == "F":
        return 0.0, 1.0
    # Mode I has 32 bits, but is what Pillow made of 16-bit files for long, and goes by their scale.
    return 0.0, 4095.0 if 12 in _tiff_bits(image) else float(WHITE_16_BIT)


def _tiff_bits(image: Image.Image) -> tuple[int, ...]:
    bits = getattr(image, "tag_v2", {}).get(TIFF_BITS_PER_SAMPLE, ())
    return bits if isinstance(bits, tuple) else (bits,)


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
    if tile[0] == "ppm" and white == WHITE_16_BIT:
        # As for PNG, the upper 8 bits of colour.
        image.tile = [tile._replace(codec_name="raw", args="RGB;16B")]
    if tile[0] == "ppm_plain" and image.mode == "I":
        return Image.fromarray(np.rint(np.asarray(image) * (white / WHITE_16_BIT)).astype(np.int32)), white
    return image, None
