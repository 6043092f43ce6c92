"""Raise an error for joblib tasks whose worker process was killed, in place of waiting for them forever.

joblib goes on when a backend calls back. Dask's backend does so for tasks that end, not for those that it abandons
(KilledWorker); the pools of multiprocessing replace a worker that died and forget its task.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

__all__ = ["reporting_lost_tasks"]

# How often child processes are checked, in seconds.
POLL_SECONDS = 0.5


@contextlib.contextmanager
def reporting_lost_tasks(backend: Any) -> Iterator[None]:
    """Make a joblib backend call back for tasks that are lost.

    Parameters
    ----------
    backend : ParallelBackendBase
        Its workers have not been started yet.
    """
    name = "submit" if hasattr(backend, "submit") else "apply_async"  # of joblib before 1.5
    submit: Callable[..., Any] = getattr(backend, name)
    watch = _ChildWatch()

    def submit_and_watch(func: Any, callback: Callable[..., Any] | None = None) -> Any:
        if callback is None:
            return submit(func, callback)
        expected = watch.expect(callback)
        job = submit(func, expected)
        if isinstance(job, Future):  # a future reports its failure itself
            watch.forget(expected)
            job.add_done_callback(partial(_report_failure, callback))
        else:
            watch.start()
        return job

    setattr(backend, name, submit_and_watch)
    try:
        yield
    finally:
        delattr(backend, name)
        watch.stop()


def _report_failure(callback: Callable[..., Any], future: Future[Any]) -> None:
    """Call back with the failure of a future; joblib ignores a second callback."""
    if not future.cancelled() and (error := future.exception()) is not None:
        callback(error)


class _ChildWatch:
    """Notices when child processes are killed, and calls back for every task that has not been answered."""

    def __init__(self) -> None:
        self._others = set(multiprocessing.active_children())
        self._expected: dict[Callable[..., Any], Callable[..., Any]] = {}
        self._thread: threading.Thread | None = None
        self._end = threading.Event()

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._poll, name="featx-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def expect(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Return a callback that notes the result and passes it on."""

        def answered(*args: Any, **kwargs: Any) -> Any:
            self.forget(answered)
            return callback(*args, **kwargs)

        self._expected[answered] = callback
        return answered

    def forget(self, expected: Callable[..., Any]) -> None:
        self._expected.pop(expected, None)

    def _poll(self) -> None:
        children: set[Any] = set()
        ended = False
        while not ended:
            # Those that were alive a moment ago count too: they may have died since.
            children |= set(multiprocessing.active_children()) - self._others
            ended = self._end.wait(POLL_SECONDS)
            # One that ends by itself has an exit code of zero, or an error that reaches its pool.
            for child in children:
                if (child.exitcode or 0) < 0:
                    error = ChildProcessError(f"process {child.pid} was ended by signal {-child.exitcode}")
                    for callback in list(self._expected.values()):
                        callback(error)
                    return
