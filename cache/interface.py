"""The interface of a store of embeddings, which the cache on disk and the stores in memory implement."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..constraints import FLAG
from .checks import SPEC, checked_digests, checked_embeddings
from .digests import FileDigests
from .reference_outputs import ReferenceOutputs
from .segment_header import stored_dtype
from .spec import EmbeddingSpec

__all__ = ["EmbeddingStore"]


class EmbeddingStore(ABC):
    """A place for embeddings: rows keyed by spec and by the digest of the image.

    Digests are given as uint8 arrays of shape (n, 32). All rows of a spec have one width and one dtype: float32,
    float16, or int16, which holds the bits of bfloat16 and is not interpreted. A row never changes: of several that are
    put for one digest, the first is kept, or the first that is on disk.

    Attributes
    ----------
    root : Path or None
        The folder where this store finds what earlier processes have left; None if there is none.
    is_shared : bool
        Whether other processes that open `root` can read the rows that are put here. If so, they can also remove them.
    digests : FileDigests
        The remembered digests of files.
    """

    root: Path | None = None
    is_shared = False
    digests: FileDigests

    def contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        """Return for each digest whether its embedding is here, as bool (n,)."""
        SPEC.check("spec", spec)
        return self._contains(spec, checked_digests(digests))

    def get(
        self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the embeddings, and which are here.

        In a cache on disk, a segment that does not match its checksum is set aside and its rows count as missing.

        Parameters
        ----------
        spec : EmbeddingSpec
        digests : ndarray of uint8, shape (n, 32)
        all_or_none : bool, default=False
            Read nothing unless every row is here.

        Returns
        -------
        embeddings : ndarray of float32, float16 or int16, shape (n, d)
            In the dtype that was put, zeros where nothing is here; float32 with d = 0 when the spec has no rows. With
            `all_or_none` d is 0 unless every row is here. The array is the caller's own.
        found : ndarray of bool, shape (n,)

        Raises
        ------
        CacheError
            If the cache cannot be read.
        """
        SPEC.check("spec", spec)
        FLAG.check("all_or_none", all_or_none)
        return self._get(spec, checked_digests(digests), all_or_none=all_or_none)

    def put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None:
        """Keep embeddings; in a cache on disk they are committed when this returns.

        Parameters
        ----------
        spec : EmbeddingSpec
        digests : ndarray of uint8, shape (n, 32)
        embeddings : ndarray, shape (n, d)
            Rows of float16 and int16 are kept as they are, all others as float32.

        Raises
        ------
        ValueError
            If the shapes do not fit, or the spec's rows have another width or dtype.
        CacheError
            If they could not be written; rows committed before are untouched.
        """
        SPEC.check("spec", spec)
        digests = checked_digests(digests)
        embeddings = checked_embeddings(embeddings, len(digests))
        if len(digests):
            self._put(spec, digests, embeddings.astype(stored_dtype(embeddings.dtype), copy=False))

    @abstractmethod
    def width(self, spec: EmbeddingSpec) -> int | None:
        """Return the number of features of the spec's rows, or None where there are none."""

    def turn(self, name: str) -> contextlib.AbstractContextManager[Callable[[], None]]:
        """Hold the right to compute on a device, so that no two users of the store forward the same images.

        Nobody waits for a store that is not shared.

        Parameters
        ----------
        name : str
            The device; see `featx.networks.device.physical_device`.

        Returns
        -------
        context manager
            It yields a function to be called, without arguments, to report progress.
        """
        return contextlib.nullcontext(lambda: None)

    def for_writing(self) -> EmbeddingStore:
        """Return the store to put rows into: this one, or memory above it where it cannot be written."""
        return self

    def writable(self) -> bool:
        """Tell whether this process has permission to write to `root`; free space is not checked."""
        return True

    def reference_outputs(self, spec: EmbeddingSpec) -> ReferenceOutputs | None:
        """Return the outputs for fixed images of the network that computed the spec's rows; None without a folder."""
        return None

    @property
    def damaged(self) -> list[tuple[str, str]]:
        """Name and reason of the segments that this object has set aside."""
        return []

    @abstractmethod
    def _contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        """As `contains`, of arguments that are checked."""

    @abstractmethod
    def _get(self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool) -> tuple[np.ndarray, np.ndarray]:
        """As `get`, of arguments that are checked."""

    @abstractmethod
    def _put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None:
        """As `put`, of one row at least, in the dtype that is kept; to refuse another width or dtype is left to it."""
