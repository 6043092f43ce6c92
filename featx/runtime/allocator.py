"""A process that returns freed memory at once goes in; one that keeps it for the next batch comes out.

The GNU C library maps every large array anew and unmaps it when it is freed. A network's layers are such arrays, and
having each page of them cleared again and again by the kernel takes up to half of the time of a forward pass.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

__all__ = ["keep_freed_memory"]

# Parameters of mallopt(3), by malloc.h, with values in bytes: arrays up to the first are cut from memory that the
# process keeps, of which at most the second lies unused at its end.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_ARRAY = 1 << 30
MOST_UNUSED = 1 << 30
# Whoever has chosen for themselves is left alone.
CHOSEN = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")


@cache
def keep_freed_memory() -> bool:
    """Let this process keep up to 1 GiB of freed memory for later; return whether the C library can.

    It is done once, when the first network is built on a CPU, and does not change how much memory is used at most. An
    environment that sets `MALLOC_MMAP_THRESHOLD_`, `MALLOC_TRIM_THRESHOLD_`, `GLIBC_TUNABLES` or `LD_PRELOAD` has
    chosen for itself.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in CHOSEN):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_ARRAY) and mallopt(M_TRIM_THRESHOLD, MOST_UNUSED))
