"""Fill the cache with a data set or a shard of it, and find out which shards are not whole yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..cache.store import EmbeddingCache
from ..constraints import check_values
from ..datasets.dataset import ImageDataset
from ..exceptions import ImageDecodeError, ParameterError
from ..extraction.digests import image_keys
from ..extraction.estimator import open_cache
from ..extraction.extract import ExtractionResult, ensure_embeddings
from ..extraction.transformer import CNNFeatureTransformer
from ..images.sources import ImageSource
from ..runtime.deadlines import map_with_deadline
from ..runtime.resources import thread_count
from .extract import plan_extraction

__all__ = ["ShardState", "fill_cache", "shard_states"]


@dataclass(frozen=True)
class ShardState:
    """How much of a shard is in the cache.

    Attributes
    ----------
    number : int
    n_images, n_missing, n_unreadable : int
        Images, those that can be read and have no embedding, and those that cannot be read.
    """

    number: int
    n_images: int
    n_missing: int
    n_unreadable: int


def fill_cache(dataset: ImageDataset, transformer: CNNFeatureTransformer) -> ExtractionResult:
    """Put the missing embeddings of a data set into the cache, and read none back.

    Contents that cannot be decoded are remembered there with the reason, so that `shard_states` does not count them as
    missing.

    Parameters
    ----------
    dataset : ImageDataset
    transformer : CNNFeatureTransformer
        With a cache.

    Returns
    -------
    ExtractionResult
        Without the embeddings.

    Raises
    ------
    ImageDecodeError
        If an image cannot be read and ``on_error="raise"``, or if one could not be read at first and can be at the end,
        because a disk or a server failed for a while.
    ParameterError, BackboneError, WeightsError, CacheError, WorkerError
    """
    check_values(locals())
    plan, store = plan_extraction(dataset, transformer), _store_of(transformer)
    _, result = ensure_embeddings(plan.images, store=store, on_error=transformer.on_error, **plan.passes.options)
    failed = [plan.images[failure.index] for failure in result.failures]
    looks = list(map_with_deadline(_second_look, failed, threads=thread_count(transformer.n_jobs)))
    reasons: dict[bytes, str] = dict(look for look in looks if isinstance(look, tuple))
    store.digests.remember_failures({key: reason for key, reason in reasons.items() if reason})
    for image, look in zip(failed, looks, strict=True):
        if isinstance(look, tuple) and not look[1]:
            raise ImageDecodeError(
                image.name,
                "it could not be read at first, and can be now",
                "Run the same command again; the other images are in the cache.",
            )
    return result


def shard_states(
    dataset: ImageDataset, transformer: CNNFeatureTransformer, numbers: np.ndarray, *, count: int
) -> list[ShardState]:
    """Return how much of each shard is in the cache; files whose digests are remembered are not read.

    Parameters
    ----------
    dataset : ImageDataset
    transformer : CNNFeatureTransformer
        With a cache.
    numbers : ndarray of int, shape (n,)
        The shard of each image, from 1 on.
    count : int

    Raises
    ------
    ParameterError, BackboneError, WeightsError, CacheError
    """
    plan, store = plan_extraction(dataset, transformer), _store_of(transformer)
    verbose = transformer.verbose
    keys = image_keys(plan.images, store.digests, threads=thread_count(transformer.n_jobs), verbose=verbose)
    read = np.array([not isinstance(key, ImageDecodeError) for key in keys], dtype=bool)
    digests = [key for key in keys if isinstance(key, bytes)]
    lacking = np.zeros(len(keys), dtype=bool)
    lacking[read] = ~store.contains(plan.passes.spec(), np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32))
    known = store.digests.failures({keys[place] for place in np.flatnonzero(lacking)})
    bad = ~read | np.array([key in known for key in keys], dtype=bool)
    counts = [np.bincount(numbers[chosen], minlength=count + 1) for chosen in (slice(None), lacking & ~bad, bad)]
    return [ShardState(n, *(int(found[n]) for found in counts)) for n in range(1, count + 1)]


def _second_look(image: ImageSource) -> tuple[bytes, str] | None:
    """Return the key of content and why it cannot be decoded, "" if it can be; None if it cannot be read.

    A disk or server that failed for a while, or a file that has changed since, says nothing about the content.
    """
    try:
        data = image.read()
        key = image.digest() if data is None else image.key_of(data)
    except ImageDecodeError:
        return None
    try:
        image.decode(data)
    except ImageDecodeError as error:
        return key, error.reason
    return key, ""


def _store_of(transformer: CNNFeatureTransformer) -> EmbeddingCache:
    store = open_cache(transformer.cache)
    if store is None:
        raise ParameterError("got cache=None; expected a cache, which is filled", "Choose a folder (cache=DIR).")
    return store
