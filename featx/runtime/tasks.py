"""Run tasks in the workers of the user's joblib configuration, and turn failures of any backend into one error.

Exceptions and warnings of a task are raised and issued here as they are. Any other failure is the backend's: a worker
that was killed or cannot be reached, or arguments that cannot be sent. Each backend has its own exceptions for these;
here they become a WorkerError.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from itertools import islice
from pickle import PicklingError
from typing import Any

from ..exceptions import FeatxError, WorkerError
from .lost_tasks import watching_tasks
from .worker_warnings import RecordedWarning, recorded_warnings, warn_once

__all__ = ["Workers"]

# Backends that return all results at once get this many tasks for each worker at a time.
TASKS_PER_WORKER = 2
# The most of a backend's message that is shown; some contain whole addresses and tracebacks.
MOST_CHARACTERS = 240


class Workers:
    """The workers of the active joblib backend, started by ``with``.

    Parameters
    ----------
    n_jobs : int, default=None
        As for joblib.Parallel; None means what the user configured.
    ordered : bool, default=True
        Whether results come in the order of the calls, or as they arrive.

    Attributes
    ----------
    name : str
        Of the backend.
    yields : bool
        Whether each result is yielded as soon as it is there, not together with those of `TASKS_PER_WORKER` tasks of
        each worker.
    """

    def __init__(self, *, n_jobs: int | None = None, ordered: bool = True) -> None:
        from joblib.parallel import get_active_backend

        self._backend, configured = get_active_backend()
        self.name = type(self._backend).__name__
        wanted = configured if n_jobs is None else n_jobs
        self._n_jobs = getattr(self._backend, "default_n_jobs", 1) if wanted is None else wanted
        self._ordered = ordered
        self._warned: set[Any] = set()
        self.yields = bool(getattr(self._backend, "supports_return_generator", False))

    def count(self) -> int:
        """Return the number of workers, whether threads or processes.

        Raises
        ------
        WorkerError
            If the backend cannot be reached.
        """
        with self._translated():
            return max(1, int(self._backend.effective_n_jobs(self._n_jobs)))

    def process_count(self) -> int:
        """Return the number of processes: 1 for threads, and inside a task, as other tasks have the other workers."""
        if getattr(self._backend, "supports_sharedmem", False) or getattr(self._backend, "nesting_level", 0):
            return 1
        return 1 if _is_task() else self.count()

    def __enter__(self) -> Workers:
        import joblib

        how = {"return_as": "generator" if self._ordered else "generator_unordered"} if self.yields else {}
        # Tasks have the right size already: none waits to be returned together with another.
        options = {"n_jobs": self._n_jobs, "backend": self._backend, "batch_size": 1, **how}
        with self._translated(), contextlib.ExitStack() as stack:
            self._watch = stack.enter_context(watching_tasks(self._backend))
            self._parallel = stack.enter_context(joblib.Parallel(**options))
            self._open = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def results(self, function: Callable[..., Any], calls: Iterable[tuple[Any, ...]]) -> Generator[Any, None, None]:
        """Yield what the function returns for the arguments of each call.

        Calls are taken from the iterable a few at a time, perhaps by another thread, as workers become free.

        Raises
        ------
        WorkerError
            If the backend fails.
        """
        import joblib

        # The function may hold what plain pickle cannot handle, and multiprocessing has nothing else.
        attempt = joblib.delayed(joblib.wrap_non_picklable_objects(partial(_attempt, function, os.getpid())))
        tasks = (attempt(arguments) for arguments in calls)
        with self._translated():
            slices = [tasks] if self.yields else self._slices(tasks, TASKS_PER_WORKER * self.count())
            for some in slices:
                try:
                    found = self._parallel(some)
                except BaseException:  # Ctrl-C, too
                    yield from map(self._received, [] if self._ordered else self._watch.finished())
                    raise
                self._watch.finished()
                try:
                    yield from map(self._received, found)
                finally:
                    if self.yields:
                        _abandon(found)

    @staticmethod
    def _slices(tasks: Iterator[Any], size: int) -> Iterator[list[Any]]:
        while some := list(islice(tasks, size)):
            yield some

    def _received(self, answer: tuple[Any, list[RecordedWarning]]) -> Any:
        """Return the result of a task, and issue its warnings here."""
        result, recorded = answer
        try:
            warn_once(recorded, self._warned)
        except Warning as warning:  # a filter of the user's turns it into an error
            raise _RaisedError(warning, []) from warning
        return result

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise what a task has raised, and a WorkerError for any other failure."""
        try:
            yield
            return
        except _RaisedError as raised:
            error, trace = raised.error, raised.__cause__
            warn_once(raised.recorded, self._warned)
        except FeatxError:
            raise
        except Exception as failure:  # each backend raises its own
            raise _worker_error(self.name, failure) from failure
        if trace is None or trace is error:
            raise error
        raise error from trace  # the traceback in the other process


class _RaisedError(Exception):
    """Marks what a task raises, apart from failures of the backend."""

    def __init__(self, error: Exception, recorded: list[RecordedWarning]) -> None:
        super().__init__(error, recorded)
        self.error, self.recorded = error, recorded


def _attempt(function: Callable[..., Any], home: int, arguments: tuple[Any, ...]) -> tuple[Any, list[RecordedWarning]]:
    """Return what a task returns, with its warnings if it runs in another process than `home`, which waits for it."""
    recorded: list[RecordedWarning] = []
    try:
        with recorded_warnings(home) as recorded:
            result = function(*arguments)
    except Exception as error:
        raise _RaisedError(error, recorded) from error
    return result, recorded


def _abandon(results: Generator[Any, None, None]) -> None:
    """End the tasks of joblib's whose results are not wanted; closing its generator would warn of them, too."""
    with contextlib.suppress(_AbandonedError):
        results.throw(_AbandonedError())


class _AbandonedError(Exception):
    """Thrown at the place where results are waited for."""


def _worker_error(backend: str, failure: Exception) -> WorkerError:
    said = " ".join(str(failure).split())
    said = said if len(said) <= MOST_CHARACTERS else f"{said[:MOST_CHARACTERS]}..."
    if isinstance(failure, PicklingError) or re.search(r"\b(pickl|serializ)", said):
        step = (
            "Pass what can be pickled, from modules that the workers can import; or do without joblib.parallel_config."
        )
    else:
        step = (
            "Workers that end by themselves have mostly run out of memory: use fewer of them, or smaller batches, and "
            "call again."
        )
    return WorkerError(f"the workers of joblib's {backend} failed ({type(failure).__name__}: {said})", step)


def _is_task() -> bool:
    """Tell whether this thread runs a task of a joblib.Parallel.

    For most backends the nesting level tells; but dask's offers its tasks the whole cluster again, at level 0.
    """
    from joblib import _utils, parallel

    runners = [parallel.BatchedCalls, getattr(_utils, "_TracebackCapturingWrapper", None)]
    codes = {runner.__call__.__code__ for runner in runners if runner is not None}
    frame = sys._getframe()
    while frame is not None and frame.f_code not in codes:
        frame = frame.f_back  # type: ignore[assignment]
    return frame is not None
