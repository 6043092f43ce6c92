"""What a worker of a distributed extraction does with its share of the images.

It first makes sure that its network is the one of the process that distributes them. It opens the images by itself, and
believes a file only if its content has the digest that was read there. Rows are committed to the cache's folder if it
is the same one, and are otherwise sent home as the finished segments of a cache of the worker's own.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .._version import __version__
from ..cache import EmbeddingCache
from ..cache.reference_outputs import outputs_agree
from ..cache.segment import SUFFIX
from ..exceptions import (
    BackboneError,
    CacheError,
    ImageDecodeError,
    MissingDependencyError,
    WeightsError,
    WorkerError,
)
from ..images.sources import ImageSource
from ..process import remember
from ..runtime.cancelled_tasks import task_is_cancelled
from ..runtime.lanes import limited_threads
from ..runtime.resources import core_count, thread_count
from ..runtime.timing import wait_until
from .forward import forward_images
from .forward_task import ForwardTask
from .shares import Home, Share, ShareResult

__all__ = ["forward_share", "network_outputs", "versions_here"]

# How long a worker looks for the file that shows that the folder is the same one: clients of NFS may see it late. What
# is sent home although the folder is the same costs time and nothing else.
VISIBLE_SECONDS = 5.0

# The networks of this process that give the same outputs as where the images are distributed.
_same: set[Any] = remember("networks", set())


@dataclass(slots=True, repr=False)
class _SharedImage(ImageSource):
    """An image of a share, which is opened if this worker has the content that was read elsewhere.

    Attributes
    ----------
    key : bytes
        Of that content.
    is_opened, is_unreadable : bool
        Whether its content is there, and whether it cannot be decoded.
    """

    key: bytes = b""
    is_opened: bool = False
    is_unreadable: bool = False

    def read(self) -> bytes | None:
        """Return the bytes of a file or URL, or None for an image that is already decoded."""
        data = ImageSource.read(self)
        if isinstance(self.content, str) and data is not None and self.key_of(data) != self.key:
            raise ImageDecodeError(self.name, "its content is another one on this worker")
        self.is_opened = True
        return data

    def decode(self, data: bytes | None) -> tuple[bytes, np.ndarray]:
        """Return the digest and the pixels of what `read` returned."""
        try:
            return ImageSource.decode(self, data)
        except ImageDecodeError:
            self.is_unreadable = True
            raise


def forward_share(task: ForwardTask, home: Home, share: Share) -> ShareResult:
    """Compute and commit the rows of a share that are not in the cache yet.

    Parameters
    ----------
    task : ForwardTask
    home : Home
    share : Share

    Returns
    -------
    ShareResult
        Images that cannot be read are listed in it. If the results are no longer waited for, or the first one ends the
        extraction, it ends with the image that was reached.

    Raises
    ------
    BackboneError
        If the network is another one here, or its weights are not.
    CacheError
        If rows cannot be written.
    WorkerError
        If a library is missing.
    """
    host = socket.gethostname()
    try:
        return _forwarded(task, home, share, host)
    except (CacheError, WeightsError, MissingDependencyError) as error:  # of this machine, and read on another
        kind = WorkerError if isinstance(error, MissingDependencyError) else type(error)
        raise kind(f"on the worker on {host}: {error.message}", error.next_step) from error


def _forwarded(task: ForwardTask, home: Home, share: Share, host: str) -> ShareResult:
    began = time.monotonic()
    _require_same_network(task, home, host)
    images = [_SharedImage(i.content, i.name, i.max_pixels, i.value_range, key=digest)
              for i, digest in zip(share.images, share.digests, strict=True)]  # fmt: skip
    cores = max(1, core_count() // home.neighbours.get(host, home.n_workers))
    with _rows_store(home) as (store, is_home), limited_threads(cores):
        here = replace(task, threads=min(cores, thread_count(task.n_jobs)), raises=False, takes_turns=False)

        def is_over() -> bool:
            if task_is_cancelled() or (is_home and not home.marker_path.exists()):
                return True
            return task.raises and any(image.is_unreadable for image in images)

        forwarded = forward_images(here.placed(home.batch_size), images, share.digests, store, is_over=is_over)
        failed = [n for n, (digest, _) in enumerate(forwarded.results) if digest is None]
        return ShareResult(
            rows=share.rows,
            host=host,
            process=os.getpid(),
            folder=str(store.root),
            is_home=is_home,
            forwarded=forwarded,
            unopened=[n for n in failed if not images[n].is_opened],
            segments=[] if is_home else list(_segments(store, task)),
            seconds=time.monotonic() - began,
        )


def network_outputs(task: ForwardTask) -> tuple[np.ndarray, ...]:
    """Return what the network returns for two fixed images, for each spec."""
    from ..networks.reference_outputs import outputs_of  # imports torch

    return tuple(outputs_of(task.source, spec) for spec in task.specs)


def versions_here() -> str:
    """Return the versions of what computes an embedding."""
    import torch
    import torchvision

    return f"featx {__version__}, torch {torch.__version__} and torchvision {torchvision.__version__}"


def _require_same_network(task: ForwardTask, home: Home, host: str) -> None:
    versions = f"({versions_here()} there; here {home.versions})"
    if tuple(spec.digest for spec in task.specs) != home.specs:
        raise BackboneError(
            f"the worker on {host} files the embeddings of {task.source.name} under other names {versions}",
            "Install the same version on all workers.",
        )
    network = (home.specs, tuple(map(bytes, (outputs.data for outputs in home.outputs))))
    if network in _same:
        return
    if not all(map(outputs_agree, home.outputs, network_outputs(task))):
        raise BackboneError(
            f"{task.source.name} gives other outputs for two fixed images on the worker on {host} {versions}",
            "Bring the same weights, code and versions to all workers.",
        )
    _same.add(network)


@contextlib.contextmanager
def _rows_store(home: Home) -> Iterator[tuple[EmbeddingCache, bool]]:
    """Yield the cache at home, or one in a temporary folder, and whether it is the former."""
    shared = EmbeddingCache(home.root)
    if home.marker and _sees(home.marker_path) and shared.writable():
        yield shared, True
        return
    with tempfile.TemporaryDirectory(prefix="featx-") as folder:
        yield EmbeddingCache(folder), False


@functools.lru_cache(16)
def _sees(marker: Path) -> bool:
    """Tell whether the file is there; asked once for each run, which has a file of its own."""
    return wait_until(marker.exists, VISIBLE_SECONDS)


def _segments(store: EmbeddingCache, task: ForwardTask) -> Iterator[tuple[str, str, bytes]]:
    for spec in task.specs:
        for path in sorted((store.root / spec.digest).glob(f"*{SUFFIX}")):
            yield spec.digest, path.name, path.read_bytes()
