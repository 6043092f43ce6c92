"""Processor cores and memory of this process: threads to use, the most memory so far, freed memory kept for later."""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

from ..constraints import JOBS

__all__ = ["core_count", "keep_freed_memory", "peak_memory", "thread_count"]

# Parameters of mallopt(3), by malloc.h, with values in bytes: arrays up to the first are cut from memory that the
# process keeps; at most the second stays unused at its end.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_ARRAY = 1 << 30
MOST_UNUSED = 1 << 30
# Where one of these is set, the user has chosen how memory is allocated.
ALLOCATOR_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")


@cache
def core_count() -> int:
    """Return how many processors this process may use, by its affinity and the limits of its container."""
    import joblib

    return int(joblib.cpu_count())


def thread_count(n_jobs: int | None) -> int:
    """Return how many threads `n_jobs` means."""
    cores = core_count()
    if n_jobs is None:
        return cores
    JOBS.check("n_jobs", n_jobs)
    return int(n_jobs) if n_jobs > 0 else max(1, cores + 1 + int(n_jobs))


def peak_memory() -> int:
    """Return the largest memory of this process so far, in bytes; 0 if the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) if sys.platform == "darwin" else 1024 * int(most)


@cache
def keep_freed_memory() -> bool:
    """Let this process keep up to 1 GiB of freed memory for later; return whether the C library can.

    The GNU C library maps every large array anew and unmaps it when it is freed. A network's layers are such arrays,
    and having the kernel clear each of their pages again and again takes up to half of the time of a forward pass.

    It is done once, when the first network is built on a CPU, and does not change how much memory is used at most.
    Nothing is done where the environment sets `MALLOC_MMAP_THRESHOLD_`, `MALLOC_TRIM_THRESHOLD_`, `GLIBC_TUNABLES` or
    `LD_PRELOAD`.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in ALLOCATOR_SETTINGS):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_ARRAY) and mallopt(M_TRIM_THRESHOLD, MOST_UNUSED))
