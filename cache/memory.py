"""Keep embeddings in memory for one call: alone, or over a cache that can only be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .checks import checked_digests, checked_embeddings
from .interface import EmbeddingStore
from .segment_header import check_row_type, stored_dtype
from .spec import EmbeddingSpec

if TYPE_CHECKING:
    from .store import EmbeddingCache

__all__ = ["MemoryStore", "OverlayStore"]


class MemoryStore(EmbeddingStore):
    """Keeps rows in memory."""

    def __init__(self) -> None:
        self._rows: dict[EmbeddingSpec, dict[bytes, np.ndarray]] = {}

    @property
    def on_disk(self) -> EmbeddingCache | None:
        return None

    @property
    def is_shared(self) -> bool:
        return False

    def contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        rows = self._rows.get(spec, {})
        return np.array([digest.tobytes() in rows for digest in checked_digests(digests)], dtype=bool)

    def get(
        self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        found = self.contains(spec, digests)
        rows = self._rows.get(spec, {})
        first = next(iter(rows.values()), np.zeros(0, np.float32))
        if all_or_none and not found.all():
            return np.zeros((len(digests), 0), first.dtype), found
        out = np.zeros((len(digests), len(first)), first.dtype)
        for place in np.flatnonzero(found):
            out[place] = rows[digests[place].tobytes()]
        return out, found

    def put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None:
        digests = checked_digests(digests)
        embeddings = checked_embeddings(embeddings, len(digests))
        if not len(digests):
            return
        # A copy: callers may go on to change what they passed.
        embeddings = embeddings.astype(stored_dtype(embeddings.dtype))
        first = next(iter(self._rows.get(spec, {}).values()), embeddings[0])
        check_row_type(embeddings, len(first), first.dtype)
        rows = self._rows.setdefault(spec, {})
        rows.update((digest.tobytes(), row) for digest, row in zip(digests, embeddings, strict=True))


class OverlayStore(EmbeddingStore):
    """A cache that is only read, together with rows in memory that cannot be written to it."""

    def __init__(self, cache: EmbeddingCache) -> None:
        self._cache, self._memory = cache, MemoryStore()

    @property
    def on_disk(self) -> EmbeddingCache | None:
        return self._cache

    @property
    def is_shared(self) -> bool:
        return False

    def contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        return self._cache.contains(spec, digests) | self._memory.contains(spec, digests)

    def get(
        self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        found = self._memory.contains(spec, digests)
        if not found.any():
            return self._cache.get(spec, digests, all_or_none=all_or_none)
        own, others = np.flatnonzero(found), np.flatnonzero(~found)
        rows, _ = self._memory.get(spec, digests[own])
        kept, found[others] = self._cache.get(spec, digests[others], all_or_none=all_or_none)
        if all_or_none and not found.all():
            return np.zeros((len(digests), 0), rows.dtype), found
        out = np.zeros((len(digests), rows.shape[1]), rows.dtype)
        out[own] = rows
        if kept.shape[1]:
            out[others] = kept
        return out, found

    def put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None:
        kept, _ = self._cache.get(spec, digests[:0])
        if kept.shape[1] and len(digests):
            embeddings = checked_embeddings(embeddings, len(digests))
            check_row_type(embeddings.astype(stored_dtype(embeddings.dtype)), kept.shape[1], kept.dtype)
        self._memory.put(spec, digests, embeddings)
