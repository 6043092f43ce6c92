"""How many processor cores this process may use, how many threads n_jobs means, and the most memory so far."""

from __future__ import annotations

import sys
from functools import cache

from ..constraints import JOBS

__all__ = ["core_count", "peak_memory", "thread_count"]


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
