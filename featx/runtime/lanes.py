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
from dataclasses import dataclass
from typing import TypeVar

from ..choices import Auto
from .timing import timed

__all__ = ["Lanes", "auto_batch_size", "in_lanes", "lane_count", "limited_threads"]

Batch = TypeVar("Batch")
Rows = TypeVar("Rows")
# Between the kernels of one layer and those of the next, only one lane at a time runs Python.
MOST_LANES = 8


@dataclass(frozen=True)
class Lanes:
    """How many images are in a network at once, and in how many batches.

    Attributes
    ----------
    most : int
        The most batches at once, each with a share of the cores.
    batch_size : int
        Images in the network at once, over all lanes.
    """

    most: int
    batch_size: int

    @classmethod
    def on(cls, device: str, batch_size: int | Auto = "auto", *, single: bool = False) -> Lanes:
        """Return the lanes that are fastest on a device, or with `single` one lane."""
        most = 1 if single else lane_count(device)
        return cls(most, auto_batch_size(device, most) if batch_size == "auto" else int(batch_size))

    def split(self, n_images: int, is_thread_safe: Callable[[], bool]) -> tuple[int, int]:
        """Return the number of lanes for so many images, and the batch size of each.

        Parameters
        ----------
        n_images : int
        is_thread_safe : callable
            Returns whether the network takes several batches at once; only called if it matters.
        """
        lanes = min(self.most, self.batch_size)
        # A lane has only a share of the cores: a few images are faster in a single lane that has all of them.
        if n_images < 2 * lanes or (lanes > 1 and not is_thread_safe()):
            lanes = 1
        return lanes, max(1, min(self.batch_size, n_images) // lanes)


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


@contextlib.contextmanager
def limited_threads(most: int) -> Iterator[None]:
    """Have this thread use no more of torch's threads than that: other processes use the other cores."""
    import torch

    before = torch.get_num_threads()
    if before > most:
        torch.set_num_threads(most)
    try:
        yield
    finally:
        if before > most:
            torch.set_num_threads(before)
