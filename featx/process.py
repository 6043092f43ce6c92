"""What featx changes in the whole process that uses it, and what it remembers there from one call to the next.

It changes: how the C library keeps freed memory (`keep_freed_memory`); the time limit of connections while weights
are downloaded (`connections_time_out`). Python calls functions of its modules at exit (`at_exit`) and after a fork
(`after_fork`). It starts threads that end with the call, and processes that decode what might hang, which end with
this one. It has Pillow load its formats. While threads for batches are started, torch's number of threads is another
one for a moment; while a command runs, Python looks for garbage among all objects less often (`rare_collections`);
while a GPU computes embeddings, torch does not round float32 to TF32 (`networks.device`); while skops is loaded,
scikit-learn's adapters to other libraries are not found (`model_files.light_skops`). Nothing else: no signal, no
environment variable, no default of torch or warnings.

It remembers what would cost time to find again, and what was said (`remember`): see `KINDS`.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import os
import socket
import sys
from collections.abc import Callable, Iterator
from functools import cache
from typing import Protocol, TypeVar

__all__ = [
    "KINDS",
    "after_fork",
    "at_exit",
    "connections_time_out",
    "forget",
    "keep_freed_memory",
    "rare_collections",
    "remember",
]

# Parameters of mallopt(3), by malloc.h, with values in bytes: arrays up to the first are cut from memory that the
# process keeps; at most the second stays unused at its end.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_ARRAY = 1 << 30
MOST_UNUSED = 1 << 30
# Where one of these is set, the user has chosen how memory is allocated.
ALLOCATOR_SETTINGS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES", "LD_PRELOAD")
# What is remembered: remarks that were made, networks that were loaded and what was measured of them, and files and
# caches that were opened or digested. To forget them costs time, or repeats a remark, and changes no result.
KINDS = ("remarks", "networks", "files")


class _Memory(Protocol):
    def clear(self) -> object: ...


Memory = TypeVar("Memory", bound=_Memory)
_memories: dict[str, list[_Memory]] = {kind: [] for kind in KINDS}


def remember(kind: str, memory: Memory) -> Memory:
    """Return an empty container that lasts as long as the process, and that `forget` empties.

    Parameters
    ----------
    kind : {"remarks", "networks", "files"}
    memory : set, dict or list
    """
    _memories[kind].append(memory)
    return memory


def forget(*kinds: str) -> None:
    """Empty what is remembered of these kinds, or of all if none is named, as if the process had just begun."""
    for kind in kinds or KINDS:
        for memory in _memories[kind]:
            memory.clear()


@cache
def keep_freed_memory() -> bool:
    """Let this process keep up to 1 GiB of freed memory for later; return whether the C library can.

    The GNU C library maps every large array anew and unmaps it when it is freed. A network's layers are such arrays,
    and having the kernel clear each of their pages again and again takes up to half of the time of a forward pass.

    It is done once, when the first network is built on a CPU, and does not change how much memory is used at most.
    Nothing is done where the environment sets `MALLOC_MMAP_THRESHOLD_`, `MALLOC_TRIM_THRESHOLD_`, `GLIBC_TUNABLES` or
    `LD_PRELOAD`.
    """
    if not sys.platform.startswith("linux") or any(name in os.environ for name in ALLOCATOR_SETTINGS):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_ARRAY) and mallopt(M_TRIM_THRESHOLD, MOST_UNUSED))


def at_exit(function: Callable[[], object]) -> None:
    """Have Python call a function when the process ends: the processes that decode images end with it."""
    atexit.register(function)


def after_fork(function: Callable[[], object]) -> None:
    """Have Python call a function in each forked process, which has none of the threads of its parent."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=function)


@contextlib.contextmanager
def connections_time_out(seconds: float) -> Iterator[None]:
    """Set a time limit for new connections of the process, unless it has one, since torch's download takes none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds if before is None else before)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextlib.contextmanager
def rare_collections() -> Iterator[None]:
    """Have Python look for garbage among all objects a tenth as often, for that takes some 8 % of a short command.

    Loading torch and scikit-learn makes 400,000 objects that all stay.
    """
    young, middle, old = gc.get_threshold()
    gc.set_threshold(young, middle, 10 * old)
    try:
        yield
    finally:
        gc.set_threshold(young, middle, old)
