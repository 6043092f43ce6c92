"""Images that are not cached go in; they are decoded, forwarded in batches and committed.

Processes that compute on one device take turns of a few seconds, and look again at the cache at the start of each
turn: what another has committed meanwhile is not computed twice.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .backbones import BackboneSource, View
from .cache import EmbeddingSpec
from .exceptions import BackboneError, CacheError, ImageDecodeError
from .images import ImageSource
from .patience import patient_map
from .stores import Store

__all__ = ["ForwardPlan", "Outcome", "forward_images", "timed"]

log = logging.getLogger("featx")
# Every turn ends with a commit, which costs an fsync; a kill loses the turn in flight at most.
TURN_SECONDS = 10.0
TURN_ROWS = 1024
TURN_BYTES = 256 << 20
# Between two turns of one process, so that those who wait get theirs.
PAUSE = 0.05


@dataclass(frozen=True)
class ForwardPlan:
    """What every worker of one extraction needs to know.

    Attributes
    ----------
    source : BackboneSource
    views : tuple of (layer, pooling)
    precision, device : str
    batch_size : int
    threads : int
        That decode ahead of the network.
    raising : bool
        Whether an unreadable image ends the work.
    takes_turns : bool
        False for workers that were handed separate shares.
    alternating : bool
        Whether decoding and the network take turns at the processor in place of getting in each other's way: torch's
        threads wait for the slowest of them, and one that has to share its core holds up all.
    """

    source: BackboneSource
    views: tuple[View, ...]
    precision: str
    device: str
    batch_size: int
    threads: int
    raising: bool
    takes_turns: bool = True
    alternating: bool = False

    @property
    def specs(self) -> list[EmbeddingSpec]:
        """The spec of each view."""
        return [self.source.spec(view, self.precision) for view in self.views]


@dataclass
class Outcome:
    """What became of the images.

    Attributes
    ----------
    results : list of (digest or None, reason or None)
        For each image the digest of the bytes that were decoded, or why they could not be.
    n_forwarded : int
    seconds : Counter
        Wall time of `wait` (for decoding), `forward` and `write`; the times of all threads together for `read` and
        `decode`.
    row_bytes : int
        What an image takes up in memory until it is committed.
    """

    results: list[tuple[bytes | None, str | None]] = field(default_factory=list)
    n_forwarded: int = 0
    seconds: Counter[str] = field(default_factory=Counter)
    row_bytes: int = 1


def forward_images(
    plan: ForwardPlan,
    images: list[ImageSource],
    digests: list[bytes],
    store: Store,
    advance: Callable[[int], Any] | None = None,
) -> Outcome:
    """Compute and commit what the store lacks.

    Parameters
    ----------
    plan : ForwardPlan
    images : list of ImageSource
    digests : list of bytes
        Of the images as they were first read.
    store : Store
    advance : callable, default=None
        Called with the number of images that were dealt with.

    Raises
    ------
    ImageDecodeError
        If an image cannot be read and `plan.raising`; what was finished before is committed.
    """
    outcome = Outcome()
    height = 4 * plan.batch_size
    start = 0
    while start < len(images):
        began = time.monotonic()
        with store.turn(plan.device) if plan.takes_turns else contextlib.nullcontext():
            part = slice(start, start + height)
            _take_turn(plan, images[part], digests[part], store, outcome, advance)
        pace = height / max(time.monotonic() - began, 1e-3)
        start += height
        if plan.takes_turns and start < len(images):
            time.sleep(PAUSE)
        most = min(TURN_ROWS, TURN_BYTES // outcome.row_bytes)
        height = int(np.clip(pace * TURN_SECONDS, plan.batch_size, max(most, plan.batch_size)))
    return outcome


def _take_turn(
    plan: ForwardPlan,
    images: list[ImageSource],
    digests: list[bytes],
    store: Store,
    outcome: Outcome,
    advance: Callable[[int], Any] | None,
) -> None:
    keys = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
    cached = np.logical_and.reduce([store.contains(spec, keys) for spec in plan.specs])
    todo = [image for image, known in zip(images, cached, strict=True) if not known]
    results: Iterator[tuple[bytes | None, str | None]]
    done: list[tuple[bytes | None, str | None]] = []
    ready: list[tuple[bytes, list[np.ndarray]]] = []
    if advance is not None:
        advance(len(images) - len(todo))
    try:
        for batch in _decoded_batches(plan, todo, outcome.seconds):
            good = [image for image in batch if image.error is None]
            if good:
                with timed(outcome.seconds, "forward"):
                    rows = _forward(plan, [image.pixels for image in good])
                outcome.n_forwarded += len(good)
                outcome.row_bytes = sum(view[0].nbytes for view in rows)
                ready += [(image.digest, [view[i] for view in rows]) for i, image in enumerate(good)]
            for image in batch:
                if image.error is not None and plan.raising:
                    raise image.error
                done.append((image.digest, None) if image.error is None else (None, image.error.reason))
            if advance is not None:
                advance(len(batch))
    except BaseException:
        # What is finished is kept; an error of the cache must not hide the first one.
        with contextlib.suppress(CacheError):
            _commit(plan, ready, store, outcome.seconds)
        raise
    _commit(plan, ready, store, outcome.seconds)
    results = iter(done)
    outcome.results += [(d, None) if known else next(results) for d, known in zip(digests, cached, strict=True)]


def _forward(plan: ForwardPlan, images: list[Any]) -> list[np.ndarray]:
    """Return a matrix for each view; a batch that is too large for the device's memory is passed in parts."""
    import torch

    backbone = plan.source.load(plan.device)
    # Stacked with channels last, as they were decoded and as the network reads them.
    pixels = torch.stack([image.permute(1, 2, 0) for image in images]).permute(0, 3, 1, 2)
    if backbone.device.startswith("cuda"):
        # Only from locked pages is a copy made beside the computation.
        pixels = pixels.pin_memory()
    while True:
        size = min(backbone.largest_batch or len(pixels), len(pixels))
        with contextlib.suppress(torch.OutOfMemoryError):
            parts = [
                backbone.embed(part, plan.views, preprocessing=plan.source.preprocessing, precision=plan.precision)
                for part in pixels.split(size)
            ]
            return [torch.cat(rows).numpy() for rows in zip(*parts, strict=True)]
        if size == 1:
            raise BackboneError(
                f"{backbone.name} does not fit into the memory of {backbone.device} with a single image",
                "Choose a smaller image_size or backbone, or device='cpu'.",
            )
        backbone.largest_batch = size // 2
        log.warning("out of memory on %s: batches of %d images from here on", backbone.device, size // 2)
        if backbone.device.startswith("cuda"):
            torch.cuda.empty_cache()


@dataclass(slots=True)
class _Decoded:
    digest: bytes = b""
    pixels: Any = None
    error: ImageDecodeError | None = None
    seconds: Counter[str] = field(default_factory=Counter)


def _decoded_batches(plan: ForwardPlan, images: list[ImageSource], clock: Counter[str]) -> Iterator[list[_Decoded]]:
    """Yield batches in input order, decoded by threads that stay at most two batches ahead."""
    may_decode = threading.Event()

    def decode(image: ImageSource) -> _Decoded:
        result = _Decoded()
        try:
            with timed(result.seconds, "read"):
                data = image.read()
            may_decode.wait()
            with timed(result.seconds, "decode"):
                result.digest, pixels = image.decode(data)
                result.pixels = plan.source.preprocessing.apply(pixels, key=result.digest)
        except ImageDecodeError as error:
            result.error = error
        return result

    def settled(image: ImageSource, outcome: _Decoded | TimeoutError) -> _Decoded:
        if isinstance(outcome, TimeoutError):
            return _Decoded(error=ImageDecodeError(image.name, str(outcome)))
        clock.update(outcome.seconds)
        return outcome

    # What takes seconds to import is there before an image's time begins.
    import torchvision.transforms.v2  # noqa: F401

    decoded = patient_map(decode, images, threads=plan.threads, ahead=2 * plan.batch_size + 1)
    try:
        for start in range(0, len(images), plan.batch_size):
            may_decode.set()
            with timed(clock, "wait"):
                batch = [settled(image, next(decoded)) for image in images[start : start + plan.batch_size]]
            if plan.alternating:
                may_decode.clear()
            yield batch
    finally:
        may_decode.set()
        decoded.close()


def _commit(plan: ForwardPlan, ready: list[tuple[bytes, list[np.ndarray]]], store: Store, clock: Counter[str]) -> None:
    if not ready:
        return
    with timed(clock, "write"):
        keys = np.frombuffer(b"".join(digest for digest, _ in ready), np.uint8).reshape(-1, 32)
        for number, spec in enumerate(plan.specs):
            new = ~store.contains(spec, keys)
            if new.any():
                store.put(spec, keys[new], np.stack([rows[number] for _, rows in ready])[new])


@contextlib.contextmanager
def timed(clock: Counter[str], stage: str) -> Iterator[None]:
    """Add the wall time of the block to a stage of the clock."""
    start = time.perf_counter()
    try:
        yield
    finally:
        clock[stage] += time.perf_counter() - start  # type: ignore[assignment]
