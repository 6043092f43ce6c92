"""Atomic writes: replace a file as a whole or not at all, and remove temporary files of writers that were killed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
import time
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path

from .machine import process_is_gone, process_space

__all__ = [
    "TEMPORARY",
    "committed",
    "folder_time",
    "is_abandoned",
    "replaced",
    "sweep",
    "sync_folder",
    "temporaries",
    "temporary_beside",
    "temporary_name",
    "written_path",
]

TEMPORARY = "tmp-"
# Nothing is known of processes on other machines, in other containers or before a reboot: a temporary file that they
# have not touched for a day is abandoned. The same goes for names of earlier versions, which hold the host only.
DAY = 86_400


def temporary_name(suffix: str) -> str:
    """Return a name that contains the machine, its PID namespace and the process that is writing."""
    return f"{TEMPORARY}{process_space() or 'unknown'}-{os.getpid()}-{uuid.uuid4().hex}{suffix}"


def temporary_beside(target: Path) -> Path:
    """Return a temporary name for a file, and remove what killed writers of that file left behind."""
    mark = f".{zlib.crc32(os.fsencode(target.name)):08x}{target.suffix}"
    sweep(target.parent, mark)
    return target.with_name(temporary_name(mark))


def written_path(path: str | os.PathLike[str]) -> Path:
    """Return the file to be replaced, with links resolved.

    Raises
    ------
    OSError
        If something other than a file is there: a folder, device, pipe or socket must not be replaced.
    """
    target = Path(os.path.realpath(os.fsdecode(path)))
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(target).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is a device, pipe or socket, not a file")
    return target


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path to write to, which replaces the file if the block succeeds.

    Raises
    ------
    OSError
        As `written_path`, or if it cannot be renamed. The former file stays, and nothing is left behind.
    """
    target = written_path(path)
    with committed(target, temporary=temporary_beside(target)) as temporary:
        yield temporary


@contextlib.contextmanager
def committed(target: Path, *, temporary: Path | None = None, keep_first: bool = False) -> Iterator[Path]:
    """Yield a temporary path to write to, which is renamed to the file if the block succeeds, and removed if not.

    Parameters
    ----------
    target : Path
        Links are not followed, and no folder is searched for what killed writers left; see `replaced`.
    temporary : Path, default=None
        In the same folder; None means a new name with the target's suffix.
    keep_first : bool, default=False
        Leave a file alone that another process has written meanwhile.
    """
    temporary = temporary or target.with_name(temporary_name(target.suffix))
    try:
        yield temporary
        if not (keep_first and _is_linked(temporary, target)):
            os.replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):  # must not hide the first error where the folder is not one
            temporary.unlink(missing_ok=True)


def _is_linked(temporary: Path, target: Path) -> bool:
    """Give a file its name as well, and tell whether a file has that name now; some systems have no hard links."""
    try:
        os.link(temporary, target)
    except OSError as error:
        return isinstance(error, FileExistsError)
    return True


def is_abandoned(path: Path) -> bool:
    """Tell whether the writer of a temporary file has ended, or has not touched it for a day."""
    name = path.name
    if not name.startswith(TEMPORARY):
        return False
    space, _, pid = name[len(TEMPORARY) :].rpartition("-")[0].rpartition("-")
    if space == process_space() and pid.isdecimal():
        return process_is_gone(space, int(pid))
    try:
        return folder_time(path.parent) - path.lstat().st_mtime > DAY
    except OSError:
        return False


def folder_time(folder: Path) -> float:
    """Return the time by the clock of the folder's file system; this machine's own may be days off."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:  # a folder that cannot be written
        return time.time()


def temporaries(folder: Path) -> list[tuple[Path, int]]:
    """Return the temporary files in a folder, in use or abandoned, with their sizes."""
    found = []
    with contextlib.suppress(OSError):
        for path in sorted(folder.glob(f"{TEMPORARY}*")):
            with contextlib.suppress(FileNotFoundError):
                found.append((path, path.lstat().st_size))
    return found


def sweep(folder: Path, suffix: str = "") -> None:
    """Remove what killed writers left in a folder under names with this ending."""
    with contextlib.suppress(OSError):
        left = [folder / name for name in os.listdir(folder) if name.endswith(suffix) and is_abandoned(folder / name)]
        for path in left:
            path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make a rename in the folder durable, where folders can be synced."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
