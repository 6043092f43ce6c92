"""Specs and digests go in, rows come out: what the extraction needs of a store, and one that lasts for one call."""

from __future__ import annotations

import contextlib
from typing import Any, Protocol

import numpy as np

from .cache import EmbeddingSpec

__all__ = ["MemoryStore", "Store"]


class Store(Protocol):
    """Where rows are kept: an EmbeddingCache, or memory."""

    def contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray: ...
    def get(
        self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool = False
    ) -> tuple[np.ndarray, np.ndarray]: ...
    def put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None: ...
    def turn(self, name: str) -> contextlib.AbstractContextManager[Any]: ...


class MemoryStore:
    """Keeps rows for the length of one call, with the look-up interface of EmbeddingCache."""

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
