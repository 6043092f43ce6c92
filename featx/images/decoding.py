"""A file's bytes go in; pixels come out, or the reason why not, in which other formats are named."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import IO, Any

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from .avif import frame_sizes
from .formats import FORMATS, UNSUPPORTED, is_raw_tiff, supported_format, unsupported_format
from .jpeg import check_scans, decode_jpeg
from .netpbm import with_stored_values
from .pixels import Refused, ValueRange, check_area, check_size, error_text, is_high_depth, pil_to_rgb
from .tiff import check_strips

__all__ = ["decode_file", "holds_high_depth", "open_image"]

# How often a reader may ask for bytes: comments of GIF are read in two steps for each 255 bytes. Files of smaller parts
# take a microsecond and up to 150 bytes for each of them.
MOST_READS, BYTES_PER_READ = 100_000, 100
# Files of fewer bytes cannot have enough of them to matter, and are read without counting.
SMALL_FILE = 1 << 20
# Tags of TIFF.
SUBFILE_TYPE, SUB_IFDS, DNG_VERSION = 254, 330, 50706


def decode_file(
    data: bytes, *, name: str, max_pixels: int | None, value_range: ValueRange
) -> tuple[np.ndarray, int | None, bool]:
    """Return the pixels, the largest value on the scale of 16 bits, and whether there are more than 8 bits.

    Parameters
    ----------
    data : bytes
    name : str
        Its suffix tells a format that the content does not.
    max_pixels : int or None
    value_range : (low, high), "minmax" or None

    Raises
    ------
    Refused
        With the reason; decoders raise whatever the damaged bytes lead them to.
    """
    with _open(data, name) as image:
        check_size(image, max_pixels)
        check_scans(image, data)
        if image.format == "AVIF":
            # The size in the header is only what the frames are scaled to.
            for width, height in frame_sizes(data):
                check_area(width, height, max_pixels)
        deep = is_high_depth(image)
        picture, full = with_stored_values(image)
        if deep or full is not None:
            return *pil_to_rgb(picture, max_pixels, value_range if deep else None, full=full), deep
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
    """Return an image of a file in a format that is read, whose pixels have not been decoded.

    Does as `Image.open`, which would warn of a large one: that is refused here, by the size that it is found to have.

    Raises
    ------
    PIL.UnidentifiedImageError
    """
    start = file.read(16)
    for format in FORMATS:
        if format not in Image.OPEN:
            Image.init()
        if format in Image.OPEN and (opened := _opened(file, start, *Image.OPEN[format])) is not None:
            return opened
    raise UnidentifiedImageError


def _opened(file: IO[bytes], start: bytes, factory: Any, accept: Any) -> Image.Image | None:
    """Return the image by one of Pillow's readers, or None if the file is none of its kind."""
    with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
        found = accept is None or accept(start)
        # A text says why a file of this kind cannot be read.
        if found and not isinstance(found, str):
            file.seek(0)
            return factory(file, "")
    return None


def _open(data: bytes, name: str = "") -> Image.Image:
    if not data:
        raise Refused("the file is empty")
    if is_raw_tiff(data, name):
        raise _unsupported("camera RAW", UNSUPPORTED[".dng"][1])
    if supported_format(data) == "TIFF":
        check_strips(data)
    try:
        image = open_image(io.BytesIO(data) if len(data) < SMALL_FILE else _LimitedReads(data))
    except Refused:
        raise
    except UnidentifiedImageError:
        raise _unidentified(data, name) from None
    except Image.DecompressionBombError as error:
        raise Refused(str(error)) from None
    except Exception as error:  # what is damaged leads to whatever it does
        kind = supported_format(data) or "file"
        raise Refused(f"a damaged or truncated {kind} ({error_text(error)})") from None
    if image.format == "TIFF" and _is_raw(image):
        raise _unsupported("camera RAW", UNSUPPORTED[".dng"][1])
    return image


class _LimitedReads(io.BytesIO):
    """A file in memory that refuses itself to be read in too many parts."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = MOST_READS + len(data) // BYTES_PER_READ

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise Refused("a file in far more parts than an image has")
        return io.BytesIO.read(self, size)


def _unidentified(data: bytes, name: str) -> Refused:
    if known := supported_format(data):
        if known == "AVIF" and not features.check("avif"):
            return Refused("AVIF, which this Pillow was built without", "pip install --force-reinstall pillow")
        return Refused(f"a damaged or truncated {known}, or one of a kind that Pillow does not read")
    if found := unsupported_format(data, name):
        return _unsupported(*found)
    return Refused("not an image in a known format")


def _unsupported(known: str, step: str) -> Refused:
    return Refused(f"{known}, a format that is not read", step)


def _is_raw(image: Any) -> bool:
    """Tell a camera's raw file, whose first picture is a preview, by its tags."""
    tags = image.tag_v2
    return DNG_VERSION in tags or (tags.get(SUBFILE_TYPE) == 1 and SUB_IFDS in tags)
