"""Decode the bytes of an image file in a format that is read (JPEG, PNG ...) into RGB pixels, or say why not.

JPEG is decoded by torchvision where that gives the same pixels as Pillow: both are libjpeg-turbo with the same
settings, but Pillow copies an image twice on its way to an array, one thread at a time.
"""

from __future__ import annotations

import contextlib
import re
import struct
import sys
from typing import IO, Any

import numpy as np
from PIL import Image, UnidentifiedImageError, features

from .avif import frame_sizes
from .bit_depth import is_high_depth, with_stored_values
from .formats import PILLOW_FORMATS, UNSUPPORTED, is_raw_tiff, supported_format, unsupported_format
from .limits import Refused, check_area, check_scans, check_size, check_strips, limited_reads
from .pixels import ValueRange, pil_to_rgb

__all__ = ["decode_file", "decode_jpeg", "error_text", "holds_high_depth", "open_image"]

# The tag of EXIF that says how the image is to be turned.
ORIENTATION = 0x0112
# torchvision's number of that mode.
TORCHVISION_RGB = 3
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
        Its suffix names a format that the content does not reveal.
    max_pixels : int or None
    value_range : (low, high), "minmax" or None

    Raises
    ------
    Refused
        With the reason. Decoders may raise any other error on damaged bytes.
    """
    with _open(data, name) as image:
        check_size(image, max_pixels)
        check_scans(image, data)
        if image.format == "AVIF":
            # The size in the header is only the one to which the frames are scaled.
            for width, height in frame_sizes(data):
                check_area(width, height, max_pixels)
        high_depth = is_high_depth(image)
        picture, white = with_stored_values(image)
        if high_depth or white is not None:
            pixels, peak = pil_to_rgb(picture, max_pixels, value_range if high_depth else None, white=white)
            return pixels, peak, high_depth
        decoded = decode_jpeg(image, data)
        return pil_to_rgb(image, max_pixels)[0] if decoded is None else decoded, None, False


def decode_jpeg(image: Image.Image, data: bytes) -> np.ndarray | None:
    """Decode a JPEG by torchvision: uint8 (h, w, 3), or None where Pillow must do it.

    Parameters
    ----------
    image : PIL.Image.Image
        Opened, so that its size is known and has been checked; not loaded.
    data : bytes
        Of the same file.
    """
    # Reading an image or two without a network need not wait for the import of torch.
    if "torchvision.io" not in sys.modules or image.format != "JPEG" or image.mode not in ("RGB", "L"):
        return None
    if image.getexif().get(ORIENTATION, 1) != 1:
        return None
    torch: Any = sys.modules["torch"]
    try:
        # The operator wants a writable buffer, though it never writes. torchvision will remove its wrapper one day.
        pixels = torch.ops.image.decode_jpeg(
            torch.frombuffer(bytearray(data), dtype=torch.uint8), TORCHVISION_RGB, False
        )
    except (RuntimeError, AttributeError):
        # Pillow names the fault, or decodes what this decoder does not know or no longer offers.
        return None
    return np.asarray(pixels.permute(1, 2, 0))


def error_text(error: Exception) -> str:
    """Return the message of a decoder's error, without what it quotes of the file."""
    first = error.args[0] if error.args else ""
    text = first.partition(b":")[0].decode("ascii", "replace") if isinstance(first, bytes) else str(error)
    text = re.sub(r":?\s*\bb(?:'.*'|\".*\")", "", text, flags=re.DOTALL)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def holds_high_depth(data: bytes) -> bool:
    """Return whether a file has more than 8 bits a channel."""
    try:
        with _open(data) as image:
            return is_high_depth(image)
    except Exception:  # decoding it will say what is wrong with it
        return False


def open_image(file: IO[bytes]) -> Image.Image:
    """Open an image file in a supported format without decoding its pixels.

    Like `Image.open`, which would also warn of large images: here the caller checks the size.

    Raises
    ------
    PIL.UnidentifiedImageError
    """
    start = file.read(16)
    for format in PILLOW_FORMATS:
        if format not in Image.OPEN:
            Image.init()
        if format in Image.OPEN and (opened := _opened(file, start, *Image.OPEN[format])) is not None:
            return opened
    raise UnidentifiedImageError


def _opened(file: IO[bytes], start: bytes, factory: Any, accept: Any) -> Image.Image | None:
    """Return the image as one of Pillow's plugins opens it, or None if the file is not in its format."""
    with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):
        found = accept is None or accept(start)
        # A string is the reason why this format cannot be read here.
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
        image = open_image(limited_reads(data))
    except Refused:
        raise
    except UnidentifiedImageError:
        raise _unidentified(data, name) from None
    except Image.DecompressionBombError as error:
        raise Refused(str(error)) from None
    except Exception as error:  # damaged bytes lead to any error
        kind = supported_format(data) or "file"
        raise Refused(f"a damaged or truncated {kind} ({error_text(error)})") from None
    if image.format == "TIFF" and _is_raw(image):
        raise _unsupported("camera RAW", UNSUPPORTED[".dng"][1])
    return image


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
    """Return whether the tags are those of a camera's raw file, whose first picture is a preview."""
    tags = image.tag_v2
    return DNG_VERSION in tags or (tags.get(SUBFILE_TYPE) == 1 and SUB_IFDS in tags)
