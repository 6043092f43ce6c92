"""Distribute the forward pass over the workers of the user's joblib configuration, or run it in this process.

Workers that see this process's cache folder commit to it themselves; others send finished segments, which are committed
here. Images that a worker cannot open are sent to one as they are read here. What a lost worker was at is given to the
others. Every round of this brings rows, or ends in an error.
"""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..cache import EmbeddingCache
from ..cache.files import temporary_name
from ..cache.interface import EmbeddingStore
from ..choices import Auto
from ..display.notes import note_once
from ..exceptions import CacheError, ImageDecodeError, WorkerError
from ..images.sources import ImageSource
from ..runtime.deadlines import map_with_deadline
from ..runtime.tasks import Workers
from ..runtime.timing import wait_until
from .early_images import EarlyImages
from .forward import forward_images
from .forward_task import ForwardResult, ForwardTask
from .share_worker import forward_share, network_outputs, versions_here
from .shares import FIRST_BATCHES, MOST_BYTES, Home, Share, ShareResult, ShareSizes, absolute, image_bytes

__all__ = ["distribute", "is_distributed"]

log = logging.getLogger("featx")

# How long this process looks for what workers have committed: clients of NFS read a folder again after a minute at the
# latest (acdirmax).
ARRIVAL_SECONDS = 70.0
SHARE_ONE_FOLDER = (
    "Choose a folder that all workers share, or one that they do not see at all (cache=DIR); or compute on this "
    "machine, without joblib.parallel_config."
)


def distribute(
    task: ForwardTask,
    images: list[ImageSource],
    digests: list[bytes],
    store: EmbeddingStore,
    advance: Callable[[int], Any],
    *,
    batch_size: int | Auto,
    early: EarlyImages | None = None,
) -> ForwardResult:
    """Forward here, or in the processes that the user's joblib configuration offers.

    Raises
    ------
    ImageDecodeError
        If an image cannot be read and `task.raises`.
    WorkerError
        If workers are lost again and again; what they committed before is kept.
    BackboneError
        If a worker's network is another one.
    CacheError
        If nothing arrives of what a worker has committed.
    """
    root, placed = store.root if store.is_shared else None, task.placed(batch_size)
    if root is None:
        _note_alone(len(images), placed.lanes.batch_size)
        return forward_images(placed, images, digests, store, advance, early=early)
    processes = Workers(ordered=False).process_count()
    if processes == 1 or len(images) <= placed.lanes.batch_size:
        return forward_images(placed, images, digests, store, advance, early=early)
    shared = EmbeddingCache(root.absolute())
    with _marker(shared.root) as marker:
        home = Home(
            root=shared.root,
            marker=marker,
            specs=tuple(spec.digest for spec in task.specs),
            outputs=network_outputs(task),
            versions=versions_here(),
            batch_size=batch_size,
            neighbours={},
            n_workers=processes,
        )
        sizes = ShareSizes(len(images), n_workers=processes, batch_size=placed.lanes.batch_size)
        return _Distribution(task, images, digests, shared, home, sizes, advance).run()


def is_distributed(store: EmbeddingStore | None) -> bool:
    """Tell whether many images would be distributed over other processes."""
    return store is not None and store.is_shared and Workers(ordered=False).process_count() > 1


def _note_alone(n_images: int, batch_size: int) -> None:
    """Say that workers have nothing to do, if there are some and there would be enough for them."""
    with contextlib.suppress(WorkerError):  # of a cluster that is not needed
        workers = Workers(ordered=False)
        if n_images > FIRST_BATCHES * batch_size and (count := workers.process_count()) > 1:
            note_once(
                f"this process alone forwards {n_images:,} images, not the {count} workers of joblib's {workers.name}: "
                "rows that are in memory only cannot be handed over. Choose a folder (cache=DIR), perhaps one to "
                "remove afterwards, to have them share the work."
            )


class _Distribution:
    """The images of one call, and what has become of them so far."""

    def __init__(
        self,
        task: ForwardTask,
        images: list[ImageSource],
        digests: list[bytes],
        store: EmbeddingCache,
        home: Home,
        sizes: ShareSizes,
        advance: Callable[[int], Any],
    ) -> None:
        self.task, self.images, self.digests, self.store, self.home = task, images, digests, store, home
        self.sizes, self.advance = sizes, advance
        self.specs = {spec.digest: spec for spec in task.specs}
        self.done: dict[int, tuple[bytes | None, ImageDecodeError | None]] = {}
        self.queue: deque[int] = deque()
        # Images that a worker could not open, and the errors of those that cannot be read here either.
        self.sent: set[int] = set()
        self.unread: dict[int, ImageDecodeError] = {}
        self.total = ForwardResult()
        self.workers: dict[str, set[int]] = {}
        self.last: ShareResult | None = None
        # Rows that workers have committed to the folder themselves, by worker and its name for the folder.
        self.committed: dict[tuple[str, str], list[int]] = {}

    def run(self) -> ForwardResult:
        """Send shares until the outcome of every image is known."""
        losses = 0
        while left := [row for row in range(len(self.images)) if row not in self.done]:
            self.queue = deque(left)
            sent = len(self.sent)
            lost: WorkerError | None = None
            try:
                self._round()
            except WorkerError as error:
                lost = error
                self._note_stored()
            if len(self.done) == len(self.images) or (not lost and len(self.sent) > sent):
                continue
            losses = 0 if len(self.images) - len(self.done) < len(left) else losses + 1
            if lost is not None:
                self._go_on_without(lost, losses)
            elif losses:
                raise CacheError(self._fruitless(len(left)), SHARE_ONE_FOLDER)
        self._await_arrival()
        self.total.results = [self.done[row] for row in range(len(self.images))]
        return self.total

    def _round(self) -> None:
        with Workers(ordered=False) as workers:
            calls = ((self._home_now(), share) for share in self._shares())
            with contextlib.closing(workers.results(partial(forward_share, self.task), calls)) as results:
                for result in results:
                    self._take(result)
        self._settle_unread()

    def _home_now(self) -> Home:
        return replace(self.home, neighbours={host: len(processes) for host, processes in self.workers.items()})

    def _shares(self) -> Iterator[Share]:
        """Yield shares of the images in the queue, which may grow meanwhile; in a thread of the backend."""
        while self.queue:
            rows: list[int] = []
            size, n_bytes = self.sizes.next(), 0
            while self.queue and len(rows) < size and n_bytes < MOST_BYTES:
                row = self.queue.popleft()
                rows.append(row)
                n_bytes += image_bytes(self.images[row])
            images = dict(zip(rows, self._prepared(rows), strict=True))
            if rows := [row for row in rows if images[row] is not None]:
                yield Share(rows, [image for image in images.values() if image], [self.digests[row] for row in rows])

    def _prepared(self, rows: list[int]) -> list[ImageSource | None]:
        """Return the images as they are sent: with their bytes where a worker could not open them."""
        own = [row for row in rows if row in self.sent]
        read = dict(zip(own, map_with_deadline(self._read, own, threads=self.task.threads), strict=True)) if own else {}
        prepared: list[ImageSource | None] = []
        for row in rows:
            found = read.get(row, absolute(self.images[row]))
            if isinstance(found, Exception):
                named = ImageDecodeError(self.images[row].name, str(found))
                self.unread[row] = found if isinstance(found, ImageDecodeError) else named
            prepared.append(None if isinstance(found, Exception) else found)
        return prepared

    def _read(self, row: int) -> ImageSource | ImageDecodeError:
        image = self.images[row]
        try:
            return replace(image, content=image.read())
        except ImageDecodeError as error:
            return error

    def _take(self, result: ShareResult) -> None:
        """Commit what a worker has sent, and note what became of its images."""
        for spec, name, content in result.segments:
            self.store.adopt(self.specs[spec], name, content)
        # As long as it is young, files of unknown processes are left alone.
        with contextlib.suppress(OSError):
            self.home.marker_path.touch()
        self.last = result
        self.workers.setdefault(result.host, set()).add(result.process)
        reached = result.forwarded.results
        self.sizes.note(len(reached), seconds=result.seconds, n_bytes=sum(len(part) for *_, part in result.segments))
        unopened = {result.rows[place] for place in result.unopened}
        for row, (digest, error) in zip(result.rows, reached, strict=False):
            if row in unopened and row not in self.sent:
                continue
            self.done[row] = digest, error
            if error is not None and self.task.raises:
                raise error
        self.sent |= unopened
        self.queue.extend(row for row in result.rows if row in unopened)
        if result.is_home:
            rows = [row for row in result.rows if self.done.get(row, (None,))[0] is not None]
            self.committed.setdefault((result.worker, result.folder), []).extend(rows)
        self._count(result.forwarded)
        self.advance(len(reached) - len(unopened))

    def _count(self, forwarded: ForwardResult) -> None:
        forwarded.results = []
        self.total.add(forwarded)

    def _settle_unread(self) -> None:
        for row, error in sorted(self.unread.items()):
            self.done[row] = None, error
            if self.task.raises:
                raise error
        self.unread = {}

    def _note_stored(self) -> None:
        """Note the images whose rows a lost worker has committed."""
        self._settle_unread()
        left = [row for row in range(len(self.images)) if row not in self.done]
        for row in np.flatnonzero(_stored(self.task, [self.digests[row] for row in left], self.store)).tolist():
            self.done[left[row]] = self.digests[left[row]], None

    def _go_on_without(self, lost: WorkerError, losses: int) -> None:
        """Say that a worker was lost, or raise the error if nothing was done since another one was."""
        kept = f"{len(self.done):,} of {len(self.images):,} images are done and kept in {self.home.root}"
        if losses > 1:
            raise WorkerError(f"{lost.message}; {kept}", lost.next_step) from lost.__cause__
        log.warning("%s; %s. The rest is given to other workers", lost.message, kept)

    def _fruitless(self, n_left: int) -> str:
        last = self.last
        who = "no worker has" if last is None else f"the {last.worker}, which writes to {last.folder}, has"
        return f"{who} brought none of {n_left:,} rows"

    def _await_arrival(self) -> None:
        """Wait until some of the rows that each worker has committed are visible here.

        If only some are, the caller goes on and asks for the missing ones alone.
        """
        for (worker, folder), rows in self.committed.items():
            done = [digest for row in rows if (digest := self.done[row][0]) is not None]
            if not done or self._has_any(done):
                continue
            root = self.home.root
            log.warning("no row of %s is in %s yet: looking again for %d s", worker, root, ARRIVAL_SECONDS)
            if not wait_until(partial(self._has_any, done), ARRIVAL_SECONDS):
                message = f"{len(done):,} rows that {worker} has written to {folder} did not arrive here"
                raise CacheError(message, SHARE_ONE_FOLDER)

    def _has_any(self, digests: list[bytes]) -> bool:
        return bool(_stored(self.task, digests, self.store).any())


@contextlib.contextmanager
def _marker(root: Path) -> Iterator[str]:
    """Yield the name of a file that is in the folder for the length of the block, or "" where none can be written."""
    path = root / temporary_name(".marker")
    try:
        path.touch()
    except OSError:  # a full disk, perhaps: the error of committing rows is clearer
        yield ""
        return
    try:
        yield path.name
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def _stored(task: ForwardTask, digests: list[bytes], store: EmbeddingStore) -> np.ndarray:
    """Return for each digest whether all its rows are in the store, as bool (n,)."""
    keys = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
    return np.logical_and.reduce([store.contains(spec, keys) for spec in task.specs])
