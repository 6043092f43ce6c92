"""Progress bars on a terminal or in a notebook, lines in their place elsewhere, and lines printed above them."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import multiprocessing
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from typing import Any, Protocol

from .notes import log, steps
from .progress_lines import ProgressLines
from .terminal import fill, line_width

__all__ = ["Bar", "clear_bars", "move_below_bars", "print_above_bars", "progress_bar"]

# Shorter work gets no bar.
DELAY_SECONDS = 1.0
# Width of a text bar in a notebook.
NOTEBOOK_COLUMNS = 80
# On a terminal with fewer columns, only the count and the remaining time are next to the bar, not the rate.
NARROW_COLUMNS = 60
SHORT_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} {remaining}"

# A filter on a logger does not see the records of its children.
LOGGERS = (log, steps)
# Bars in use, each with an event that is set once the bar is drawn.
_bars: list[tuple[Any, threading.Event]] = []


class Bar(Protocol):
    """What `progress_bar` yields."""

    def update(self, n: int = 1) -> Any:
        """Advance by `n` steps."""


class _NoBar:
    def update(self, n: int = 1) -> None:
        pass


@contextlib.contextmanager
def progress_bar(total: int, *, name: str, unit: str, shown: bool) -> Iterator[Bar]:
    """Show the progress of work that takes longer than a second, on a terminal or in the kernel of a notebook.

    The bar is cleared when the work is done. Elsewhere, a line is printed now and then; see `ProgressLines`. A worker
    process shows neither, since the bars of several processes would be drawn on the same line.

    Parameters
    ----------
    total : int
        Number of steps.
    name : str
        What is being done, such as "forwarding".
    unit : str
        What is counted, such as "img".
    shown : bool
        Whether the user wants it.

    Yields
    ------
    Bar
        Call its ``update(n)`` after n steps, from any thread.
    """
    kernel = _in_kernel()
    if not shown or multiprocessing.parent_process() is not None:
        yield _NoBar()
        return
    if not (kernel or _on_terminal()):
        yield ProgressLines(total, name=name, unit=unit)
        return
    widget = kernel and importlib.util.find_spec("ipywidgets") is not None
    if widget:
        # `tqdm.auto` would choose this one without ipywidgets too, and warn.
        from tqdm.notebook import tqdm as kind
    else:
        from tqdm import tqdm as kind
    columns, known = (NOTEBOOK_COLUMNS, False) if kernel else _columns()
    bar = kind(
        desc=name,
        total=total,
        unit=unit,
        delay=DELAY_SECONDS,
        leave=False,
        # A widget is as wide as the page.
        ncols=None if widget else columns - 1,
        dynamic_ncols=known,
        bar_format=SHORT_FORMAT if columns < NARROW_COLUMNS else None,
        file=sys.stderr,
    )
    # By itself the bar is drawn after the first step only, which may take long.
    drawn = threading.Event()

    def draw() -> None:
        drawn.set()
        bar.refresh()

    first = threading.Timer(DELAY_SECONDS, draw)
    first.daemon = True
    first.start()

    def clear(_: logging.LogRecord) -> bool:
        bar.clear()
        return True

    for logger in LOGGERS:
        logger.addFilter(clear)
    _bars.append((bar, drawn))
    try:
        yield bar
    finally:
        _bars.remove((bar, drawn))
        for logger in LOGGERS:
            logger.removeFilter(clear)
        first.cancel()
        first.join()
        if drawn.is_set():
            bar.clear()  # closing would not clear a bar without a step
        bar.close()


def print_above_bars(text: str) -> None:
    """Print a line to standard error above the bars in use; on a terminal it is wrapped."""
    clear_bars()
    print(fill(text, line_width(err=True)), file=sys.stderr, flush=True)
    for bar, drawn in list(_bars):
        if drawn.is_set():
            bar.refresh()


def clear_bars() -> None:
    """Clear the bars in use before a line is printed; their next steps draw them below it."""
    for bar, _ in list(_bars):
        bar.clear()


def move_below_bars() -> None:
    """Begin a line below the bars in use, for the last message of a process that ends without closing them."""
    if _bars:
        print("\n" * len(_bars), end="", file=sys.stderr)


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _columns() -> tuple[int, bool]:
    """Return how wide the terminal of standard error is, and whether it can be asked again when that changes."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # no descriptor
        if (columns := os.get_terminal_size(sys.stderr.fileno()).columns) > 0:
            return columns, True
    return shutil.get_terminal_size().columns, False


def _in_kernel() -> bool:
    """Tell whether this process is the kernel of a notebook, whose standard error is not a terminal."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return hasattr(shell, "kernel")
