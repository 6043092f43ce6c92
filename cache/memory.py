"""Stores of embeddings in memory: alone, or above a store that cannot take any more rows."""

from __future__ import annotations

import numpy as np

from .digests import FileDigests
from .interface import EmbeddingStore
from .reference_outputs import ReferenceOutputs
from .segment_header import check_row_type
from .spec import EmbeddingSpec

__all__ = ["MemoryStore", "OverlayStore"]


class MemoryStore(EmbeddingStore):
    """Keeps rows in memory, for as long as it lives."""

    def __init__(self) -> None:
        self.digests = FileDigests(None)
        self._rows: dict[EmbeddingSpec, dict[bytes, np.ndarray]] = {}

    def width(self, spec: EmbeddingSpec) -> int | None:
        """Return the number of features of the spec's rows, or None where there are none."""
        return len(self._any_row(spec)) or None

    def _any_row(self, spec: EmbeddingSpec) -> np.ndarray:
        """Return a row of the spec, or an empty one."""
        return next(iter(self._rows.get(spec, {}).values()), np.zeros(0, np.float32))

    def _contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        rows = self._rows.get(spec, {})
        return np.array([digest.tobytes() in rows for digest in digests], dtype=bool)

    def _get(self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool) -> tuple[np.ndarray, np.ndarray]:
        found, one = self._contains(spec, digests), self._any_row(spec)
        if all_or_none and not found.all():
            return np.zeros((len(digests), 0), one.dtype), found
        embeddings = np.zeros((len(digests), len(one)), one.dtype)
        for place in np.flatnonzero(found):
            embeddings[place] = self._rows[spec][digests[place].tobytes()]
        return embeddings, found

    def _put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None:
        one = next(iter(self._rows.get(spec, {}).values()), embeddings[0])
        check_row_type(embeddings, len(one), one.dtype)
        rows = self._rows.setdefault(spec, {})
        # The caller may go on to change the array.
        for digest, row in zip(digests, embeddings.copy(), strict=True):
            rows.setdefault(digest.tobytes(), row)


class OverlayStore(MemoryStore):
    """A store that is only read, together with rows in memory that it cannot take.

    Parameters
    ----------
    below : EmbeddingStore
    """

    def __init__(self, below: EmbeddingStore) -> None:
        super().__init__()
        self.below = below
        self.root, self.digests = below.root, below.digests

    def width(self, spec: EmbeddingSpec) -> int | None:
        """Return the number of features of the spec's rows, or None where there are none."""
        return self.below.width(spec) or super().width(spec)

    def writable(self) -> bool:
        """Tell whether this process has permission to write to the folder of the store below."""
        return self.below.writable()

    def reference_outputs(self, spec: EmbeddingSpec) -> ReferenceOutputs | None:
        """Return the outputs that belong to the rows of the store below."""
        return self.below.reference_outputs(spec)

    @property
    def damaged(self) -> list[tuple[str, str]]:
        """Name and reason of the segments that the store below has set aside."""
        return self.below.damaged

    def _contains(self, spec: EmbeddingSpec, digests: np.ndarray) -> np.ndarray:
        return self.below.contains(spec, digests) | super()._contains(spec, digests)

    def _get(self, spec: EmbeddingSpec, digests: np.ndarray, *, all_or_none: bool) -> tuple[np.ndarray, np.ndarray]:
        here = super()._contains(spec, digests)
        own, _ = super()._get(spec, digests[here], all_or_none=True)
        rows, below = self.below.get(spec, digests[~here], all_or_none=all_or_none)
        if not own.shape[1]:  # none of the spec's rows is in memory
            return rows, below
        found = here.copy()
        found[~here] = below
        if all_or_none and not found.all():
            return np.zeros((len(digests), 0), own.dtype), found
        embeddings = np.zeros((len(digests), own.shape[1]), own.dtype)
        embeddings[here] = own
        if below.any():
            embeddings[found & ~here] = rows[below]
        return embeddings, found

    def _put(self, spec: EmbeddingSpec, digests: np.ndarray, embeddings: np.ndarray) -> None:
        nothing, _ = self.below.get(spec, digests[:0])
        if nothing.shape[1]:
            check_row_type(embeddings, nothing.shape[1], nothing.dtype)
        super()._put(spec, digests, embeddings)
