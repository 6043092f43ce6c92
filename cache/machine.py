"""Nothing goes in; the names of this machine and of the part of it that this process sees come out.

A host name is neither: containers on one machine have names of their own, and two machines may share one.
"""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import sys
from pathlib import Path

__all__ = ["machine", "process_is_gone", "process_space", "visible_gpu"]

# What says which GPUs a process may see, in the order in which they are asked.
VISIBLE_DEVICES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


@functools.cache
def machine() -> str:
    """Return the name of this machine since it was booted, or the host's where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def process_space() -> str | None:
    """Return what process numbers mean something in: the machine and the PID namespace; None where that is unknown."""
    space = ""
    if sys.platform == "linux":
        try:
            space = os.readlink("/proc/self/ns/pid")
        except OSError:
            return None
    return hashlib.sha256(f"{machine()} {space}".encode()).hexdigest()[:16]


def process_is_gone(space: str, pid: int) -> bool:
    """Tell whether a process is known to have ended; of those in other spaces nothing is known."""
    # On Windows a signal of 0 is Ctrl-C.
    if os.name == "nt" or space != process_space():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        pass
    return False


def visible_gpu(device: str) -> str:
    """Return what "cuda" or "cuda:1" is by what the environment lets this process see; the names of others stay."""
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return kind if index in ("", "0") else device
    entry = index or "0"
    for name in VISIBLE_DEVICES:
        entries = [part.strip() for part in os.environ.get(name, "").split(",")]
        if entry.isdecimal() and int(entry) < len(entries) and entries[int(entry)]:
            entry = entries[int(entry)]
    return f"gpu{entry}" if entry.isdecimal() else entry
