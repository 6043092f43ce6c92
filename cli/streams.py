"""Closed, full or broken standard output and standard error: what to print, and which exit code."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import click

from ..exceptions import FeatxError

__all__ = ["BROKEN_PIPE", "as_system_error", "discard_output", "prepare_streams", "write_text"]

# The exit code that shells expect of a command that SIGPIPE ended, because its output is no longer read.
BROKEN_PIPE = 128 + getattr(signal, "SIGPIPE", 13)
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


class _LossyStream:
    """Standard error that may be a file on a full disk: what cannot be written is lost, the command goes on."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


@contextlib.contextmanager
def prepare_streams() -> Iterator[None]:
    """Make both streams safe to write to while a command runs.

    Raises
    ------
    OSError
        If standard output is closed: the next file that is opened would receive the output.
    """
    if sys.stderr is None:  # closed, with the same consequence
        file = os.open(os.devnull, os.O_WRONLY)
        os.dup2(file, 2)
        sys.stderr = open(2, "w", encoding="utf-8", errors="replace")  # noqa: SIM115 - it is standard error now
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed", "standard output")
    for stream in (sys.stdout, sys.stderr):
        # Names of classes may hold characters that the locale cannot encode.
        if hasattr(stream, "reconfigure") and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    before = sys.stderr
    sys.stderr = _LossyStream(before)
    try:
        yield
    finally:
        sys.stderr = before


def discard_output() -> None:
    """Keep Python from trying again, at exit, to write the output that could not be written."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def write_text(path: str, text: str) -> None:
    """Write a text in place, to a file or pipe, or to standard output for "-".

    Raises
    ------
    FeatxError
        If the file cannot be written.
    """
    try:
        with click.open_file(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        if path == "-":
            raise
        raise FeatxError(
            f"cannot write {path}: {error.strerror}", "Free some space, or choose another place."
        ) from error


def as_system_error(error: BaseException) -> FeatxError | None:
    """Return an error of the operating system (disk, permission, memory) as a FeatxError; None if it is a bug."""
    text = str(error).lower()
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and any(what in text for what in NO_MEMORY)):
        return FeatxError("there is not enough memory", "Choose a smaller --batch-size or --image-size.")
    if not isinstance(error, OSError) or error.strerror is None:
        return None
    where = "standard output" if error.filename is None else str(error.filename)
    step = "Free some space, or choose another place." if error.errno in DISK_FULL else "Choose another place."
    return FeatxError(f"cannot use {where}: {error.strerror}", step)
