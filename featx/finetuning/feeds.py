"""Training batches: read from the boundary cache, or decoded, augmented and passed through the frozen part anew."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ..cache import EmbeddingSpec
from ..cache.interface import EmbeddingStore
from ..exceptions import CacheError, ImageDecodeError
from ..extraction.forward import note_scale
from ..images.augmentation import Augmentation
from ..images.preprocessing import Preprocessing
from ..images.sources import ImageSource
from ..networks.device import pinned, sent
from ..runtime.deadlines import map_with_deadline

__all__ = ["CachedFeed", "Feed", "FreshFeed", "stream"]

# Batches that are read while the network works on another.
BATCHES_AHEAD = 3


class Feed(Protocol):
    """Return batches in two steps: `read` may run in any thread, `finish` runs in the one that trains."""

    def read(self, rows: np.ndarray, epoch: int | None) -> Tensor: ...
    def finish(self, batch: Tensor) -> Tensor: ...


class CachedFeed:
    """Rows of a store: the outputs at the boundary for the images, or for one draw of the augmentation.

    Parameters
    ----------
    store : EmbeddingStore
    specs : sequence of EmbeddingSpec
        Of the images themselves and of each draw of the augmentation.
    digests : ndarray of uint8, shape (n, 32)
    shape : tuple of int
        Of the boundary's output for one image.
    device : str
    seed : int
    refill : callable
        Computes again the rows that the store has lost.
    """

    def __init__(
        self,
        store: EmbeddingStore,
        specs: Sequence[EmbeddingSpec],
        digests: np.ndarray,
        *,
        shape: tuple[int, ...],
        device: str,
        seed: int,
        refill: Callable[[], Any],
    ) -> None:
        self.store, self.specs, self.digests = store, list(specs), digests
        self.shape, self.device, self.seed, self.refill = shape, device, seed, refill

    def read(self, rows: np.ndarray, epoch: int | None) -> Tensor:
        """Return rows as they are stored; in an epoch each image has one of its augmented draws, if there are any."""
        draws = np.zeros(len(rows), dtype=int)
        if epoch is not None and len(self.specs) > 1:
            rng = np.random.default_rng([self.seed, epoch])
            draws = rng.integers(1, len(self.specs), len(self.digests))[rows]
        parts = [(places := np.flatnonzero(draws == draw), self._get(draw, rows[places])) for draw in np.unique(draws)]
        batch = np.empty((len(rows), parts[0][1].shape[1]), dtype=parts[0][1].dtype)
        for places, values in parts:
            batch[places] = values
        return pinned(torch.from_numpy(batch), self.device)

    def finish(self, batch: Tensor) -> Tensor:
        """Return float32 of the boundary's shape on the device."""
        batch = sent(batch, self.device)
        if batch.dtype == torch.int16:
            batch = batch.view(torch.bfloat16)
        return _channels_last(batch.float().reshape(len(batch), *self.shape))

    def _get(self, draw: int, rows: np.ndarray) -> np.ndarray:
        for attempt in range(2):
            values, found = self.store.get(self.specs[draw], self.digests[rows], all_or_none=True)
            if found.all():
                return values
            if attempt == 0:  # a segment was damaged, or pruned by another process
                self.refill()
        raise CacheError(
            "rows that were computed for the training are lost again from the cache", "Choose another folder."
        )


class FreshFeed:
    """Images decoded and augmented anew in each epoch, and passed through the frozen part.

    Parameters
    ----------
    images : sequence of ImageSource
    preprocessing : Preprocessing
    augmentation : Augmentation or None
    lower : callable
        From normalised images to the inputs of the trained part.
    device : str
    seed : int
    """

    def __init__(
        self,
        images: Sequence[ImageSource],
        preprocessing: Preprocessing,
        augmentation: Augmentation | None,
        *,
        lower: Callable[[Tensor], Tensor],
        device: str,
        seed: int,
    ) -> None:
        self.images, self.preprocessing, self.augmentation = images, preprocessing, augmentation
        self.lower, self.device, self.seed = lower, device, seed
        self.peaks: list[int] = []

    def read(self, rows: np.ndarray, epoch: int | None) -> Tensor:
        """Return decoded images, uint8 (n, 3, h, w)."""
        preprocessing = self.preprocessing.with_draw(self.augmentation, seed=self.seed, draw=epoch or 0)

        def load(image: ImageSource) -> Tensor:
            digest, pixels = image.load()
            if image.peak is not None:
                self.peaks.append(image.peak)
            return preprocessing.apply(pixels, key=digest)

        images = [self.images[row] for row in rows]
        # One thread, because batches are read concurrently.
        with contextlib.closing(map_with_deadline(load, images, threads=1)) as results:
            batch = torch.stack([_decoded(image, result) for image, result in zip(images, results, strict=True)])
        # Once all images have been seen, the scale that they use is known.
        if len(self.peaks) >= len(self.images):
            note_scale(self.peaks)
            self.peaks.clear()
        return pinned(batch, self.device)

    def finish(self, batch: Tensor) -> Tensor:
        """Return the outputs of the frozen part for a decoded batch."""
        batch = self.preprocessing.normalise(sent(batch, self.device))
        return self.lower(_channels_last(batch))


def stream(feed: Feed, batches: Sequence[np.ndarray], epoch: int | None) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Yield the rows of each batch in order and what `read` returns for them, reading ahead in threads."""
    pool = ThreadPoolExecutor(BATCHES_AHEAD)
    ahead: deque[Future[Tensor]] = deque()
    left = iter(batches)
    try:
        for rows in batches:
            while len(ahead) < BATCHES_AHEAD and (following := next(left, None)) is not None:
                ahead.append(pool.submit(feed.read, following, epoch))
            yield rows, ahead.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _decoded(image: ImageSource, result: Tensor | TimeoutError) -> Tensor:
    if isinstance(result, TimeoutError):
        raise ImageDecodeError(image.name, str(result))
    return result


def _channels_last(batch: Tensor) -> Tensor:
    return batch.contiguous(memory_format=torch.channels_last) if batch.ndim == 4 else batch
