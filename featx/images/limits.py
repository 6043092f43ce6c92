"""Refuse decompression bombs: limits on the size of an image, checked before it is decoded.

A small file can claim so many pixels, scans (JPEG), strips (TIFF) or parts that reading it would take hours or all the
memory. The frames of an AVIF are measured in `avif`.
"""

from __future__ import annotations

import io
import re
import struct

import numpy as np
from PIL import Image

__all__ = [
    "Refused",
    "check_area",
    "check_file_size",
    "check_scans",
    "check_scans_of_opened",
    "check_size",
    "check_strips",
    "limited_reads",
    "too_large",
]

# Each scan of a progressive JPEG is a pass over the whole image, even if it is ten bytes long: half a nanosecond a
# pixel. Encoders write about ten; libtiff refuses more than 100 (LIBTIFF_JPEG_MAX_ALLOWED_SCAN_NUMBER), and
# libjpeg-turbo's djpeg has -maxscans. Beyond that number, as many are allowed as cost less than a second.
MOST_SCANS = 100
MOST_PASSES = 1_000_000_000
# What follows the data of a scan; in that data, 0xff is followed by 0 or the number of a restart.
MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
START_OF_SCAN, END_OF_IMAGE, FIRST_WITH_LENGTH = 0xDA, 0xD9, 0xC0
# The tags of TIFF that hold the offsets of strips and of tiles.
OFFSET_TAGS = (273, 324)
# More than one strip for each row of the tallest images that there are.
MOST_STRIPS = 200_000
# How often a decoder may ask for bytes: comments of a GIF are read in two steps for each 255 bytes. Files of smaller
# parts take a microsecond and up to 150 bytes for each of them.
MOST_READS, BYTES_PER_READ = 100_000, 100
# Files of fewer bytes cannot have enough parts to matter, and their reads are not counted.
SMALL_FILE = 1 << 20


class Refused(Exception):
    """A reason, and perhaps a next step, that become an ImageDecodeError with the image's name."""


def check_size(image: Image.Image, max_pixels: int | None) -> None:
    """Refuse an opened image of more pixels than the limit, which is Pillow's own for None."""
    check_area(*image.size, max_pixels)


def check_area(width: int, height: int, max_pixels: int | None) -> None:
    """Refuse a width and height of more pixels than the limit, which is Pillow's own for None."""
    limit = max_pixels if max_pixels is not None else Image.MAX_IMAGE_PIXELS
    if limit is not None and width * height > limit:
        setting = "PIL.Image.MAX_IMAGE_PIXELS" if max_pixels is None else "max_pixels"
        raise Refused(
            f"{width} x {height} pixels exceed the limit of {limit:,}",
            f"Shrink the image (`magick a.jpg -resize 50% b.jpg`), or raise {setting} in Python if you trust it.",
        )


def check_file_size(n_bytes: int, most: int) -> None:
    """Refuse a file of more bytes than one image has."""
    if n_bytes > most:
        raise too_large(most)


def too_large(most: int) -> Refused:
    """Return the refusal of a file of more bytes than `most`."""
    return Refused(f"more than {most:,} bytes are not a single image", "Save one image a file, or compress it.")


def check_scans(image: Image.Image, data: bytes) -> None:
    """Refuse a JPEG of so many scans that decoding it would take far longer than its size suggests.

    Parameters
    ----------
    image : PIL.Image.Image
        Opened; of any format.
    data : bytes
        Content of the same file.

    Raises
    ------
    Refused
    """
    if image.format not in ("JPEG", "MPO"):
        return
    # Ten times as fast as counting in bytes, where every 200th byte is 0xff
    values = np.frombuffer(data, np.uint8)
    if np.count_nonzero((values[:-1] == 0xFF) & (values[1:] == START_OF_SCAN)) <= MOST_SCANS:
        return
    pixels = image.width * image.height
    if (n := _count_scans(data)) > MOST_SCANS and n * pixels > MOST_PASSES:
        raise Refused(
            f"a JPEG of {n:,} scans, each of them a pass over {pixels:,} pixels; encoders write about ten",
            "If you trust it, save it again: `djpeg a.jpg | cjpeg > b.jpg`.",
        )


def check_scans_of_opened(image: Image.Image) -> None:
    """Refuse a JPEG like `check_scans`, of a PIL image that was opened elsewhere and has not been decoded yet."""
    file = getattr(image, "fp", None)
    if image.format not in ("JPEG", "MPO") or file is None or not getattr(image, "tile", None):
        return
    position = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(position)
    check_scans(image, data)


def _count_scans(data: bytes) -> int:
    """Return how many scans libjpeg would decode; bytes in metadata and after the image may look like scans."""
    n, position = 0, 2
    while (found := MARKER.search(data, position)) is not None:
        kind, position = found[1][0], found.end()
        if kind == END_OF_IMAGE:
            break
        n += kind == START_OF_SCAN
        # Lower values are not markers, and libjpeg skips them.
        if kind >= FIRST_WITH_LENGTH:
            position += int.from_bytes(data[position : position + 2], "big")
    return n


def check_strips(data: bytes) -> None:
    """Refuse a TIFF or BigTIFF whose first picture is in more strips or tiles than any encoder writes.

    Pillow lists them when it opens a file: about 400 bytes for each, whatever the number of pixels.

    Raises
    ------
    Refused
    """
    order = "<" if data[:2] == b"II" else ">"
    big = data[2:4] in (b"+\0", b"\0+")
    try:
        directory = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)[0]
        (n_entries,) = struct.unpack_from(order + ("Q" if big else "H"), data, directory)
        entry = struct.Struct(order + ("HHQQ" if big else "HHII"))
        # As many as Pillow reads, whatever number the file claims
        for start in range(directory + (8 if big else 2), len(data), entry.size)[: min(n_entries, 1 << 16)]:
            tag, _, count, _ = entry.unpack_from(data, start)
            if tag in OFFSET_TAGS and count > MOST_STRIPS:
                raise Refused(f"a TIFF in {count:,} parts", "Save it again: `tiffcp -r 64 a.tif b.tif`.")
    except struct.error:  # opening it will say what is wrong with it
        return


def limited_reads(data: bytes) -> io.BytesIO:
    """Return a file in memory with this content, which raises Refused once it is read in too many parts."""
    return io.BytesIO(data) if len(data) < SMALL_FILE else _LimitedReads(data)


class _LimitedReads(io.BytesIO):
    """A file in memory that raises Refused at one read too many."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.left = MOST_READS + len(data) // BYTES_PER_READ

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise Refused("a file in far more parts than an image has")
        return io.BytesIO.read(self, size)
