"""Batches go in; what a network makes of them comes out in their order, several of them under way at once.

Each batch has threads of its own for its arithmetic. Two batches on one core each are quicker than one batch after the
other on both: no core waits at the end of each layer for another, or for one that is decoding images meanwhile.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from .timing import timed

__all__ = ["auto_batch_size", "in_lanes", "lane_count"]

Batch = TypeVar("Batch")
Rows = TypeVar("Rows")
# Between the kernels of a layer and the next, one lane at a time runs Python.
MOST_LANES = 8


def lane_count(device: str) -> int:
    """Return how many batches a device may be given at once: on a CPU, as many as torch has threads, 8 at most."""
    import torch

    return min(torch.get_num_threads(), MOST_LANES) if device == "cpu" else 1


def auto_batch_size(device: str, lanes: int) -> int:
    """Return how many images are best in the network at once.

    The GNU C library hands what a thread frees back to the system where it is beyond 64 MiB, so that a lane's batches
    are small.
    """
    if device != "cpu":
        return 128
    return 32 if lanes == 1 else 6 * lanes


def in_lanes(
    function: Callable[[Batch], Rows], batches: Iterable[Batch], *, lanes: int, clock: Counter[str] | None = None
) -> Generator[tuple[Batch, Rows], None, None]:
    """Yield each batch with what the function returns for it, in order.

    Parameters
    ----------
    function : callable
        Of one batch; of several at once, in threads that share out those of torch, where `lanes` is more than 1.
    batches : iterable
        At most one more than there are lanes is taken before its turn.
    lanes : int
    clock : Counter, default=None
        To whose `forward` the time is added that is spent waiting for the function.
    """
    clock = Counter() if clock is None else clock
    if lanes == 1:
        for batch in batches:
            with timed(clock, "forward"):
                rows = function(batch)
            yield batch, rows
        return
    ahead: deque[tuple[Batch, Future[Rows]]] = deque()

    def first() -> tuple[Batch, Rows]:
        batch, future = ahead.popleft()
        with timed(clock, "forward"):
            return batch, future.result()

    with _lane_threads(lanes) as threads:
        for batch in batches:
            ahead.append((batch, threads.submit(function, batch)))
            if len(ahead) > lanes:
                yield first()
        while ahead:
            yield first()


@contextlib.contextmanager
def _lane_threads(lanes: int) -> Iterator[ThreadPoolExecutor]:
    """Hold threads that share out those which torch computes with."""
    import torch

    before = torch.get_num_threads()
    ready = threading.Barrier(lanes + 1)

    def begin(share: int) -> None:
        # The first question of a thread sets its number to that of the process, whatever it was told before.
        torch.get_num_threads()
        torch.set_num_threads(max(1, share))
        ready.wait()

    threads = ThreadPoolExecutor(lanes, thread_name_prefix="featx-lane")
    try:
        try:
            for number in range(lanes):
                threads.submit(begin, (before + number) // lanes)
            ready.wait()
        finally:
            # The number holds for the thread that sets it, and for those that begin to compute afterwards.
            torch.set_num_threads(before)
        yield threads
    finally:
        # Whoever is interrupted before all are ready leaves nobody waiting.
        ready.abort()
        threads.shutdown(cancel_futures=True)
