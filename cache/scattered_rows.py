"""Read rows of a file to scattered places of memory in one call of the system."""

from __future__ import annotations

import io
import os

import numpy as np

__all__ = ["puts_rows_in_places", "read_scattered_rows"]

# In how many places of memory one call can put what it reads.
MOST_PLACES = min(1024, os.sysconf("SC_IOV_MAX")) if "SC_IOV_MAX" in getattr(os, "sysconf_names", {}) else 0


def puts_rows_in_places(n_rows: int) -> bool:
    """Return whether one call of this system can put so many rows, and what lies between them, in their places."""
    return hasattr(os, "preadv") and 2 * n_rows < MOST_PLACES


def read_scattered_rows(
    file: io.FileIO, start: int, wanted: np.ndarray, out: np.ndarray, where: np.ndarray, spare: np.ndarray
) -> bool:
    """Read increasing rows of a block into their places, and return whether all of them arrived.

    Parameters
    ----------
    file : FileIO
        Open for reading, without a buffer.
    start : int
        Where the block begins in the file, in bytes.
    wanted : ndarray of int, shape (n,)
        Rows, counted from the block's first. Where one is wanted twice nothing is read.
    out : ndarray, shape (rows, d), contiguous
        What is written to.
    where : ndarray of int, shape (n,)
        The row of `out` that each is written to.
    spare : ndarray, contiguous
        Overwritten by what lies between the rows, and at least as long.
    """
    gaps = np.diff(wanted, prepend=-1) - 1
    if gaps.min() < 0:
        return False
    size = out.itemsize * out.shape[1]
    places, unwanted = (array.reshape(-1).view(np.uint8).data for array in (out, spare))
    parts = []
    for gap, place in zip((gaps * size).tolist(), (where * size).tolist(), strict=True):
        if gap:
            parts.append(unwanted[:gap])
        parts.append(places[place : place + size])
    return os.preadv(file.fileno(), parts, start) == (int(wanted[-1]) + 1) * size
