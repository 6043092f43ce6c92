"""Bit depth: how many bits a channel an image has, and which of its values mean black and white (16-bit PNG, PGM).

`pixels` scales them to 8 bits. Pillow says neither directly: the depth is in the arguments of its decoders and in the
tags of a TIFF, and each PGM and PPM names its largest value (maxval), which Pillow scales to 255 or 65535.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

__all__ = [
    "DTYPE_SCALES",
    "WHITE_16_BIT",
    "full_scale",
    "is_deep_colour",
    "is_high_depth",
    "maxval_of",
    "with_stored_values",
]

WHITE_16_BIT = 65535
TIFF_BITS_PER_SAMPLE = 258
# The values that mean black and white by the type of an array. Other integers have no scale that an image would fill.
DTYPE_SCALES = {
    "u1": (0.0, 255.0), "u2": (0.0, 65535.0), "b1": (0.0, 1.0), "f2": (0.0, 1.0), "f4": (0.0, 1.0), "f8": (0.0, 1.0),
}  # fmt: skip


def is_high_depth(image: Image.Image) -> bool:
    """Return whether an image has more than 8 bits a channel, so that a value range applies to it."""
    return image.mode.startswith("I") or image.mode == "F" or is_deep_colour(image)


def is_deep_colour(image: Image.Image) -> bool:
    """Return whether an image has 16-bit colour, or grey with transparency, of which Pillow reads the upper 8 bits."""
    if image.mode.startswith("I") or image.mode == "F":
        return False
    if (maxval_of(image) or 0) > 255:
        return True
    raw = [tile[3][0] if isinstance(tile[3], tuple) else tile[3] for tile in getattr(image, "tile", ())]
    return any(";16" in mode for mode in raw if isinstance(mode, str)) or 16 in _tiff_bits(image)


def full_scale(image: Image.Image) -> tuple[float, float]:
    """Return the values that mean black and white in a grey image of more than 8 bits."""
    if image.mode == "F":
        return 0.0, 1.0
    # Mode I has 32 bits, but for a long time Pillow read 16-bit files as this mode: it takes their scale.
    return 0.0, 4095.0 if 12 in _tiff_bits(image) else float(WHITE_16_BIT)


def _tiff_bits(image: Image.Image) -> tuple[int, ...]:
    bits = getattr(image, "tag_v2", {}).get(TIFF_BITS_PER_SAMPLE, ())
    return bits if isinstance(bits, tuple) else (bits,)


def maxval_of(image: Image.Image) -> int | None:
    """Return the value that means white in a PGM or PPM (maxval), or None where Pillow need not scale to read it."""
    for tile in getattr(image, "tile", ()):
        if tile[0] in ("ppm", "ppm_plain") and isinstance(tile[3], tuple):
            return int(tile[3][1])
    return None


def with_stored_values(image: Any) -> tuple[Image.Image, int | None]:
    """Return a PGM or PPM with the values of its file in place of scaled ones, and the value that means white, or None.

    Pillow scales to 255 or 65535 one value at a time in Python: two seconds for a million pixels. The size of the image
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
