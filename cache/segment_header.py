"""The header of a segment file: its magic bytes, dtypes, JSON and checksum, and that of all bytes around the rows."""

from __future__ import annotations

import hashlib
import io
import json
import os
from typing import Any

import numpy as np

__all__ = [
    "DTYPES",
    "FLOAT32",
    "FORMAT",
    "MAGIC",
    "check_row_type",
    "checksum_outside",
    "data_places",
    "header_bytes",
    "stored_dtype",
]

FORMAT = 1
MAGIC = b"featx segment "
# int16 holds the bits of bfloat16, which numpy lacks. A header without a dtype, of an earlier version, means float32.
FLOAT32 = "<f4"
DTYPES = (FLOAT32, "<f2", "<i2")
# Far more than a segment holds besides its rows; a forged header must not make readers digest terabytes.
MOST_BYTES = 1 << 20


def stored_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype in which rows are kept: float16 and int16 as they are, all others as float32."""
    little = dtype.newbyteorder("<")
    return little if little.str in DTYPES else np.dtype(FLOAT32)


def check_row_type(embeddings: np.ndarray, width: int, dtype: np.dtype) -> None:
    """Raise ValueError if rows do not have the width and dtype of a spec's other rows, or no columns."""
    if embeddings.shape[1] != width or embeddings.dtype != dtype or not width:
        expected = f"{width or 'some'} columns of {dtype}"
        raise ValueError(f"got embeddings of shape {embeddings.shape} and {embeddings.dtype}; expected {expected}")


def header_bytes(header: dict[str, Any]) -> bytes:
    """Return the header as bytes: magic, checksum, length and JSON."""
    text = json.dumps(header).encode()
    return MAGIC + hashlib.sha256(text).hexdigest().encode() + b" %08d " % len(text) + text


def data_places(header: dict[str, Any], itemsize: int) -> list[tuple[int, int]]:
    """Return the start and length of both data sets in the file."""
    n_rows, width = header["shape"]
    return [(header["digests"][0], 32 * n_rows), (header["embeddings"][0], n_rows * width * itemsize)]


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
