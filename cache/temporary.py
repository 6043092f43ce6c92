"""A file that is to be written goes in, a temporary name that tells its writer comes out; dead writers' files go."""

from __future__ import annotations

import contextlib
import os
import socket
import uuid
import zlib
from pathlib import Path

__all__ = ["TEMPORARY", "is_abandoned", "sweep", "sync_folder", "temporary_beside", "temporary_name"]

TEMPORARY = "tmp-"


def temporary_name(suffix: str) -> str:
    """Return a name that tells which process of which machine is writing."""
    return f"{TEMPORARY}{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex}{suffix}"


def temporary_beside(target: Path) -> Path:
    """Return a temporary name for a file, and remove what killed writers of that file left behind."""
    mark = f".{zlib.crc32(os.fsencode(target.name)):08x}{target.suffix}"
    sweep(target.parent, mark)
    return target.with_name(temporary_name(mark))


def is_abandoned(path: Path) -> bool:
    """Tell whether a temporary file was left by a writer of this machine that is no longer alive."""
    name = path.name
    if not name.startswith(TEMPORARY):
        return False
    host, _, pid = name[len(TEMPORARY) :].rpartition("-")[0].rpartition("-")
    if host != socket.gethostname() or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    return False


def sweep(folder: Path, suffix: str = "") -> None:
    """Remove what killed writers left in a folder under names that end like this."""
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
