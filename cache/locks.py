"""File locks with a heartbeat: one process works while others wait, until its heartbeat stops.

Locks of the operating system end with their process, but a process may be stopped, or hang. So the holder of a lock
renews a heartbeat in a file next to it. Waiting processes rely on changes that they see themselves, because clocks of
machines differ; if nothing changes for a while they log it, remove the lock's file and go on. Nothing in the cache
depends on a lock: without one, images are computed twice or files are merged twice.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import json
import logging
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import filelock

from .files import folder_time
from .machine import machine, process_is_gone, process_space

__all__ = ["TURN", "WorkLock", "remove_old_turns"]

log = logging.getLogger("featx")

TURN = ".turn-"
# How often a holder renews its heartbeat, and for how long after its last progress, in seconds: a batch on a slow
# network takes minutes, but a process that hangs stays forever.
HEARTBEAT_SECONDS = 2.0
STUCK_SECONDS = 600.0
# After how long without a change waiting processes go on, in general and if the holder is known to have ended.
SILENT_SECONDS = 30.0
GONE_SECONDS = 1.0
# When a process that waits for a living holder logs it.
NOTICE_SECONDS = 10.0
# How often waiting processes check, and the most that the time between two checks counts: a process that was itself
# stopped has seen nothing.
POLL_SECONDS = 0.02
LOOK_SECONDS = 1.0
DAY = 86_400


class _Watch:
    """How long this process has seen no change of a lock that another one holds."""

    def __init__(self) -> None:
        self.seen: object = None
        self.silent = 0.0
        self.last = time.monotonic()
        self.warned = False

    def look(self, seen: object) -> float:
        now = time.monotonic()
        if seen != self.seen:
            self.seen, self.silent, self.warned = seen, 0.0, False
        else:
            self.silent += min(now - self.last, LOOK_SECONDS)
        self.last = now
        return self.silent


_watches: dict[str, _Watch] = {}


class WorkLock:
    """The right to do some work in a folder, as a context manager that waits until it is free.

    Parameters
    ----------
    path : Path
        The file to lock. Next to it are a heartbeat file, and a marker where the file system has no locks.
    work : str
        What the holder does, for the messages of waiting processes.
    turn : bool, default=False
        Whether processes take turns: waiting for a living holder is then normal and not logged, and the holder has to
        report `progress`.
    """

    def __init__(self, path: Path, *, work: str, turn: bool = False) -> None:
        self.path, self.work, self.turn = path, work, turn
        self._heartbeat = path.with_name(path.name + ".holder")
        self._marker = path.with_name(path.name + ".soft")
        self._held: Any = None
        self._contents: dict[str, Any] = {}
        self._last_progress = 0.0
        self._ended = threading.Event()
        self._beating: threading.Thread | None = None

    def __enter__(self) -> WorkLock:
        began, said = time.monotonic(), self.turn
        while not self.try_acquire():
            if not said and time.monotonic() - began > NOTICE_SECONDS:
                said = True
                log.warning("%s and is waited for", self._holder())
            time.sleep(POLL_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release it."""
        self._ended.set()
        if self._beating is not None:
            # A sign that is just being written would be left behind. On a file system that hangs it may never be.
            self._beating.join(HEARTBEAT_SECONDS)
        if self._is_mine():
            with contextlib.suppress(OSError):
                self._heartbeat.unlink()
        if self._held is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._held.release()
            self._held = None

    def progress(self) -> None:
        """Report that the work goes on; without it, another process takes over a turn after ten minutes."""
        self._last_progress = time.monotonic()

    def try_acquire(self) -> bool:
        """Take the lock if it is free, or if its holder's heartbeat has stopped for too long; do not wait.

        Raises
        ------
        OSError
            If the lock's file cannot be created.
        """
        if self._take():
            _watches.pop(str(self.path), None)
            self._start_heartbeat()
            return True
        watch = _watches.setdefault(str(self.path), _Watch())
        silent = watch.look(self._seen())
        if silent < (GONE_SECONDS if self._is_gone() else SILENT_SECONDS):
            return False
        if not watch.warned:
            watch.warned = True
            log.warning(
                "%s and gave no sign of life for %.0f s: going on without it. Its work may be done twice, and nothing "
                "is lost. If it was stopped, `kill -CONT` lets it go on.",
                self._holder(),
                silent,
            )
        for path in (self.path, self._marker):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        # Where an open file cannot be removed, the work is done without the lock.
        with contextlib.suppress(OSError):
            self._take()
        self._start_heartbeat()
        return True

    def _take(self) -> bool:
        """Try the lock of the operating system, or a marker where the file system has none."""
        try:
            held: Any = filelock.FileLock(str(self.path), **_options())
            held.acquire(timeout=0)
        except filelock.Timeout:
            return False
        except (OSError, NotImplementedError):
            # A file of another user cannot be locked either. If no marker can be created, its error is raised.
            held = filelock.SoftFileLock(str(self._marker))
            try:
                held.acquire(timeout=0)
            except filelock.Timeout:
                return False
        self._held = held
        return True

    def _start_heartbeat(self) -> None:
        """Write the heartbeat file, and start to renew it."""
        self.progress()
        self._contents = {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": time.time(),
            "space": process_space(),
            "hold": uuid.uuid4().hex,
            "signs": 0,
        }
        # The file that a killed holder left may be another user's.
        with contextlib.suppress(OSError):
            self._heartbeat.unlink(missing_ok=True)
        self._beat()
        # Without a heartbeat the work is done all the same.
        with contextlib.suppress(RuntimeError):
            self._beating = threading.Thread(target=self._keep_beating, daemon=True)
            self._beating.start()

    def _keep_beating(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            if self.turn and time.monotonic() - self._last_progress > STUCK_SECONDS:
                continue
            # A holder that was overtaken leaves the file to its successor.
            if self._is_mine():
                self._contents["signs"] += 1
                self._beat()

    def _beat(self) -> None:
        # On a full disk the file stays empty, but its time changes.
        with contextlib.suppress(OSError):
            self._heartbeat.write_text(json.dumps(self._contents))

    def _is_mine(self) -> bool:
        return self._read_heartbeat().get("hold") in (None, self._contents.get("hold"))

    def _seen(self) -> object:
        """Return a value that changes while the holder lives, or when there is another one."""
        seen: list[object] = []
        for path, changes in ((self.path, False), (self._marker, False), (self._heartbeat, True)):
            try:
                status = os.stat(path)
                seen += [status.st_ino, status.st_mtime_ns if changes else None]
            except OSError:
                seen.append(None)
        return (*seen, str(self._read_heartbeat()))

    def _read_heartbeat(self) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError, RecursionError):
            found = json.loads(self._heartbeat.read_bytes())
            if isinstance(found, dict):
                return found
        return {}

    def _is_gone(self) -> bool:
        found = self._read_heartbeat()
        space, process = found.get("space"), found.get("process")
        return isinstance(space, str) and isinstance(process, int) and process_is_gone(space, process)

    def _holder(self) -> str:
        """Return the process that holds the lock, its work and since when, for a message."""
        found = self._read_heartbeat()
        try:
            since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(found["since"])))
            return f"process {found['process']} of {found['host']} has been {self.work} since {since},"
        except (KeyError, TypeError, ValueError, OverflowError, OSError):
            return f"an unknown process has been {self.work}, by the lock {self.path},"


def remove_old_turns(root: Path) -> None:
    """Remove lock files of turns of other machines, or of earlier boots, that are a day old."""
    with contextlib.suppress(OSError):
        touched: dict[str, float] = {}
        for path in root.glob(f"{TURN}*"):
            turn = path.name.removesuffix(".holder").removesuffix(".soft")
            touched[turn] = max(touched.get(turn, 0.0), path.lstat().st_mtime)
        now = folder_time(root) if touched else 0.0
        for turn, moment in touched.items():
            if now - moment > DAY and machine() not in turn:
                for suffix in ("", ".holder", ".soft"):
                    (root / f"{turn}{suffix}").unlink(missing_ok=True)


@functools.cache
def _options() -> dict[str, Any]:
    """Return options that keep filelock from choosing a marker by itself, as some versions do with a warning."""
    known = inspect.signature(filelock.FileLock.__init__).parameters
    return {"fallback_to_soft": False} if "fallback_to_soft" in known else {}
