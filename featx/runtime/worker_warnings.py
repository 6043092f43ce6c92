"""Record the warnings of tasks in worker processes, and issue each once in the main process, by the user's filters."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

__all__ = ["RecordedWarning", "recorded_warnings", "warn_once"]


@dataclass(frozen=True)
class RecordedWarning:
    """A warning with its place in the code."""

    message: Warning
    category: type[Warning]
    filename: str
    lineno: int
    module: str

    @property
    def key(self) -> tuple[str, ...]:
        """What distinguishes it from other warnings."""
        return str(self.message), self.category.__name__, self.filename, str(self.lineno)


@contextlib.contextmanager
def recorded_warnings(home: int) -> Iterator[list[RecordedWarning]]:
    """Record the warnings of the block, each once, in a list that is complete at its end.

    Parameters
    ----------
    home : int
        The process that waits for the task. In it warnings are issued as usual, and so they are outside the main thread
        of a worker (dask's), because warning filters belong to the whole process.
    """
    recorded: list[RecordedWarning] = []
    if os.getpid() == home or threading.current_thread() is not threading.main_thread():
        yield recorded
        return
    # The filters of the main process decide.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield recorded
        finally:
            every = [_recorded(each.message, each.category, each.filename, each.lineno) for each in caught]
            recorded += {each.key: each for each in every}.values()


def warn_once(recorded: Iterable[RecordedWarning], known: set[Any]) -> None:
    """Issue the warnings whose keys are not known yet, as if they came from this process."""
    for each in recorded:
        if each.key in known:
            continue
        known.add(each.key)
        # As Python does for code of this process: by default a warning is shown once for each line of code.
        module = sys.modules.get(each.module)
        registry = {} if module is None else vars(module).setdefault("__warningregistry__", {})
        warnings.warn_explicit(
            each.message, each.category, each.filename, each.lineno, module=each.module, registry=registry
        )


def _recorded(message: Warning | str, category: type[Warning], filename: str, lineno: int) -> RecordedWarning:
    warning = message if isinstance(message, Warning) else category(message)
    try:
        pickle.loads(pickle.dumps(warning))
    except Exception:  # its class exists only there, or needs other arguments
        category = next(base for base in category.__mro__ if base.__module__ == "builtins")
        warning = category(str(message))
    names = (name for name, module in list(sys.modules.items()) if _file(module) == filename)
    return RecordedWarning(warning, category, filename, lineno, next(names, filename.removesuffix(".py")))


def _file(module: Any) -> Any:
    # Without triggering attributes that modules compute on access, by an import perhaps.
    return getattr(module, "__dict__", {}).get("__file__")
