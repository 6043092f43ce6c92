"""The interface of a store of embeddings, and stores in memory: for no cache, or a cache that cannot be written."""

from __future__ import annotations

import contextlib
import logging
from typing import Any, Protocol

import numpy as np

from ..process import remember
from . import EmbeddingCache, EmbeddingSpec

__all__ = ["MemoryStore", "OverlayStore", "Store", "writable_store"]

log = logging.getLogger("featx")
_warned: set[str] = remember("remarks", set())


class Store(Protocol):
    """A place for rows: an EmbeddingCache, or memory."""

    def contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray: ...
    def get(
        self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool = False
    ) -> tuple[np.ndarray, np.ndarray]: ...
    def put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None: ...
    def turn(self, name: str) -> contextlib.AbstractContextManager[Any]: ...


class MemoryStore:
    """Keeps rows in memory, with the look-up interface of EmbeddingCache."""

    def __init__(self) -> None:
        self._rows: dict[EmbeddingSpec, dict[bytes, np.ndarray]] = {}

    def contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        rows = self._rows.get(spec, {})
        return np.array([digest.tobytes() in rows for digest in digests], dtype=bool)

    def get(
        self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        here = self.contains(spec, digests)
        if not here.all():
            return np.zeros((len(digests), 0), np.float32), here
        rows = self._rows.get(spec, {})
        found = [rows[digest.tobytes()] for digest in digests]
        dtype = found[0].dtype if found else np.float32
        return np.array(found, dtype).reshape(len(found), -1 if found else 0), np.ones(len(found), dtype=bool)

    def put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None:
        rows = self._rows.setdefault(spec, {})
        rows.update((digest.tobytes(), row) for digest, row in zip(digests, embeddings, strict=True))

    def turn(self, name: str) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class OverlayStore(MemoryStore):
    """A cache that is only read, together with rows in memory that cannot be written to it."""

    def __init__(self, cache: EmbeddingCache) -> None:
        super().__init__()
        self.cache = cache

    def contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        return self.cache.contains(spec, digests) | super().contains(spec, digests)

    def get(
        self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        here = super().contains(spec, digests)
        rows, found = self.cache.get(spec, digests)
        if not (here | found).all() or not here.any():
            return rows, found
        own, _ = super().get(spec, digests[here])
        if not rows.shape[1]:
            rows = np.zeros((len(digests), own.shape[1]), own.dtype)
        rows[here] = own
        return rows, np.ones(len(digests), dtype=bool)


def writable_store(cache: EmbeddingCache | None) -> Store:
    """Return the cache, or a store in memory if there is none or it cannot be written, which is logged once."""
    if cache is None:
        return MemoryStore()
    if cache.writable():
        return cache
    if str(cache.root) not in _warned:
        _warned.add(str(cache.root))
        log.warning(
            "the cache %s can be read but not written: what is computed now is not kept. Check its permissions, or "
            "choose another folder (cache=DIR).",
            cache.root,
        )
    return OverlayStore(cache)
