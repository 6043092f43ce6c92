"""Identify this machine, its PID namespace and the visible GPUs, so that processes can share a folder safely.

A host name is not enough: containers on one machine have their own names, and two machines may share one.
"""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import sys
from pathlib import Path

__all__ = ["machine", "process_is_gone", "process_space", "visible_gpu"]

# Environment variables that say which GPUs a process may see, in the order in which they are checked.
VISIBLE_DEVICES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


@functools.cache
def machine() -> str:
    """Return the boot identifier of this machine, or the host name where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


def process_space() -> str | None:
    """Return the scope in which process numbers are unique, the machine and PID namespace; None if it is unknown."""
    space = ""
    if sys.platform == "linux":
        try:
            space = os.readlink("/proc/self/ns/pid")
        except OSError:
            return None
    return hashlib.sha256(f"{machine()} {space}".encode()).hexdigest()[:16]


def process_is_gone(space: str, pid: int) -> bool:
    """Tell whether a process is known to have ended; nothing is known of processes in other spaces."""
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
    """Return the GPU that "cuda" or "cuda:1" means by the environment of this process; other names stay."""
    kind, _, index = device.partition(":")
    if kind != "cuda":
        return kind if index in ("", "0") else device
    entry = index or "0"
    for name in VISIBLE_DEVICES:
        entries = [part.strip() for part in os.environ.get(name, "").split(",")]
        if entry.isdecimal() and int(entry) < len(entries) and entries[int(entry)]:
            entry = entries[int(entry)]
    return f"gpu{entry}" if entry.isdecimal() else entry
