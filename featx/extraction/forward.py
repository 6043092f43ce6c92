"""Decode images, pass them through the network in batches, and commit the embeddings to the cache.

Processes that compute on the same device take turns of a few seconds, and check the cache again at the start of each
turn, so that rows committed by another process are not computed twice.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import numpy as np

from ..cache.interface import EmbeddingStore
from ..display.notes import note_once
from ..exceptions import BackboneError, CacheError, ImageDecodeError
from ..images.sources import ImageSource
from ..networks.device import fetched_later, halved, physical_device, pinned
from ..runtime.deadlines import map_with_deadline
from ..runtime.lanes import in_lanes
from ..runtime.timing import timed
from .early_images import DecodedImage, EarlyImages, decoded_image
from .forward_task import ForwardResult, ForwardTask

__all__ = ["forward_images", "note_scale"]

# Every turn ends with a commit, which costs an fsync; a kill loses the current turn at most. When one worker is killed,
# the backend kills all of them, so their turns begin short and double in length.
TURN_SECONDS = 10.0
FIRST_TURN_SECONDS = 1.0
# A GPU computes thousands of images a second, and has nothing to do while a turn ends and the next one begins.
TURN_ROWS = 16384
TURN_BYTES = 256 << 20
# 12-bit images in 16-bit files use a sixteenth of the scale.
SMALL_PART = 1 / 8
# Loading torchvision takes some 1.5 seconds, and its decoder saves a quarter of a millisecond for each JPEG.
MANY_IMAGES = 5000
# Between two turns of one process, so that waiting processes get theirs.
PAUSE_SECONDS = 0.05


def note_scale(peaks: list[int]) -> None:
    """Log it where all 16-bit images use less than an eighth of their scale."""
    if peaks and max(peaks) < SMALL_PART * 65535:
        bits = max(peaks).bit_length()
        note_once(
            f"the images of 16 bits use a small part of their scale, values up to {max(peaks):,} of 65,535: they are "
            f"seen almost black. If they hold {bits} bits, say so by value_range=(0, {2**bits - 1}) (--value-range "
            f"0,{2**bits - 1}); colour of 16 bits has to be converted to 8."
        )


def _ignore(*progress: int) -> None:
    """Report progress to nobody."""


def _never() -> bool:
    return False


def forward_images(
    task: ForwardTask,
    images: Sequence[ImageSource],
    digests: list[bytes],
    store: EmbeddingStore,
    advance: Callable[[int], Any] = _ignore,
    *,
    is_over: Callable[[], bool] = _never,
    early: EarlyImages | None = None,
) -> ForwardResult:
    """Compute and commit the rows that the store lacks.

    Parameters
    ----------
    task : ForwardTask
    images : list of ImageSource
    digests : list of bytes
        The digests of the images as they were first read.
    store : EmbeddingStore
    advance : callable, optional
        Called with the number of images that are done.
    is_over : callable, optional
        Asked after each batch; if it returns True, the result is of the images so far.
    early : EarlyImages, optional
        Images that are being decoded already.

    Raises
    ------
    ImageDecodeError
        If an image cannot be read and `task.raises`; finished rows are committed.
    """
    if len(images) >= MANY_IMAGES:
        import torchvision.io  # noqa: F401 - see `decode_jpeg`
    result = ForwardResult()
    device = physical_device(task.device)
    seconds = TURN_SECONDS if task.takes_turns else min(FIRST_TURN_SECONDS, TURN_SECONDS)
    # This ends: every turn handles at least one batch before it asks whether to go on.
    while (start := len(result.results)) < len(images) and not is_over():
        with store.turn(device) if task.takes_turns else contextlib.nullcontext(_ignore) as progress:
            part = slice(start, start + TURN_ROWS)
            _take_turn(task, images[part], digests[part], store, result, advance, progress, seconds, is_over, early)
        seconds = min(2 * seconds, TURN_SECONDS)
        if task.takes_turns and len(result.results) < len(images):
            time.sleep(PAUSE_SECONDS)
    return result


def _take_turn(
    task: ForwardTask,
    images: Sequence[ImageSource],
    digests: list[bytes],
    store: EmbeddingStore,
    result: ForwardResult,
    advance: Callable[[int], Any],
    progress: Callable[[], Any],
    seconds: float,
    is_over: Callable[[], bool],
    early: EarlyImages | None,
) -> None:
    """Handle as many of the images, from the first on, as fit into a turn; call `progress` after each batch."""
    keys = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
    there = [store.contains(spec, keys) for spec in task.specs]
    lacking = ~np.logical_and.reduce(there)
    # Rows of some views may be there already; a file that changed has another digest than these.
    known = [{digests[place] for place in np.flatnonzero(found & lacking)} for found in there]
    places = np.flatnonzero(lacking).tolist()
    todo, wanted = [images[place] for place in places], [digests[place] for place in places]
    done: list[tuple[bytes | None, ImageDecodeError | None]] = []
    ready: list[tuple[bytes, list[np.ndarray]]] = []
    lanes, size = task.lanes.split(len(todo), lambda: task.source.load(task.device).is_thread_safe(task.views))
    began = time.monotonic()

    def goes_on() -> bool:
        held = len(ready) * sum(row.nbytes for row in ready[-1][1]) if ready else 0
        return time.monotonic() - began < seconds and held < TURN_BYTES and not is_over()

    def begin(batch: list[DecodedImage]) -> Callable[[], list[np.ndarray]]:
        good = [image for image in batch if image.error is None]
        return _begun(task, [image.pixels for image in good], [image.name for image in good]) if good else list

    def compute(batch: list[DecodedImage]) -> list[np.ndarray]:
        return begin(batch)()

    # A GPU is given the next batch before the processor waits for the rows of the last one.
    is_gpu = task.device.startswith("cuda")
    step: Callable[[list[DecodedImage]], Any] = begin if is_gpu else compute
    try:
        with (
            contextlib.closing(_decoded_batches(task, todo, wanted, size, result.seconds, goes_on, early)) as batches,
            contextlib.closing(in_lanes(step, batches, lanes=lanes, clock=result.seconds)) as passed,
        ):
            for batch, rows in _finished(passed, result.seconds) if is_gpu else passed:
                progress()
                good = [image for image in batch if image.error is None]
                result.n_forwarded += len(good)
                result.peaks += [image.peak for image in good if image.peak is not None]
                ready += [(image.digest, [view[i] for view in rows]) for i, image in enumerate(good)]
                for image in batch:
                    if image.error is not None and task.raises:
                        raise image.error
                    # Without its traceback, which would keep the image.
                    error = None if image.error is None else ImageDecodeError(*image.error.args)
                    done.append((image.digest, None) if error is None else (None, error))
                advance(len(batch))
    except BaseException:
        # Finished rows are kept; an error of the cache must not hide the first error.
        with contextlib.suppress(CacheError):
            _commit(task, ready, known, store, result.seconds)
        raise
    _commit(task, ready, known, store, result.seconds)
    reached = np.searchsorted(np.cumsum(lacking), len(done), side="right")
    results = iter(done)
    result.results += [
        next(results) if missing else (digest, None)
        for digest, missing in zip(digests[:reached], lacking[:reached], strict=True)
    ]
    advance(int(reached) - len(done))


def _begun(task: ForwardTask, images: list[Any], names: list[str]) -> Callable[[], list[np.ndarray]]:
    """Have the network compute a batch, in parts if it is too large for the device's memory.

    Returns a function that waits for the result, a matrix for each view.
    """
    import torch

    from ..networks.forward_errors import require_finite

    backbone = task.source.load(task.device)
    # Stacked with channels last, which is how they were decoded and how the network reads them.
    pixels = torch.stack([image.permute(1, 2, 0) for image in images]).permute(0, 3, 1, 2)
    pixels = pinned(pixels, backbone.device)
    how: Any = {"preprocessing": task.source.preprocessing, "precision": task.precision, "fetch": False}
    while True:
        size = min(backbone.largest_batch or len(pixels), len(pixels))
        try:
            parts = [backbone.embed(part, task.views, **how) for part in pixels.split(size)]
            fetched = fetched_later([torch.cat(rows) for rows in zip(*parts, strict=True)], backbone.device)
            break
        except (torch.OutOfMemoryError, BackboneError) as error:
            too_much = BackboneError(
                f"{backbone.name} does not fit into the memory of {backbone.device} with a single image",
                "Choose a smaller image_size or backbone, or device='cpu'.",
            )
            half = halved(size, backbone.device, error, too_much)
            # It never grows, even where several lanes fail at once, so this ends.
            backbone.largest_batch = min(half, backbone.largest_batch or size)

    def finish() -> list[np.ndarray]:
        found = [rows.numpy() for rows in fetched()]
        require_finite(found, task.views, names, name=backbone.name, module=backbone.module, precision=task.precision)
        return found

    return finish


def _finished(
    begun: Iterator[tuple[list[DecodedImage], Callable[[], list[np.ndarray]]]], clock: Counter[str]
) -> Iterator[tuple[list[DecodedImage], list[np.ndarray]]]:
    """Yield batches with their rows, and wait for those of a batch when the next one has begun, or could not."""
    last, error = next(begun, None), None
    while last is not None:
        following = None
        try:
            following = next(begun, None)
        except Exception as raised:  # once the rows that are finished by then are safe
            error = raised
        with timed(clock, "forward"):
            rows = last[1]()
        yield last[0], rows
        if error is not None:
            raise error
        last = following


def _decoded_batches(
    task: ForwardTask,
    images: Sequence[ImageSource],
    digests: Sequence[bytes],
    size: int,
    clock: Counter[str],
    goes_on: Callable[[], bool],
    early: EarlyImages | None,
) -> Generator[list[DecodedImage], None, None]:
    """Yield batches in input order, decoded by threads that stay a little ahead, while `goes_on` returns True."""

    def decode(image: ImageSource) -> DecodedImage:
        return decoded_image(image, task.source.preprocessing)

    def checked(image: ImageSource, result: DecodedImage | TimeoutError) -> DecodedImage:
        if isinstance(result, TimeoutError):
            return DecodedImage(error=ImageDecodeError(image.name, str(result)))
        clock.update(result.seconds)
        return result

    # This import takes seconds, which must not count towards the deadline of an image.
    import torch  # noqa: F401

    are_early = [early is not None and digest in early for digest in digests]
    others = itertools.compress(images, map(operator.not_, are_early))
    decoded = map_with_deadline(decode, others, threads=task.threads, ahead=2 * task.lanes.batch_size + 1)

    def result_of(place: int) -> DecodedImage:
        found = early.take(digests[place]) if early is not None and are_early[place] else next(decoded)
        return checked(images[place], found)

    try:
        for start in range(0, len(images), size):
            with timed(clock, "wait"):
                batch = [result_of(place) for place in range(start, min(start + size, len(images)))]
            yield batch
            if not goes_on():
                return
    finally:
        decoded.close()


def _commit(
    task: ForwardTask,
    ready: list[tuple[bytes, list[np.ndarray]]],
    known: list[set[bytes]],
    store: EmbeddingStore,
    clock: Counter[str],
) -> None:
    """Put the rows of each view but those of known digests into the store."""
    with timed(clock, "write"):
        for number, spec in enumerate(task.specs):
            new = {digest: rows[number] for digest, rows in ready if digest not in known[number]}
            if new:
                keys = np.frombuffer(b"".join(new), np.uint8).reshape(-1, 32)
                store.put(spec, keys, np.stack(list(new.values())))
