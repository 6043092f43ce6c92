"""Calls that may never return go in; what they return comes out in order, or word that one was given up.

A stalled network file system, a server that never answers or a decoder that loops must hold up neither a run nor its
end. The threads of `concurrent.futures` are joined when the interpreter exits, so these are daemons.
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

__all__ = ["patient_map"]

# What one image may take to be read and decoded.
DECODE_SECONDS = 60.0
# What threads get at the end of a run to finish what they are at: one that is still inside torch when the
# interpreter goes away takes the process down with it.
GRACE = 0.5


def patient_map(
    function: Callable[[Any], Any], items: Iterable[Any], *, threads: int, ahead: int = 1000
) -> Generator[Any, None, None]:
    """Call a function in threads and yield what it returns in the order of the items.

    Parameters
    ----------
    function : callable
        Of one item. What it raises is raised when its turn comes.
    items : iterable
    threads : int
    ahead : int, default=1000
        How many calls may be under way or done before their turn.

    Yields
    ------
    object
        What the call returned, or a TimeoutError if it took longer than `DECODE_SECONDS`. Time counts from the call's
        own beginning, and only while this waits: neither a slow network nor a suspended process is an image's fault.
    """
    crew = _Crew(function, threads)
    calls: deque[_Call] = deque()
    left = iter(items)
    try:
        while True:
            calls.extend(map(crew.call, itertools.islice(left, ahead - len(calls))))
            if not calls:
                return
            yield crew.wait(calls.popleft())
    finally:
        crew.dismiss()


@dataclass(eq=False, slots=True)
class _Call:
    item: Any
    done: threading.Event = field(default_factory=threading.Event)
    outcome: Any = None
    error: BaseException | None = None
    thread: threading.Thread | None = None
    began: float = 0.0
    given_up: bool = False


class _Crew:
    """Threads that take calls in their order; one that is stuck is replaced."""

    def __init__(self, function: Callable[[Any], Any], size: int) -> None:
        self.function, self.size = function, size
        self.threads: list[threading.Thread] = []
        self.todo: SimpleQueue[_Call | None] = SimpleQueue()
        self.waited = 0.0

    def call(self, item: Any) -> _Call:
        call = _Call(item)
        self.todo.put(call)
        if len(self.threads) < self.size:
            self._enlist()
        return call

    def wait(self, call: _Call) -> Any:
        # Every call before this one is done or given up, so that this one has begun or is about to.
        tick = DECODE_SECONDS / 60
        while not call.done.wait(tick):
            self.waited += tick
            if call.thread is not None and self.waited - call.began >= DECODE_SECONDS:
                call.given_up = True
                self.threads.remove(call.thread)
                self._enlist()
                return TimeoutError(f"not read within {DECODE_SECONDS:g} s")
        if call.error is not None:
            raise call.error
        return call.outcome

    def dismiss(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self.todo.get_nowait()
        self.todo.put(None)
        deadline = time.monotonic() + GRACE
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _enlist(self) -> None:
        thread = threading.Thread(target=self._work, name="featx-reader", daemon=True)
        self.threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while (call := self.todo.get()) is not None:
            call.began, call.thread = self.waited, threading.current_thread()
            try:
                call.outcome = self.function(call.item)
            except BaseException as error:
                call.error = error
            call.done.set()
            if call.given_up:
                return
            # An idle thread keeps no image alive.
            del call
        self.todo.put(None)
