"""What was pushed of one spec: the united indexes of its pushes, the segments that are there, their digests."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import numpy as np

from ..cache.checks import PUSHED
from ..cache.spec import EmbeddingSpec
from ..exceptions import CacheError
from .object_store import ObjectStore
from .push_index import MOST_BYTES, PushIndex, SegmentEntry, read_index, segment_path, spec_folder

__all__ = ["KnownRows", "PushedRows", "pushed_specs"]

_FOLDER = re.compile(rf"{PUSHED}([0-9a-f]{{32}})")
_INDEX = re.compile(r"([0-9a-f]{64})\.json")
_SEGMENT = re.compile(r"([0-9a-f]{64})\.h5")
# What the root of a cache holds, which is another layout.
_CACHE = re.compile(r"digests\.sqlite|[0-9a-f]{32}")


@dataclass(eq=False)
class KnownRows:
    """Digests of rows, uint8 (n_rows, 32), for an `Index`."""

    digests: np.ndarray

    @property
    def n_rows(self) -> int:
        """How many there are."""
        return len(self.digests)

    def digests_of(self, rows: np.ndarray) -> np.ndarray:
        """Return those of some rows."""
        return self.digests[rows]


class PushedRows:
    """What was pushed of one spec to a store.

    Parameters
    ----------
    store : ObjectStore
    digest : str
        Of the spec.

    Attributes
    ----------
    indexes : list of PushIndex
    problems : list of (object, reason)
        Indexes that cannot be used.
    torn : set of str
        Those of them that are not whole: of a push that was interrupted where that leaves a part.
    """

    def __init__(self, store: ObjectStore, digest: str) -> None:
        self.store, self.digest = store, digest
        self.indexes: list[PushIndex] = []
        self.problems: list[tuple[str, str]] = []
        self.torn: set[str] = set()
        self._sizes: dict[str, int | None] | None = None
        folder = f"{spec_folder(digest)}/index"
        for name in sorted(store.sizes(folder)):
            if match := _INDEX.fullmatch(name):
                self._read(f"{folder}/{name}", match[1])

    def _read(self, path: str, sha256: str) -> None:
        content = self.store.read(path, most=MOST_BYTES)
        if hashlib.sha256(content).hexdigest() != sha256:
            self.problems.append((path, "it is damaged, or not whole"))
            self.torn.add(path)
            return
        try:
            self.indexes.append(read_index(content, digest=self.digest))
        except CacheError as error:
            self.problems.append((path, error.message))

    @property
    def spec(self) -> EmbeddingSpec | None:
        """The spec, or None without any index that can be used."""
        return self.indexes[0].spec if self.indexes else None

    @property
    def entries(self) -> dict[str, SegmentEntry]:
        """The segments that the indexes name, by their SHA-256."""
        return {entry.sha256: entry for index in self.indexes for entry in index.segments}

    def sizes(self) -> dict[str, int | None]:
        """Return the sizes of the segments that are there, named by an index or not, by their SHA-256."""
        if self._sizes is None:
            found = self.store.sizes(f"{spec_folder(self.digest)}/segments")
            self._sizes = {match[1]: size for name, size in found.items() if (match := _SEGMENT.fullmatch(name))}
        return self._sizes

    def is_there(self, sha256: str, size: int) -> bool:
        """Tell whether a segment is there in its full size."""
        return self.sizes().get(sha256) == size

    def row_digests(self, entry: SegmentEntry) -> np.ndarray | None:
        """Return the digests of a segment's rows without reading the rows; None where the store cannot do that."""
        path, length = segment_path(self.digest, entry.sha256), 32 * entry.rows
        # A store that tells no sizes may send anything.
        if self.sizes().get(entry.sha256) != entry.size:
            return None
        data = self.store.read_part(path, entry.digests_offset, length)
        if hashlib.sha256(data).hexdigest() != entry.digests_sha256:
            return None
        return np.frombuffer(data, np.uint8).reshape(-1, 32)


def pushed_specs(store: ObjectStore) -> list[str]:
    """Return the digests of the specs that were pushed to a store.

    Raises
    ------
    CacheError
        If it is a cache itself.
    """
    names = sorted(store.sizes())
    found = [match[1] for name in names if (match := _FOLDER.fullmatch(name))]
    if not found and any(_CACHE.fullmatch(name) for name in names):
        raise CacheError(
            f"{store.shown} is a cache itself", "Name another place, or bring caches together by `featx cache merge`."
        )
    return found
