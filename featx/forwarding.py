"""Images that are not cached go in; they are decoded, forwarded in batches and committed.

Processes that compute on one device take turns of a few seconds, and look again at the cache at the start of each
turn: what another has committed meanwhile is not computed twice.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .backbones import BackboneSource, View
from .cache import EmbeddingSpec
from .exceptions import CacheError, ImageDecodeError
from .images import ImageSource
from .patience import patient_map
from .stores import Store

__all__ = ["ForwardPlan", "Outcome", "forward_images", "timed"]

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
    """

    source: BackboneSource
    views: tuple[View, ...]
    precision: str
    device: str
    batch_size: int
    threads: int
    raising: bool
    takes_turns: bool = True

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
        Wall time of `wait` (for decoding), `forward` and `write`.
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
            good = [(digest, pixels) for digest, pixels, error in batch if error is None]
            if good:
                with timed(outcome.seconds, "forward"):
                    rows = _forward(plan, [pixels for _, pixels in good])
                outcome.n_forwarded += len(good)
                outcome.row_bytes = sum(view[0].nbytes for view in rows)
                ready += [(digest, [view[i] for view in rows]) for i, (digest, _) in enumerate(good)]
            for digest, _, error in batch:
                if error is not None and plan.raising:
                    raise error
                done.append((None, error.reason) if error is not None else (digest, None))
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
    import torch

    backbone = plan.source.load(plan.device)
    outputs = backbone.embed(
        torch.stack(images), plan.views, preprocessing=plan.source.preprocessing, precision=plan.precision
    )
    return [output.numpy() for output in outputs]


_Decoded = tuple[bytes, Any, ImageDecodeError | None]


def _decoded_batches(plan: ForwardPlan, images: list[ImageSource], clock: Counter[str]) -> Iterator[list[_Decoded]]:
    """Yield batches in input order, decoded by threads that stay at most two batches ahead."""

    def decode(image: ImageSource) -> _Decoded:
        try:
            digest, pixels = image.load()
        except ImageDecodeError as error:
            return b"", None, error
        return digest, plan.source.preprocessing.apply(pixels, key=digest), None

    def settled(image: ImageSource, outcome: _Decoded | TimeoutError) -> _Decoded:
        if isinstance(outcome, TimeoutError):
            return b"", None, ImageDecodeError(image.name, str(outcome))
        return outcome

    # What takes seconds to import is there before an image's time begins.
    import torchvision.transforms.v2  # noqa: F401

    decoded = patient_map(decode, images, threads=plan.threads, ahead=2 * plan.batch_size + 1)
    with contextlib.closing(decoded):
        for start in range(0, len(images), plan.batch_size):
            with timed(clock, "wait"):
                batch = [settled(image, next(decoded)) for image in images[start : start + plan.batch_size]]
            yield batch


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
