"""A file's bytes go in; pixels come out, or the reason why not, in which other formats are named."""

from __future__ import annotations

import io
from typing import IO

import numpy as np
from PIL import Image

from .formats import FORMATS
from .jpeg import decode_jpeg
from .pixels import Refused, ValueRange, check_size, is_high_depth, pil_to_rgb

__all__ = ["decode_file", "holds_high_depth", "open_image"]


def decode_file(data: bytes, *, max_pixels: int | None, value_range: ValueRange) -> tuple[np.ndarray, int | None, bool]:
    """Return the pixels, the largest value on the scale of 16 bits, and whether there are more than 8 bits.

    Parameters
    ----------
    data : bytes
    max_pixels : int or None
    value_range : (low, high), "minmax" or None

    Raises
    ------
    Refused
        With the reason; decoders raise whatever the damaged bytes lead them to.
    """
    with _open(data) as image:
        check_size(image, max_pixels)
        if is_high_depth(image):
            return *pil_to_rgb(image, max_pixels, value_range), True
        pixels = decode_jpeg(image, data)
        return pil_to_rgb(image, max_pixels)[0] if pixels is None else pixels, None, False


def holds_high_depth(data: bytes) -> bool:
    """Tell whether a file's bytes hold more than 8 bits a channel."""
    try:
        with _open(data) as image:
            return is_high_depth(image)
    except Exception:  # whatever is wrong with it is told when it is decoded
        return False


def open_image(file: IO[bytes]) -> Image.Image:
    """Return an image of a file in a format that is read, whose pixels have not been decoded."""
    return Image.open(file, formats=FORMATS)


def _open(data: bytes) -> Image.Image:
    if not data:
        raise Refused("the file is empty")
    try:
        return open_image(io.BytesIO(data))
    except Image.UnidentifiedImageError:
        raise Refused("not an image in a known format") from None
    except Image.DecompressionBombError as error:
        raise Refused(str(error)) from None
