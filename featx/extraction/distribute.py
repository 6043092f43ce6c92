"""Images to forward go in; the processes that the user's joblib configuration offers, or this one, forward them.

Workers commit to the cache themselves. Before one computes anything it looks for a file that this process has just put
there: a worker with another disk at that path would compute what never arrives.
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
from ..cache.memory import Store
from ..exceptions import BackboneError, CacheError, WorkerError
from ..images.sources import ImageSource
from ..runtime.tasks import Workers
from .forward import forward_images
from .forward_plan import ForwardPlan, Outcome

__all__ = ["share_out"]

log = logging.getLogger("featx")

# A kill costs the shares in flight their uncommitted rows, and what is shown of the progress goes by whole ones.
SHARES = 4
# How long a worker looks for the file, and how long what workers have committed is looked for here: clients of NFS
# look at a folder anew after a minute at the latest (acdirmax).
SIGHT_SECONDS = 5.0
ARRIVAL_SECONDS = 70.0
POLL = 0.2
ONE_FOLDER = (
    "Choose a folder that all workers share (cache=DIR), or compute on this machine, without joblib.parallel_config."
)


def share_out(
    plan: ForwardPlan,
    images: list[ImageSource],
    digests: list[bytes],
    store: Store,
    advance: Callable[[int], Any],
) -> Outcome:
    """Forward here, or in the processes that the user's joblib configuration offers.

    Raises
    ------
    WorkerError
        If workers are lost; what they committed before is kept.
    CacheError
        If a worker has another folder at the cache's path, or nothing arrives of what workers have committed.
    """
    workers = Workers()
    processes = workers.process_count() if isinstance(store, EmbeddingCache) else 1
    if processes == 1 or len(images) <= plan.batch_size or not isinstance(store, EmbeddingCache):
        return forward_images(plan, images, digests, store, advance)
    # Workers may be in another directory.
    shared = EmbeddingCache(store.root.absolute())
    images = [_absolute(image) for image in images]
    height = max(plan.batch_size, -(-len(images) // (SHARES * processes)))
    shares = [slice(start, start + height) for start in range(0, len(images), height)]
    total, hosts = Outcome(), set()
    try:
        with _sign(shared.root) as sign, contextlib.ExitStack() as stack:
            stack.enter_context(workers)
            expected = [spec.digest for spec in plan.specs]
            calls = [(images[part], digests[part], shared, sign, expected) for part in shares]
            results = stack.enter_context(contextlib.closing(workers.results(partial(_forward_share, plan), calls)))
            for outcome, host in results:
                advance(len(outcome.results))
                total.add(outcome)
                hosts.add(host)
    except WorkerError as error:
        kept = int(_there(plan, digests, store).sum())
        message = f"{error.message}; {kept:,} of {len(images):,} images are done and kept in {store.root}"
        raise WorkerError(message, error.next_step) from error.__cause__
    _await_arrival(plan, total, store, sorted(hosts))
    return total


def _forward_share(
    plan: ForwardPlan,
    images: list[ImageSource],
    digests: list[bytes],
    store: EmbeddingCache,
    sign: str,
    expected: list[str],
) -> tuple[Outcome, str]:
    """Forward a share of the images in a worker, whose folder, libraries or code may be others; return its host."""
    host = socket.gethostname()
    if sign and not _seen(lambda: (store.root / sign).exists(), SIGHT_SECONDS):
        raise CacheError(
            f"the worker on {host} has another folder at {store.root}: what it computes would not arrive here",
            ONE_FOLDER,
        )
    if [spec.digest for spec in plan.specs] != expected:
        raise BackboneError(
            f"the featx on {host} files the embeddings of {plan.source.name} under other names",
            "Install the same version on all workers.",
        )
    if plan.source.is_custom:
        from ..networks.reference_outputs import store_to_write

        if store_to_write(store, plan.source, plan.specs) is not store:
            raise BackboneError(
                f"{plan.source.name} gives other answers on {host} than where it was passed",
                "Bring the same code to all workers.",
            )
    return forward_images(dataclasses.replace(plan, worker_host=host), images, digests, store), host


def _absolute(image: ImageSource) -> ImageSource:
    return image if image.path is None else dataclasses.replace(image, content=os.path.abspath(image.path))


@contextlib.contextmanager
def _sign(root: Path) -> Iterator[str]:
    """Give the name of a file that is in the folder meanwhile, or nothing where there can be none."""
    path = root / temporary_name(".sign")
    try:
        path.touch()
    except OSError:  # a disk without space; what workers say about it is plainer
        yield ""
        return
    try:
        yield path.name
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _await_arrival(plan: ForwardPlan, outcome: Outcome, store: EmbeddingCache, hosts: list[str]) -> None:
    """Wait until something of what workers have committed is seen here.

    What is seen in part goes on: the caller looks which rows it lacks and asks for these alone.
    """
    done = [digest for digest, _ in outcome.results if digest is not None]
    if not done or _there(plan, done, store).any():
        return
    log.warning(
        "nothing of what the workers have computed is seen in %s yet: looking again for %d s",
        store.root,
        ARRIVAL_SECONDS,
    )
    if not _seen(lambda: bool(_there(plan, done, store).any()), ARRIVAL_SECONDS):
        raise CacheError(
            f"{len(done):,} rows were computed on {', '.join(hosts)} at {store.root} and did not arrive here",
            ONE_FOLDER,
        )


def _there(plan: ForwardPlan, digests: list[bytes], store: Store) -> np.ndarray:
    """Return for each digest whether all its rows are in the store, as bool (n,)."""
    keys = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
    return np.logical_and.reduce([store.contains(spec, keys) for spec in plan.specs])


def _seen(look: Callable[[], bool], seconds: float) -> bool:
    """Look until something is seen, for some seconds."""
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(POLL)
    return seen
