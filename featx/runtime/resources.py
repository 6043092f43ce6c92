"""How many processor cores this process may use, and how many threads n_jobs means."""

from __future__ import annotations

from functools import cache

from ..constraints import JOBS

__all__ = ["core_count", "thread_count"]


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
