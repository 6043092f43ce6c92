"""An opened JPEG and its bytes go in; RGB pixels come out, by torchvision's decoder where it gives what Pillow's would.

Both decoders are libjpeg-turbo with the same settings, but Pillow copies an image twice on its way to an array, one
thread at a time.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from .pixels import Refused

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["check_scans", "check_scans_of_opened", "decode_jpeg"]

# The tag of EXIF that says how the image is to be turned.
ORIENTATION = 0x0112
# torchvision's number of that mode.
TORCHVISION_RGB = 3
# Each scan of a progressive JPEG is a pass over the whole image, be it ten bytes long: half a nanosecond a pixel.
# Encoders write some ten of them; libtiff refuses more than 100 (LIBTIFF_JPEG_MAX_ALLOWED_SCAN_NUMBER), libjpeg-turbo's
# djpeg has -maxscans for it. Beyond that number there may be as many as cost less than a second.
MOST_SCANS = 100
MOST_PASSES = 1_000_000_000
# What follows the data of a scan; inside it 0xff stands before 0 or the number of a restart.
MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
START_OF_SCAN, END_OF_IMAGE, FIRST_WITH_LENGTH = 0xDA, 0xD9, 0xC0


def check_scans(image: Image.Image, data: bytes) -> None:
    """Refuse a JPEG of so many scans that decoding it would take far longer than its pixels do.

    Parameters
    ----------
    image : PIL.Image.Image
        Opened; of any format.
    data : bytes
        Of the same file.

    Raises
    ------
    Refused
    """
    if image.format not in ("JPEG", "MPO"):
        return
    # Ten times as quick as counting bytes in bytes, where every 200th of them is 0xff
    values = np.frombuffer(data, np.uint8)
    if np.count_nonzero((values[:-1] == 0xFF) & (values[1:] == START_OF_SCAN)) <= MOST_SCANS:
        return
    pixels = image.width * image.height
    if (n := _count_scans(data)) > MOST_SCANS and n * pixels > MOST_PASSES:
        raise Refused(
            f"a JPEG of {n:,} scans, each of them a pass over {pixels:,} pixels; encoders write some ten",
            "If you trust it, save it anew: `djpeg a.jpg | cjpeg > b.jpg`.",
        )


def check_scans_of_opened(image: Image.Image) -> None:
    """Do so for an image that somebody opened and that has not been decoded yet."""
    file = getattr(image, "fp", None)
    if image.format not in ("JPEG", "MPO") or file is None or not getattr(image, "tile", None):
        return
    place = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(place)
    check_scans(image, data)


def _count_scans(data: bytes) -> int:
    """Return how many scans libjpeg would decode; bytes in metadata and behind the image may look like scans."""
    n, place = 0, 2
    while (found := MARKER.search(data, place)) is not None:
        kind, place = found[1][0], found.end()
        if kind == END_OF_IMAGE:
            break
        n += kind == START_OF_SCAN
        # Those below are no markers, and libjpeg passes over them.
        if kind >= FIRST_WITH_LENGTH:
            place += int.from_bytes(data[place : place + 2], "big")
    return n


def decode_jpeg(image: Image.Image, data: bytes) -> np.ndarray | None:
    """Return uint8 (h, w, 3), or None where it is left to Pillow.

    Parameters
    ----------
    image : PIL.Image.Image
        Opened, so that its size is known and can be refused before; not loaded.
    data : bytes
        Of the same file.
    """
    # Whoever reads an image or two without a network need not wait for torch.
    if "torchvision.io" not in sys.modules or image.format != "JPEG" or image.mode not in ("RGB", "L"):
        return None
    if image.getexif().get(ORIENTATION, 1) != 1:
        return None
    torch: Any = sys.modules["torch"]
    try:
        # The operation takes bytes that could be written to, though it never does. Its wrapper is to go one day.
        pixels = torch.ops.image.decode_jpeg(
            torch.frombuffer(bytearray(data), dtype=torch.uint8), TORCHVISION_RGB, False
        )
    except (RuntimeError, AttributeError):
        # Pillow says what is wrong, or decodes what this decoder does not know or no longer offers.
        return None
    return np.asarray(pixels.permute(1, 2, 0))
