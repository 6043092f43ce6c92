"""A file's name and some work go in; one process at a time does the work, and the others wait while that one lives.

Locks of the operating system end with their process, but a process may be stopped, or hang. So whoever holds a lock
renews a sign of life in a file beside it. Those who wait go by changes that they see themselves, because clocks of
machines differ; where nothing changed for a while they say so, take the lock's file away and go on. Nothing in the
cache depends on a lock: without one, images are computed or files are merged twice.
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
# How often a holder renews its sign of life, and for how long after its last progress, in seconds: a batch on a slow
# network takes minutes, but a process that hangs lives for ever.
HEARTBEAT_SECONDS = 2.0
STUCK_SECONDS = 600.0
# After so long without a change those who wait go on, or after so little if the holder is known to have ended.
SILENT_SECONDS = 30.0
GONE_SECONDS = 1.0
# Who waits for a living holder says so after this time.
NOTICE_SECONDS = 10.0
# How often those who wait look, and how much two looks count for at most: who was stopped himself has seen nothing.
POLL_SECONDS = 0.02
LOOK_SECONDS = 1.0
DAY = 86_400


class _Watch:
    """For how long this process has seen no change of a lock that another one holds."""

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
    """The right to do some work in a folder, as a context manager that waits for it.

    Parameters
    ----------
    path : Path
        The file to lock. Beside it lie a sign of life, and a marker where the file system has no locks.
    work : str
        What the holder does, for the messages to those who wait.
    turn : bool, default=False
        Whether it goes from one process to the next: to wait for a living holder is usual then, and not spoken of, and
        the holder has to make `progress`.
    """

    def __init__(self, path: Path, *, work: str, turn: bool = False) -> None:
        self.path, self.work, self.turn = path, work, turn
        self._heartbeat = path.with_name(path.name + ".holder")
        self._marker = path.with_name(path.name + ".soft")
        self._held: Any = None
        self._contents: dict[str, Any] = {}
        self._last_progress = 0.0
        self._ended = threading.Event()

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
        """Give it back."""
        self._ended.set()
        if self._is_mine():
            with contextlib.suppress(OSError):
                self._heartbeat.unlink()
        if self._held is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._held.release()
            self._held = None

    def progress(self) -> None:
        """Note that the work goes on; a turn without that for ten minutes is overtaken."""
        self._last_progress = time.monotonic()

    def try_acquire(self) -> bool:
        """Take the lock if it is free, or if its holder gave no sign of life for too long; do not wait.

        Raises
        ------
        OSError
            If the file of the lock cannot be made.
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
        # Where an open file cannot be removed, its work is done without the lock.
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
            # Nor can a file that is another user's be locked. Where no marker can be made either, its error tells.
            held = filelock.SoftFileLock(str(self._marker))
            try:
                held.acquire(timeout=0)
            except filelock.Timeout:
                return False
        self._held = held
        return True

    def _start_heartbeat(self) -> None:
        """Begin to give signs of life."""
        self.progress()
        self._contents = {
            "process": os.getpid(),
            "host": socket.gethostname(),
            "since": time.time(),
            "space": process_space(),
            "hold": uuid.uuid4().hex,
            "signs": 0,
        }
        # What a killed holder left may be another user's.
        with contextlib.suppress(OSError):
            self._heartbeat.unlink(missing_ok=True)
        self._beat()
        # Work without a sign of life is done all the same.
        with contextlib.suppress(RuntimeError):
            threading.Thread(target=self._keep_beating, daemon=True).start()

    def _keep_beating(self) -> None:
        while not self._ended.wait(HEARTBEAT_SECONDS):
            if self.turn and time.monotonic() - self._last_progress > STUCK_SECONDS:
                continue
            # Who was overtaken leaves the file to the one that goes on.
            if self._is_mine():
                self._contents["signs"] += 1
                self._beat()

    def _beat(self) -> None:
        # On a full disk the file stays empty, and its time changes.
        with contextlib.suppress(OSError):
            self._heartbeat.write_text(json.dumps(self._contents))

    def _is_mine(self) -> bool:
        return self._read_heartbeat().get("hold") in (None, self._contents.get("hold"))

    def _seen(self) -> object:
        """Return what changes while the holder lives, or when there is another one."""
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
        """Return who does what since when."""
        found = self._read_heartbeat()
        try:
            since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(found["since"])))
            return f"process {found['process']} of {found['host']} has been {self.work} since {since},"
        except (KeyError, TypeError, ValueError, OverflowError, OSError):
            return f"an unknown process has been {self.work}, by the lock {self.path},"


def remove_old_turns(root: Path) -> None:
    """Remove the turns' files of machines that have not been used for a day, or were booted again."""
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
    """Return what keeps filelock from choosing a marker by itself, which some versions do, with a warning."""
    known = inspect.signature(filelock.FileLock.__init__).parameters
    return {"fallback_to_soft": False} if "fallback_to_soft" in known else {}
