"""Measure the wall time of the stages of a call."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Iterator

__all__ = ["timed"]


@contextlib.contextmanager
def timed(clock: Counter[str], stage: str) -> Iterator[None]:
    """Add the wall time of the block to a stage of the clock."""
    start = time.perf_counter()
    try:
        yield
    finally:
        clock[stage] += time.perf_counter() - start  # type: ignore[assignment]
