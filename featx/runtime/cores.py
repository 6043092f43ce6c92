"""How to read and compute goes in as a user gave it; checked numbers come out."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..constraints import BATCH, JOBS, shown
from ..exceptions import ParameterError

__all__ = ["check_options", "core_count", "thread_count"]


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


def check_options(batch_size: Any, n_jobs: Any, on_error: Any) -> None:
    """Raise a ParameterError where one of them holds a value that the extraction does not accept."""
    if not isinstance(on_error, str) or on_error not in ("raise", "nan"):
        raise ParameterError(f"got on_error={shown(on_error)}; expected 'raise' or 'nan'")
    JOBS.check("n_jobs", n_jobs)
    BATCH.check("batch_size", batch_size)
