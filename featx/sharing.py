"""Images to forward go in; the processes that the user's joblib configuration offers, or this one, forward them."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Callable
from typing import Any

from .cache import EmbeddingCache
from .exceptions import BackboneError
from .forwarding import ForwardPlan, Outcome, forward_images
from .images import ImageSource
from .stores import Store

__all__ = ["share_out"]


def share_out(
    plan: ForwardPlan,
    images: list[ImageSource],
    digests: list[bytes],
    store: Store,
    advance: Callable[[int], Any],
) -> Outcome:
    """Forward here, or in the processes that the user's joblib configuration offers."""
    workers = _process_workers() if isinstance(store, EmbeddingCache) else 1
    if workers == 1 or len(images) <= plan.batch_size:
        return forward_images(plan, images, digests, store, advance)
    import joblib

    plan = dataclasses.replace(plan, takes_turns=False)
    height = max(plan.batch_size, -(-len(images) // (4 * workers)))
    shares = [slice(start, start + height) for start in range(0, len(images), height)]
    tasks = (joblib.delayed(_forward_share)(plan, images[part], digests[part], store) for part in shares)
    total = Outcome()
    for outcome in joblib.Parallel(return_as="generator")(tasks):
        advance(len(outcome.results))
        total.results += outcome.results
        total.n_forwarded += outcome.n_forwarded
        total.seconds.update(outcome.seconds)
        total.peaks += outcome.peaks
    return total


def _forward_share(
    plan: ForwardPlan, images: list[ImageSource], digests: list[bytes], store: EmbeddingCache
) -> Outcome:
    """Forward a share of the images in a worker, whose code of a module of the user's own may be another."""
    if plan.source.is_own:
        from .answers import claimed_store

        if claimed_store(store, plan.source, plan.specs) is not store:
            raise BackboneError(
                f"{plan.source.name} gives other answers on {socket.gethostname()} than where it was passed",
                "Bring the same code to all workers.",
            )
    return forward_images(plan, images, digests, store)


def _process_workers() -> int:
    """Return how many processes the user's joblib configuration offers; 1 when it offers none."""
    from joblib.parallel import get_active_backend

    backend, n_jobs = get_active_backend()
    if getattr(backend, "supports_sharedmem", False) or getattr(backend, "nesting_level", 0):
        return 1
    return max(1, backend.effective_n_jobs(n_jobs or 1))
