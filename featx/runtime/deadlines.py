"""Timeouts: how many seconds one image may take to be fetched and decoded, and going on without calls that hang.

A stalled network file system, a server that never answers or a decoder that loops must not hold up the program or its
exit. The threads of `concurrent.futures` are joined when the interpreter exits, so these are daemons. A thread cannot
be ended, but what it waits for often can (`cancelled_by`), and images that follow a decoder that hangs are decoded in
processes that can be killed (`images.decoder_process`); of the threads that stay stuck, a limited number is left
behind.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

from ..exceptions import FeatxError
from ..process import after_fork

__all__ = ["CallTimeoutError", "DeadlinePool", "cancelled_by", "map_with_deadline", "restart_deadline"]

# How long fetching and decoding one image may take.
IMAGE_SECONDS = 60.0
# How many abandoned calls of this process may be stuck at a time, in addition to one for each thread. A stuck read
# holds a thread and some kilobytes; this many of them are not the fault of single images.
MOST_STUCK_CALLS = 32
# How long threads get at the end to finish their calls: one that is still inside torch when the interpreter exits
# crashes the process.
GRACE_SECONDS = 0.5

_thread_local = threading.local()
_stuck: list[_Call] = []


def map_with_deadline(
    function: Callable[[Any], Any], items: Iterable[Any], *, threads: int, ahead: int = 1000
) -> Generator[Any, None, None]:
    """Call a function in threads and yield what it returns in the order of the items.

    Parameters
    ----------
    function : callable
        Called with one item. An exception that it raises is raised when its turn comes.
    items : iterable
    threads : int
    ahead : int, default=1000
        How many calls may be running or finished before their turn.

    Yields
    ------
    object
        What the call returned, or a TimeoutError if it took longer than `IMAGE_SECONDS`. Time counts from the start of
        the call, and only while this generator waits: a slow network or a suspended process is not the image's fault.

    Raises
    ------
    FeatxError
        If more than `MOST_STUCK_CALLS` abandoned calls, in addition to one for each thread, have still not returned.
    """
    pool = DeadlinePool(function, threads)
    calls: deque[_Call] = deque()
    left = iter(items)
    try:
        while True:
            calls.extend(map(pool.call, itertools.islice(left, ahead - len(calls))))
            if not calls:
                return
            result = pool.wait(calls[0])
            calls.popleft()
            yield result
    finally:
        pool.shut_down(calls)


class CallTimeoutError(Exception):
    """Raised inside a call that was abandoned because it took too long."""


@contextlib.contextmanager
def cancelled_by(cancel: Callable[[], Any]) -> Iterator[None]:
    """While in this block, let this thread's call be cancelled by a function, which another thread calls on timeout.

    Raises
    ------
    CallTimeoutError
        If the call was abandoned, in place of what the block raises or returns.
    """
    call: _Call | None = getattr(_thread_local, "call", None)
    if call is None:
        yield
        return
    call.on_abandon(cancel)
    try:
        yield
    finally:
        if call.on_abandon(None):
            raise CallTimeoutError


def restart_deadline() -> None:
    """Restart the time of this thread's call, after work that had nothing to do with its item."""
    if (call := getattr(_thread_local, "call", None)) is not None:
        call.began = _thread_local.pool.waited


@dataclass(eq=False, slots=True)
class _Call:
    item: Any
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    error: BaseException | None = None
    thread: threading.Thread | None = None
    began: float = 0.0
    abandoned: bool = False
    cancel: Callable[[], Any] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def on_abandon(self, cancel: Callable[[], Any] | None) -> bool:
        """Set what cancels it, and return whether it has been abandoned already."""
        with self.lock:
            self.cancel = cancel
            if self.abandoned and cancel is not None:
                cancel()
            return self.abandoned

    def abandon(self) -> bool:
        """Abandon it unless it is done; return whether it was abandoned."""
        with self.lock:
            if self.done.is_set():
                return False
            self.abandoned = True
            if self.cancel is not None:
                self.cancel()
        return True

    def begin(self, thread: threading.Thread, waited: float) -> bool:
        """Note who makes it; return False, and mark it as done, if it has been abandoned before."""
        with self.lock:
            if self.abandoned:
                self.done.set()
                return False
            self.began, self.thread = waited, thread
            return True

    def finish(self) -> bool:
        """Mark it as done, and return whether it had been abandoned."""
        with self.lock:
            self.done.set()
            return self.abandoned


class DeadlinePool:
    """Threads that take calls in order; a stuck one is replaced.

    Parameters
    ----------
    function : callable
    size : int
        The number of threads.
    """

    def __init__(self, function: Callable[[Any], Any], size: int) -> None:
        self.function, self.size = function, size
        self.threads: list[threading.Thread] = []
        self.todo: SimpleQueue[_Call | None] = SimpleQueue()
        self.waited = 0.0

    def call(self, item: Any) -> _Call:
        """Have the function called with an item as soon as a thread is free."""
        call = _Call(item)
        self.todo.put(call)
        if len(self.threads) < self.size:
            self._start_thread()
        return call

    def wait(self, call: _Call) -> Any:
        """Return what a call returned or a TimeoutError, or raise what it raised; ask in the order of the calls."""
        # Every call before this one is done or abandoned, so this one has started or is about to.
        tick = IMAGE_SECONDS / 60
        while not call.done.wait(tick):
            self.waited += tick
            if call.thread is not None and self.waited - call.began >= IMAGE_SECONDS and call.abandon():
                self.threads.remove(call.thread)
                _note_stuck(call, self.size)
                self._start_thread()
                return TimeoutError(f"not read within {IMAGE_SECONDS:g} s")
        if call.error is not None:
            raise call.error
        return call.result

    def give_up(self, call: _Call) -> None:
        """Wait no more for a call: one that has not begun is left out, and one that runs frees its place."""
        if call.abandon() and call.thread is not None:
            self.threads.remove(call.thread)
            _stuck.append(call)
            self._start_thread()

    def shut_down(self, calls: Iterable[_Call]) -> None:
        """Stop the threads, and cancel the calls that nobody waits for any more, where they can be cancelled."""
        with contextlib.suppress(Empty):
            while True:
                self.todo.get_nowait()
        self.todo.put(None)
        deadline = time.monotonic() + GRACE_SECONDS
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for call in calls:
            if call.thread is not None and call.abandon():
                _stuck.append(call)

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._run_calls, name="featx-reader", daemon=True)
        self.threads.append(thread)
        thread.start()

    def _run_calls(self) -> None:
        while (call := self.todo.get()) is not None:
            if not call.begin(threading.current_thread(), self.waited):
                del call
                continue
            _thread_local.call, _thread_local.pool = call, self
            try:
                call.result = self.function(call.item)
            except BaseException as error:
                call.error = error
            _thread_local.call = None
            if call.finish():
                # Nobody waits for what it returned.
                call.result = call.error = None
                return
            # An idle thread must not keep an image in memory.
            del call
        self.todo.put(None)


def _note_stuck(call: _Call, size: int) -> None:
    """Note an abandoned call; raise if too many of them have not returned since."""
    _stuck[:] = [other for other in _stuck if not other.done.is_set()] + [call]
    if len(_stuck) > MOST_STUCK_CALLS + size:
        name = getattr(call.item, "name", call.item)
        raise FeatxError(
            f"{len(_stuck)} images were not read within {IMAGE_SECONDS:g} s each, and reading them still has not "
            f"ended; the last of them is {name}",
            "Check the disk, the network or the server that holds them, and call again.",
        )


after_fork(_stuck.clear)
