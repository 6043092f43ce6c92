"""Stop the command within two seconds of Ctrl-C (SIGINT), with a line that says how to continue."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from ..display.terminal import fill, line_width

__all__ = ["INTERRUPTED", "forget_kept", "note_kept", "print_stopped", "prompt_interrupts"]

# The exit code that shells expect of a command that SIGINT ended.
INTERRUPTED = 128 + signal.SIGINT
# How long Python may take to unwind by itself.
UNWIND_SECONDS = 1.0
# What the running command has kept so far, and in which file or folder, if any. Kept things are named if that exists.
_kept: dict[str, tuple[Path | None, float]] = {}


def note_kept(what: str, where: Path | None = None, *, since: float = 0.0) -> None:
    """Have a stopped command say what it has kept; with a place, only if something was written there since then."""
    _kept[what] = where, since


def forget_kept() -> None:
    """Forget what an earlier command of this process has kept."""
    _kept.clear()


def print_stopped() -> None:
    """Print that the command was stopped, and what it has kept."""
    from ..display.progress import move_below_bars

    move_below_bars()
    kept = [what for what, (where, since) in _kept.items() if where is None or _is_there(where, since)]
    text = f"{' and '.join(kept)}; run the same command to go on" if kept else "nothing was kept"
    print(fill(f"featx: stopped; {text}", line_width(err=True)), file=sys.stderr, flush=True)


def _is_there(place: Path, since: float) -> bool:
    return any(
        file.stat().st_mtime >= since for file in (place.glob("*") if place.is_dir() else [place]) if file.exists()
    )


@contextlib.contextmanager
def prompt_interrupts() -> Iterator[threading.Event]:
    """End the process after Ctrl-C even while a library computes without returning to Python.

    Fitting a support vector machine may take minutes inside one call, and Python handles signals only between calls.
    Ending the process is safe: files are written under another name first and then renamed. Yields an event that is
    set after Ctrl-C, because an interrupted library may raise an error of its own.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread() or os.name == "nt":
        yield interrupted
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    done = threading.Event()

    def watch() -> None:
        with reader, contextlib.suppress(OSError):
            while received := reader.recv(1):
                if received[0] == signal.SIGINT:
                    interrupted.set()
                    if not done.wait(UNWIND_SECONDS):
                        print_stopped()
                        os._exit(INTERRUPTED)

    previous = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    watcher = threading.Thread(target=watch, name="interrupts", daemon=True)
    watcher.start()
    try:
        yield interrupted
    finally:
        done.set()
        signal.set_wakeup_fd(previous)
        writer.close()
        watcher.join(UNWIND_SECONDS)
