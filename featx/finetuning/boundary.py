"""Boundary cache: compute the outputs of the frozen part of a network once, and feed every epoch from them."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..cache.interface import EmbeddingStore
from ..display.notes import note_once
from ..extraction.extract import ensure_embeddings
from ..extraction.steps import Passes
from ..images.sources import ImageSource
from ..networks.pooling import Float16RangeError, View
from ..networks.verified_stores import store_to_read, store_to_write
from .feeds import CachedFeed, Feed, FreshFeed
from .settings import ResolvedSettings
from .trunk import Trunk

__all__ = ["BoundaryPasses", "boundary_passes", "make_feed"]

log = logging.getLogger("featx")


@dataclass(frozen=True)
class BoundaryPasses:
    """Which images have to pass through the frozen part of a network.

    Attributes
    ----------
    view : (layer, pooling)
        The output that is kept.
    shape : tuple of int
        Of one image's output; (-1,) for vectors.
    passes : list of Passes
        Of the images themselves first, then of each draw of the augmentation for those to train on.
    """

    view: View
    shape: tuple[int, ...]
    passes: list[Passes]

    def in_bfloat16(self) -> BoundaryPasses:
        """Return the passes whose outputs are kept as bfloat16, which has the range of float32."""
        view = self.view._replace(pooling="map:bfloat16")
        return replace(self, view=view, passes=[replace(each, views=[view]) for each in self.passes])


def boundary_passes(
    trunk: Trunk, train: np.ndarray, validation: np.ndarray, settings: ResolvedSettings
) -> BoundaryPasses | None:
    """Return which passes are made once, or None where every epoch forwards all images.

    These are forwarded in every epoch where everything is trained, where the network cannot be traced, and where the
    boundary would take more than `boundary_cache_bytes`.

    Parameters
    ----------
    trunk : Trunk
    train, validation : ndarray of int
        Validation images are never augmented.
    settings : ResolvedSettings
    """
    preprocessing, augmented = trunk.source.preprocessing, settings.augmentation is not None
    if not settings.boundary_cache_bytes or (trunk.trained and trunk.boundary is None):
        return None
    view = View(trunk.boundary, "map:float16") if trunk.boundary is not None else trunk.view
    shape = trunk.boundary_shape() if trunk.boundary is not None else (-1,)
    plain = validation if augmented else np.concatenate([train, validation])
    numbered = [(0, plain)] + [(number, train) for number in range(1, settings.augment_draws + 1) if augmented]
    size = 2 * math.prod(shape) * sum(len(rows) for _, rows in numbered)
    if trunk.boundary is not None and size > settings.boundary_cache_bytes:
        log.warning(
            "the outputs below the trained stages would take %.1f GB, more than boundary_cache_bytes=%.1f GB: every "
            "epoch forwards all images instead. Raise boundary_cache_bytes, or lower augment_draws.",
            size / 1e9, settings.boundary_cache_bytes / 1e9)  # fmt: skip
        return None
    planned = []
    for number, rows in numbered:
        drawn = preprocessing.with_draw(settings.augmentation, seed=settings.random_state, draw=number)
        source = replace(trunk.source, preprocessing=drawn)
        planned.append(Passes(source, [view], rows, **settings.computing, name="forward below the trained stages"))
    return BoundaryPasses(view, shape, planned)


def make_feed(
    trunk: Trunk,
    images: Sequence[ImageSource],
    boundary: BoundaryPasses | None,
    *,
    store: EmbeddingStore,
    settings: ResolvedSettings,
    clock: Counter[str],
) -> tuple[Feed, dict[str, int]]:
    """Return the feed, and how many passes through the frozen part it needed and how many had to be made.

    Without a boundary, images are decoded, augmented and forwarded in every epoch. If one of its values is beyond the
    range of float16, all are computed anew and kept as bfloat16.

    Parameters
    ----------
    trunk : Trunk
    images : sequence of ImageSource
    boundary : BoundaryPasses or None
        As `boundary_passes` returned it.
    store : EmbeddingStore
    settings : ResolvedSettings
    clock : Counter
        Seconds of the stages of the extraction; those of these passes are added.
    """
    fresh = FreshFeed(
        images,
        trunk.source.preprocessing,
        settings.augmentation,
        lower=lambda batch: trunk.lower(batch, settings.precision),
        device=settings.device,
        seed=settings.random_state,
    )
    if boundary is None:
        return fresh, {"needed": 0, "forwarded": 0}
    try:
        return _fill(trunk, images, boundary, store, settings, clock)
    except Float16RangeError as error:
        note_once(f"{trunk.source.name}: {error.message}; it is kept as bfloat16 for training")
        return _fill(trunk, images, boundary.in_bfloat16(), store, settings, clock)


def _fill(
    trunk: Trunk,
    images: Sequence[ImageSource],
    boundary: BoundaryPasses,
    store: EmbeddingStore,
    settings: ResolvedSettings,
    clock: Counter[str],
) -> tuple[Feed, dict[str, int]]:
    """Make the passes of a boundary that are not in the store, and return what `make_feed` returns."""
    needed = sum(len(passes.rows) for passes in boundary.passes)
    specs = [passes.spec(boundary.view) for passes in boundary.passes]
    store = store_to_write(store_to_read(store, trunk.source, specs), trunk.source, specs)
    digests = np.zeros((len(images), 32), dtype=np.uint8)

    def fill() -> int:
        forwarded = 0
        for passes in boundary.passes:
            if len(passes.rows):
                digests[passes.rows], made = ensure_embeddings(
                    [images[row] for row in passes.rows], store=store, **passes.options
                )
                forwarded += made.n_forwarded
                clock.update(made.seconds)
        return forwarded

    forwarded = fill()
    feed = CachedFeed(
        store, specs, digests, shape=boundary.shape, device=settings.device, seed=settings.random_state, refill=fill
    )
    return feed, {"needed": needed, "forwarded": forwarded}
