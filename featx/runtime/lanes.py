"""Thread lanes: how many batches run at once on a CPU, each in a thread with its share of the cores.

Each lane is a thread that passes one batch at a time through the network, with torch threads of its own. Two batches on
one core each are faster than one batch after the other on both: no core waits at the end of each layer for another one,
or for one that is decoding images.
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
# Between the kernels of one layer and those of the next, only one lane at a time runs Python.
MOST_LANES = 8


def lane_count(device: str) -> int:
    """Return how many batches run at once on a device: on a CPU one for each of torch's threads, 8 at most."""
    import torch

    return min(torch.get_num_threads(), MOST_LANES) if device == "cpu" else 1


def auto_batch_size(device: str, lanes: int) -> int:
    """Return the number of images in the network at once that is fastest.

    The batches of lanes are small, because the GNU C library returns freed memory of a thread to the system beyond
    64 MiB.
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
        Called with one batch; with several at once, in threads that divide torch's threads among them, where `lanes` is
        more than 1.
    batches : iterable
        At most `lanes` + 1 batches are taken ahead of the one that is yielded.
    lanes : int
    clock : Counter, default=None
        The time spent waiting for the function is added to its `forward`.
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
    """Start one thread for each lane, and divide torch's threads among them."""
    import torch

    before = torch.get_num_threads()
    ready = threading.Barrier(lanes + 1)

    def begin(share: int) -> None:
        # The first call in a thread sets its number to that of the process, whatever was set before.
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
            # The number applies to the thread that sets it, and to threads that begin to compute afterwards.
            torch.set_num_threads(before)
        yield threads
    finally:
        # If this is interrupted before all are ready, none is left waiting.
        ready.abort()
        threads.shutdown(cancel_futures=True)
