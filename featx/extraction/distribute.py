"""Distribute the forward pass over the processes of the user's joblib configuration, or run it in this one.

Workers commit to the cache themselves. Before a worker computes anything, it looks for a file that this process has
just written there: what a worker with another disk at that path computes would never arrive.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..cache import EmbeddingCache
from ..cache.files import temporary_name
from ..cache.interface import EmbeddingStore
from ..exceptions import BackboneError, CacheError, WorkerError
from ..images.sources import ImageSource
from ..networks.verified_stores import store_to_write
from ..runtime.tasks import Workers
from .forward import forward_images
from .forward_task import ForwardResult, ForwardTask

__all__ = ["distribute"]

log = logging.getLogger("featx")

# When a worker is killed, the uncommitted rows of the chunks in progress are lost; the progress bar advances by chunks.
CHUNKS_PER_PROCESS = 4
# How long a worker looks for the file, and how long this process looks for what workers have committed: clients of NFS
# read a folder again after a minute at the latest (acdirmax).
VISIBLE_SECONDS = 5.0
ARRIVAL_SECONDS = 70.0
POLL_SECONDS = 0.2
SHARE_ONE_FOLDER = (
    "Choose a folder that all workers share (cache=DIR), or compute on this machine, without joblib.parallel_config."
)


def distribute(
    task: ForwardTask,
    images: list[ImageSource],
    digests: list[bytes],
    store: EmbeddingStore,
    advance: Callable[[int], Any],
) -> ForwardResult:
    """Forward here, or in the processes that the user's joblib configuration offers.

    Raises
    ------
    WorkerError
        If workers are lost; what they committed before is kept.
    CacheError
        If a worker has another folder at the cache's path, or nothing arrives of what workers have committed.
    """
    workers = Workers()
    root = store.root if store.is_shared else None
    processes = 1 if root is None else workers.process_count()
    if root is None or processes == 1 or len(images) <= task.lanes.batch_size:
        return forward_images(task, images, digests, store, advance)
    # Workers may be in another directory.
    shared = EmbeddingCache(root.absolute())
    images = [_absolute(image) for image in images]
    size = max(task.lanes.batch_size, -(-len(images) // (CHUNKS_PER_PROCESS * processes)))
    chunks = [slice(start, start + size) for start in range(0, len(images), size)]
    total, hosts = ForwardResult(), set()
    try:
        with _marker(shared.root) as marker, contextlib.ExitStack() as stack:
            stack.enter_context(workers)
            expected = [spec.digest for spec in task.specs]
            calls = [(images[part], digests[part], shared, marker, expected) for part in chunks]
            results = stack.enter_context(contextlib.closing(workers.results(partial(_forward_chunk, task), calls)))
            for result, host in results:
                advance(len(result.results))
                total.add(result)
                hosts.add(host)
    except WorkerError as error:
        kept = int(_stored(task, digests, store).sum())
        message = f"{error.message}; {kept:,} of {len(images):,} images are done and kept in {root}"
        raise WorkerError(message, error.next_step) from error.__cause__
    _await_arrival(task, total, store, sorted(hosts))
    return total


def _forward_chunk(
    task: ForwardTask,
    images: list[ImageSource],
    digests: list[bytes],
    store: EmbeddingCache,
    marker: str,
    expected: list[str],
) -> tuple[ForwardResult, str]:
    """Forward a chunk of the images in a worker, whose folder, libraries or code may differ; return its host too."""
    host = socket.gethostname()
    if marker and not _wait_until(lambda: (store.root / marker).exists(), VISIBLE_SECONDS):
        raise CacheError(
            f"the worker on {host} has another folder at {store.root}: what it computes would not arrive here",
            SHARE_ONE_FOLDER,
        )
    if [spec.digest for spec in task.specs] != expected:
        raise BackboneError(
            f"the featx on {host} files the embeddings of {task.source.name} under other names",
            "Install the same version on all workers.",
        )
    if store_to_write(store, task.source, task.specs) is not store:
        raise BackboneError(
            f"{task.source.name} gives other answers on {host} than where it was passed",
            "Bring the same code to all workers.",
        )
    return forward_images(dataclasses.replace(task, worker_host=host), images, digests, store), host


def _absolute(image: ImageSource) -> ImageSource:
    return image if image.path is None else dataclasses.replace(image, content=os.path.abspath(image.path))


@contextlib.contextmanager
def _marker(root: Path) -> Iterator[str]:
    """Yield the name of a file that is in the folder for the length of the block, or "" where none can be written."""
    path = root / temporary_name(".marker")
    try:
        path.touch()
    except OSError:  # a full disk, perhaps: the error of the workers is clearer
        yield ""
        return
    try:
        yield path.name
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _await_arrival(task: ForwardTask, result: ForwardResult, store: EmbeddingStore, hosts: list[str]) -> None:
    """Wait until some of the rows that workers have committed are visible here.

    If only some are, the caller goes on and asks for the missing ones alone.
    """
    done = [digest for digest, _ in result.results if digest is not None]
    if not done or _stored(task, done, store).any():
        return
    log.warning(
        "none of the rows that the workers have computed is in %s yet: looking again for %d s",
        store.root,
        ARRIVAL_SECONDS,
    )
    if not _wait_until(lambda: bool(_stored(task, done, store).any()), ARRIVAL_SECONDS):
        raise CacheError(
            f"{len(done):,} rows were computed on {', '.join(hosts)} at {store.root} and did not arrive here",
            SHARE_ONE_FOLDER,
        )


def _stored(task: ForwardTask, digests: list[bytes], store: EmbeddingStore) -> np.ndarray:
    """Return for each digest whether all its rows are in the store, as bool (n,)."""
    keys = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
    return np.logical_and.reduce([store.contains(spec, keys) for spec in task.specs])


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until the condition is true, for some seconds at most; return whether it is."""
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    return met
