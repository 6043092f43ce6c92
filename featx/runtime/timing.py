"""Measure the wall time of the stages of a call, and wait for what other processes do."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator

__all__ = ["timed", "wait_until"]

POLL_SECONDS = 0.2


@contextlib.contextmanager
def timed(clock: Counter[str], stage: str) -> Iterator[None]:
    """Add the wall time of the block to a stage of the clock."""
    start = time.perf_counter()
    try:
        yield
    finally:
        clock[stage] += time.perf_counter() - start  # type: ignore[assignment]


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until the condition is true, for some seconds at most; return whether it is."""
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return met
