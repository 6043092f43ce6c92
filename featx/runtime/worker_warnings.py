"""What a task warns of in another process comes home with its result, and is given once, by the filters of the user."""

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
    """A warning with the place in the code that it names."""

    message: Warning
    category: type[Warning]
    filename: str
    lineno: int
    module: str

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from other warnings."""
        return str(self.message), self.category.__name__, self.filename, str(self.lineno)


@contextlib.contextmanager
def recorded_warnings(home: int) -> Iterator[list[RecordedWarning]]:
    """Give a list that holds, at the end, what was warned of meanwhile, each warning once.

    Parameters
    ----------
    home : int
        The process that waits for the task. In it warnings go their usual way, and so they do beside the main thread
        of a worker (dask's): which filters are in force is a matter of the whole process.
    """
    recorded: list[RecordedWarning] = []
    if os.getpid() == home or threading.current_thread() is not threading.main_thread():
        yield recorded
        return
    # The filters of the other process decide.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield recorded
        finally:
            every = [_recorded(each.message, each.category, each.filename, each.lineno) for each in caught]
            recorded += {each.key: each for each in every}.values()


def warn_once(recorded: Iterable[RecordedWarning], known: set[Any]) -> None:
    """Warn of what is not known yet, as though it had been warned of here."""
    for each in recorded:
        if each.key in known:
            continue
        known.add(each.key)
        # As Python does it for code of this process: what is shown by default is shown once for each line of code.
        module = sys.modules.get(each.module)
        registry = {} if module is None else vars(module).setdefault("__warningregistry__", {})
        warnings.warn_explicit(
            each.message, each.category, each.filename, each.lineno, module=each.module, registry=registry
        )


def _recorded(message: Warning | str, category: type[Warning], filename: str, lineno: int) -> RecordedWarning:
    warning = message if isinstance(message, Warning) else category(message)
    try:
        pickle.loads(pickle.dumps(warning))
    except Exception:  # of a class that is known there only, or that wants other arguments
        category = next(base for base in category.__mro__ if base.__module__ == "builtins")
        warning = category(str(message))
    names = (name for name, module in list(sys.modules.items()) if _file(module) == filename)
    return RecordedWarning(warning, category, filename, lineno, next(names, filename.removesuffix(".py")))


def _file(module: Any) -> Any:
    # Without the attributes that some modules make when they are asked for, by an import perhaps.
    return getattr(module, "__dict__", {}).get("__file__")
