"""Keep joblib tasks whose worker was killed from being waited for forever, and the results of the others from loss.

joblib goes on when a backend calls back. Dask's backend does so for tasks that end, not for those that it abandons
(KilledWorker); the pools of multiprocessing replace a worker that died and forget its task. And joblib ends all tasks
with the first that fails: backends that return all results at once then lose what other workers have finished, or are
at. So a failure of theirs is held back until every other task was answered, and results are noted as they arrive.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

__all__ = ["TaskWatch", "watching_tasks"]

# How often child processes are checked, in seconds.
POLL_SECONDS = 0.5
# For how long the others may leave us without an answer once a worker was killed: three times what a share of images
# should take. One that was killed as it held the lock of its pool's queue leaves the others waiting for that.
PATIENCE_SECONDS = 180.0


@contextlib.contextmanager
def watching_tasks(backend: Any) -> Iterator[TaskWatch]:
    """Make a joblib backend call back for tasks that are lost, and note what the others return.

    Parameters
    ----------
    backend : ParallelBackendBase
        Its workers have not been started yet.
    """
    name = "submit" if hasattr(backend, "submit") else "apply_async"  # of joblib before 1.5
    submit: Callable[..., Any] = getattr(backend, name)
    at_once = not getattr(backend, "supports_return_generator", False)
    watch = TaskWatch(notes_results=at_once)

    def submit_and_watch(func: Any, callback: Callable[..., Any] | None = None) -> Any:
        if callback is None:
            return submit(func, callback)
        expected = watch.expect(callback)
        job = submit(func, expected)
        if isinstance(job, Future):  # a future reports its failure itself
            watch.forget(expected)
            job.add_done_callback(partial(_report_failure, callback))
            return job
        watch.start()
        return job if backend.supports_retrieve_callback else _AskedJob(job, watch)

    patches = {name: submit_and_watch}
    if at_once:
        # After a failure joblib would start all processes anew, only to end them (and joblibspark 0.6 fails at that).
        patches["abort_everything"] = partial(_abort, backend.abort_everything)
    vars(backend).update(patches)
    try:
        yield watch
    finally:
        for patched in patches:
            delattr(backend, patched)
        watch.stop()


def _abort(abort_everything: Callable[..., Any], ensure_ready: bool = True) -> None:
    abort_everything(ensure_ready=False)


def _report_failure(callback: Callable[..., Any], future: Future[Any]) -> None:
    """Call back with the failure of a future; joblib ignores a second callback."""
    if not future.cancelled() and (error := future.exception()) is not None:
        callback(error)


class TaskWatch:
    """Notes what becomes of tasks, and when child processes are killed.

    Parameters
    ----------
    notes_results : bool
        Whether results are kept for `finished`, and failures held back.
    """

    def __init__(self, *, notes_results: bool) -> None:
        self._notes = notes_results
        self._others = set(multiprocessing.active_children())
        self._lock = threading.RLock()
        self._expected: dict[Callable[..., Any], Callable[..., Any]] = {}
        self._failed: list[tuple[Callable[..., Any], BaseException]] = []
        self._finished: list[Any] = []
        self._killed: list[BaseException] = []
        self._answered = time.monotonic()
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

    def finished(self) -> list[Any]:
        """Return what tasks have returned since this was called last."""
        with self._lock:
            found, self._finished = self._finished, []
            return [result for batch in found for result in batch]

    def expect(self, callback: Callable[..., Any]) -> Callable[..., Any]:
        """Return a callback that notes the result and passes it on, a failure once nothing else is expected."""

        def answered(out: Any, *more: Any, **options: Any) -> None:
            with self._lock:
                self._answered = time.monotonic()
                known = self._expected.pop(answered, None) is not None
                if self._notes and isinstance(out, BaseException):
                    self._failed += [(callback, out)] * known
                elif self._notes and isinstance(out, list):
                    self._finished.append(out)
            if not (self._notes and isinstance(out, BaseException)):
                callback(out, *more, **options)
            self._report()

        with self._lock:
            self._answered = time.monotonic()
            self._expected[answered] = callback
        return answered

    def forget(self, expected: Callable[..., Any]) -> None:
        with self._lock:
            self._expected.pop(expected, None)

    def wait(self) -> None:
        """Wait until nothing is expected any more, or nothing comes."""
        while self._expected and self._is_patient() and not self._end.is_set():
            self._end.wait(POLL_SECONDS / 5)

    def _is_patient(self) -> bool:
        return self._notes and time.monotonic() - self._answered < PATIENCE_SECONDS

    def _report(self) -> None:
        """Call back with the failures, if what else is expected was killed or does not come."""
        with self._lock:
            # A process that was killed had one task at most.
            if (self._is_patient() and len(self._expected) > len(self._killed)) or not (self._failed or self._killed):
                return
            told, self._failed = self._failed, []
            if self._killed:
                told = [(callback, self._killed[-1]) for callback in self._expected.values()] + told
                self._expected.clear()
                self._killed.clear()
        for callback, error in told:
            callback(error)

    def _poll(self) -> None:
        children: set[Any] = set()
        ended = False
        while not ended:
            # Those that were alive a moment ago count too: they may have died since.
            children |= set(multiprocessing.active_children()) - self._others
            ended = self._end.wait(POLL_SECONDS)
            for child in [child for child in children if child.exitcode is not None]:
                children.discard(child)
                self._others.add(child)
                if child.exitcode != 0:  # one that ends by itself has zero
                    how = f"by signal {-child.exitcode}" if child.exitcode < 0 else f"with exit code {child.exitcode}"
                    self._killed.append(ChildProcessError(f"process {child.pid} was ended {how}"))
            if not ended:
                self._report()


class _AskedJob:
    """A job that joblib asks for its result, in place of being called back.

    joblib's wrapper returns an error of the task in place of raising it; joblibspark does not look at that, so that
    joblib would take it for a result.

    Parameters
    ----------
    job : AsyncResult
    watch : TaskWatch
    """

    def __init__(self, job: Any, watch: TaskWatch) -> None:
        self._job, self._watch = job, watch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._job, name)

    def get(self, timeout: float | None = None) -> Any:
        """Return the result, or raise the error of the task, once the others have ended."""
        from joblib import _utils

        try:
            return _utils._retrieve_traceback_capturing_wrapped_call(self._job.get(timeout))
        except Exception:
            self._watch.wait()
            raise
