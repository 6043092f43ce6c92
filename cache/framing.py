"""A file and the places of its rows go in, a checksum of all other bytes comes out: padding and HDF5's metadata."""

from __future__ import annotations

import hashlib
import io
import os
from typing import Any

__all__ = ["checksum_outside"]

# Far more than a segment holds besides its rows; a header that lies must not have readers digest terabytes.
MOST_BYTES = 1 << 20


def checksum_outside(file: Any, parts: list[tuple[int, int]]) -> str:
    """Return the SHA-256, in hexadecimal, of the bytes outside some parts of a file.

    Parameters
    ----------
    file : binary file
        Open for reading; its position is moved.
    parts : list of (start, length)

    Raises
    ------
    ValueError
        If there is more than a megabyte outside them.
    """
    size = os.fstat(file.fileno()).st_size
    checksum = hashlib.sha256()
    place = total = 0
    for start, length in [*sorted(parts), (size, 0)]:
        left = start - place
        total += max(left, 0)
        if total > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes beside the rows")
        file.seek(place)
        while left > 0 and (data := file.read(min(left, io.DEFAULT_BUFFER_SIZE))):
            checksum.update(data)
            left -= len(data)
        place = max(place, start + length)
    return checksum.hexdigest()
