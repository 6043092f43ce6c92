"""Progress as a line now and then, where standard error is a pipe or a file and no bar can be drawn."""

from __future__ import annotations

import contextlib
import math
import sys
import threading
from time import monotonic

from .quantities import duration_text, plural

__all__ = ["ProgressLines"]

# When the first line comes, and how long it takes at least to the next ones. Work of hours has fewer.
FIRST_SECONDS, NEXT_SECONDS, SHARE_OF_TIME = 10.0, 30.0, 0.05
# What bars abbreviate.
NOUNS = {"img": "image"}


class ProgressLines:
    """Print how far the work is after ten seconds, and then about every half a minute, until it is done.

    Parameters
    ----------
    total : int
        Number of steps.
    name : str
        What is being done, such as "forwarding".
    unit : str
        What is counted, such as "img".
    """

    def __init__(self, total: int, *, name: str, unit: str) -> None:
        self._total, self._name, self._unit = total, name, plural(NOUNS.get(unit, unit))
        self._done, self._began = 0, monotonic()
        self._due = self._began + FIRST_SECONDS
        self._lock = threading.Lock()

    def update(self, n: int = 1) -> None:
        """Advance by `n` steps, and print a line if one is due; from any thread."""
        with self._lock:
            self._done += n
            now = monotonic()
            if now < self._due or self._done >= self._total:
                return
            spent = now - self._began
            self._due = now + max(NEXT_SECONDS, SHARE_OF_TIME * spent)
            text = f"{self._name}: {self._done:,} of {self._total:,} {self._unit}"
            if self._done > 0:
                text += f", {_left(spent * (self._total - self._done) / self._done)} left"
            # Work does not end because nobody reads of it any more.
            with contextlib.suppress(OSError, ValueError, AttributeError):
                print(text, file=sys.stderr, flush=True)


def _left(seconds: float) -> str:
    """Return a time that is guessed, to a minute."""
    if seconds < 60:
        return "less than a minute"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 60 else duration_text(60 * minutes)
