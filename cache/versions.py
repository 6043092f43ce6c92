"""The version of a file: size, times, inode and device, by which a changed file is recognised without reading it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import attrgetter
from types import SimpleNamespace
from typing import Any

import numpy as np

__all__ = ["Version", "file_version", "file_versions"]

# Size, modification time, change time, inode and device.
Version = tuple[int, int, int, int, int]
LARGEST = (1 << 63) - 1
STATUS = attrgetter("st_mode", "st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_dev")
ABSENT = SimpleNamespace(st_mode=-1, st_size=0, st_mtime_ns=0, st_ctime_ns=0, st_ino=0, st_dev=0)


def file_versions(paths: Sequence[str]) -> tuple[np.ndarray, dict[int, OSError]]:
    """Return the versions of the files, int64 (n, 5), and the errors of some, with one stat for each."""
    failed: list[OSError] = []

    def statuses() -> Iterator[Any]:
        left = iter(paths)
        while True:
            try:
                yield from map(os.stat, left)
                return
            except OSError as error:
                failed.append(error)
            except ValueError as error:  # a NUL in the name
                failed.append(OSError(str(error)))
            yield ABSENT

    # Loops in C: this runs for every image of every fold of every search.
    try:
        numbers = np.fromiter(chain.from_iterable(map(STATUS, statuses())), np.int64, 6 * len(paths))
    except OverflowError:
        failed.clear()
        rows = [(status.st_mode, *file_version(status)) for status in statuses()]
        numbers = np.array(rows, np.int64)
    numbers = numbers.reshape(-1, 6)
    modes = numbers[:, 0]
    errors: dict[int, OSError] = dict(zip(np.flatnonzero(modes == ABSENT.st_mode).tolist(), failed, strict=True))
    for number in np.flatnonzero((modes != ABSENT.st_mode) & (modes & stat.S_IFMT(0xFFFF) != stat.S_IFREG)).tolist():
        errors[number] = OSError("not a regular file")
    return numbers[:, 1:], errors


def file_version(status: Any) -> Version:
    """Return the version of a file in numbers of 63 bits: size, both times, inode, device."""
    times = min(status.st_mtime_ns, LARGEST), min(status.st_ctime_ns, LARGEST)
    return status.st_size, *times, status.st_ino & LARGEST, status.st_dev & LARGEST
