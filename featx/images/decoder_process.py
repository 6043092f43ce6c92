"""Decode images in a process that can be killed, once one in this process exceeds the limit of runtime.deadlines.

Decoders are compiled code: a thread that does not return from one cannot be ended, and keeps its memory. Images are
decoded in this process, because that costs least. Once one of them has taken long, those that follow are decoded by
other processes until it is done, so that no more threads can hang than were decoding at that moment. The time after
which a decoder is given up is `IMAGE_SECONDS` of `runtime.deadlines`.
"""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing.spawn
import operator
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, PngImagePlugin

from ..process import after_fork, at_exit
from ..runtime import deadlines
from .decoding import decode_file, error_text
from .limits import Refused

__all__ = ["decode_or_delegate", "serve"]

Decoded = tuple[np.ndarray, int | None, bool]
# After this fraction of the time that an image may take, those that follow are decoded elsewhere.
LONG_SHARE = 1 / 4
# Settings of Pillow that change what it reads.
SETTINGS = (
    (Image, "MAX_IMAGE_PIXELS"),
    (ImageFile, "LOAD_TRUNCATED_IMAGES"),
    (PngImagePlugin, "MAX_TEXT_CHUNK"),
    (PngImagePlugin, "MAX_TEXT_MEMORY"),
)
# The exit code of a process whose own alarm ended it: one image took twice the time that it may take.
ALARM_EXIT_CODE = -getattr(signal, "SIGALRM", 0) or None
# Modules are imported from where this process imports them.
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from featx.images.decoder_process import serve; serve()"
)

# Threads that are inside a decoder of this process, and the time at which each began.
_started_at: dict[int, float] = {}
_idle: list[_Process] = []


def decode_or_delegate(decode: Callable[..., Decoded], data: bytes, **options: Any) -> Decoded:
    """Call `decode(data, **options)`, or let another process decode while a decoder of this one takes long.

    Parameters
    ----------
    decode : callable
        Called in this process; the other one calls `decode_file`.
    data : bytes
    **options
        As for `decode_file`.

    Raises
    ------
    Refused
        With the reason. Other errors of `decode` are passed on.
    """
    long_ago = time.monotonic() - LONG_SHARE * deadlines.IMAGE_SECONDS
    if (
        any(start < long_ago for start in tuple(_started_at.values()))
        and (found := _delegate(data, options)) is not None
    ):
        return found
    if _idle:
        _end_idle()
    thread = threading.get_ident()
    _started_at[thread] = time.monotonic()
    try:
        return decode(data, **options)
    finally:
        _started_at.pop(thread, None)


def _delegate(data: bytes, options: dict[str, Any]) -> Decoded | None:
    """Return what another process decodes, or None if none can be started."""
    code = None
    # Something else may have killed one that was idle.
    for _ in range(2):
        try:
            process = _idle_or_new()
        except OSError:
            return None
        try:
            with deadlines.cancelled_by(process.end):
                process.start()
                deadlines.restart_deadline()
                found = process.decode(data, options)
        except Refused:
            _idle.append(process)
            raise
        except (OSError, EOFError, ValueError):  # the last: of a closed pipe, and of a reply that is not JSON
            code = process.end()
            if not process.is_ready:
                return None
            if code == ALARM_EXIT_CODE:
                raise Refused(f"not read within {deadlines.IMAGE_SECONDS:g} s") from None
        except BaseException:
            process.end()
            raise
        else:
            _idle.append(process)
            return found
    raise Refused(f"its decoder ended without an answer (exit code {code})")


def _idle_or_new() -> _Process:
    try:
        return _idle.pop()
    except IndexError:
        return _Process()


class _Process:
    """A process that decodes one image after another."""

    def __init__(self) -> None:
        python = os.fsdecode(multiprocessing.spawn.get_executable() or "")
        # Of a program that embeds Python, another copy would be started.
        if getattr(sys, "frozen", False) or not Path(python).name.lower().startswith(("python", "pypy")):
            raise OSError("there is no Python to start")
        self.is_ready = False
        self._process = subprocess.Popen(
            [python, "-P", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        self._stdin: Any = self._process.stdin
        self._stdout: Any = self._process.stdout

    def start(self) -> None:
        """Wait until it is ready; raise an OSError or EOFError if it ends before."""
        if not self.is_ready:
            self._send([os.fsdecode(folder) for folder in sys.path if isinstance(folder, str | bytes)])
            self.is_ready = self._receive() == "ready"

    def decode(self, data: bytes, options: dict[str, Any]) -> Decoded:
        """Return what `decode_file` does; raise an OSError or EOFError if the process ends."""
        settings = [getattr(module, name) for module, name in SETTINGS]
        seconds = 2 * math.ceil(deadlines.IMAGE_SECONDS)
        self._send({"length": len(data), "seconds": seconds, "settings": settings, "options": options}, data)
        reply = self._receive()
        if "refused" in reply:
            raise Refused(*reply["refused"])
        pixels = np.empty(reply["shape"], np.uint8)
        left = pixels.reshape(-1).data
        while left:
            if not (n := self._stdout.readinto(left)):
                raise EOFError
            left = left[n:]
        return pixels, reply["peak"], reply["high_depth"]

    def end(self) -> int:
        """End it, and return its exit code."""
        with contextlib.suppress(OSError):
            self._process.kill()
        code = self._process.wait()
        self.close()
        return code

    def close(self) -> None:
        """Close its pipes, which ends it once it is idle."""
        for pipe in (self._stdin, self._stdout):
            with contextlib.suppress(OSError):
                pipe.close()

    def disown(self) -> None:
        """Leave it to the process from which this one was forked."""
        self.close()
        self._process.returncode = 0

    def _send(self, message: Any, data: bytes = b"") -> None:
        self._stdin.write(json.dumps(message, default=_builtin_number).encode() + b"\n")
        self._stdin.write(data)
        self._stdin.flush()

    def _receive(self) -> Any:
        # JSON: a process that a hostile file has taken over can run nothing here.
        if not (line := self._stdout.readline()).endswith(b"\n"):
            raise EOFError
        return json.loads(line)


def serve() -> None:
    """Decode what arrives on standard input until it ends; the other side of `decode_or_delegate`."""
    # Ctrl-C is for the process that started this one, which then ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    into, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What a decoder prints is not a reply.
    os.dup2(2, 1)
    # Without it, nothing would end this process once the one that started it has been killed.
    alarm: Callable[[int], Any] = getattr(signal, "alarm", lambda seconds: None)
    pixels: Any = b""
    reply: Any = "ready"
    while True:
        out.write(json.dumps(reply).encode() + b"\n")
        out.write(pixels)
        out.flush()
        if not (line := into.readline()):
            return
        request = json.loads(line)
        for (module, name), value in zip(SETTINGS, request["settings"], strict=True):
            setattr(module, name, value)
        if isinstance(request["options"]["value_range"], list):
            request["options"]["value_range"] = tuple(request["options"]["value_range"])
        alarm(request["seconds"])
        reply, pixels = _reply_to(into.read(request["length"]), request["options"])
        alarm(0)


def _reply_to(data: bytes, options: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    try:
        pixels, peak, high_depth = decode_file(data, **options)
    except Refused as error:
        return {"refused": error.args}, b""
    except Exception as error:  # decoders raise whatever the damaged bytes lead them to
        return {"refused": [getattr(error, "strerror", None) or error_text(error)]}, b""
    return {"shape": pixels.shape, "peak": peak, "high_depth": high_depth}, np.ascontiguousarray(pixels).data


def _builtin_number(number: Any) -> int | float:
    """Return a number of NumPy or another library as an int or float."""
    return operator.index(number) if hasattr(number, "__index__") else float(number)


def _end_idle() -> None:
    with contextlib.suppress(IndexError):  # another thread may take the last one
        while True:
            _idle.pop().end()


def _reset_after_fork() -> None:
    """After a fork, leave threads and processes to the parent."""
    _started_at.clear()
    for process in _idle:
        process.disown()
    _idle.clear()


at_exit(_end_idle)
after_fork(_reset_after_fork)
