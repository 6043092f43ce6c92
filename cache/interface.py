"""The interface of a store of embeddings, which the cache on disk and the stores in memory have."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from .spec import EmbeddingSpec

if TYPE_CHECKING:
    from .store import EmbeddingCache

__all__ = ["EmbeddingStore"]


class EmbeddingStore(ABC):
    """A place for embeddings, keyed by spec and by the digest of the image.

    Digests are uint8 arrays of shape (n, 32). All rows of a spec have one width and one dtype.
    """

    @property
    @abstractmethod
    def on_disk(self) -> EmbeddingCache | None:
        """The cache whose rows can be read here, or None if there is none."""

    @property
    @abstractmethod
    def is_shared(self) -> bool:
        """Whether other processes see the rows that are put here."""

    @abstractmethod
    def contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        """Return for each digest whether its embedding is here, as bool (n,)."""

    @abstractmethod
    def get(
        self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the embeddings that are here.

        Parameters
        ----------
        spec : EmbeddingSpec
        digests : ndarray of uint8, shape (n, 32)
        all_or_none : bool, default=False
            Read nothing unless every row is there.

        Returns
        -------
        embeddings : ndarray of float32, float16 or int16, shape (n, d)
            In the dtype that was put, zeros where nothing is found; a copy. With d = 0 when the spec has no rows, which
            is float32 then, or when `all_or_none` finds a row missing.
        found : ndarray of bool, shape (n,)

        Raises
        ------
        CacheError
            If the cache cannot be read.
        """

    @abstractmethod
    def put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None:
        """Add embeddings; of several rows with one digest any may be returned.

        Parameters
        ----------
        spec : EmbeddingSpec
        digests : ndarray of uint8, shape (n, 32)
        embeddings : ndarray, shape (n, d)
            float16 and int16 are kept as they are, every other dtype as float32.

        Raises
        ------
        ValueError
            If the shapes do not fit, or the spec's rows have another width or dtype.
        CacheError
            If they could not be written; rows that were put before are untouched.
        """

    def turn(self, name: str) -> contextlib.AbstractContextManager[Callable[[], None]]:
        """Hold the right to compute on a device for this store; yields what is to be called to report progress."""
        return contextlib.nullcontext(_do_nothing)

    def for_writing(self) -> EmbeddingStore:
        """Return the store that takes new rows: this one, unless it can only be read."""
        return self


def _do_nothing() -> None:
    pass
