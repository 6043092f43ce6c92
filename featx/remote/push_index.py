"""The index of a push: an immutable JSON object that names the segments which were sent, with sizes and checksums.

Below the URL, each spec has a folder ``spec-<digest>``: ``segments/<SHA-256>.h5`` are segments as they are in a cache,
and ``index/<SHA-256>.json`` one index for each push, written after its segments. Nothing there is changed or removed,
so that any number of machines may push at once: whoever reads unites the indexes. A segment that no index names, of an
interrupted push, is not read.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..cache.checks import PUSHED
from ..cache.spec import EmbeddingSpec
from ..exceptions import CacheError

__all__ = [
    "MOST_BYTES",
    "MOST_SEGMENTS",
    "PushIndex",
    "SegmentEntry",
    "index_path",
    "is_segment_name",
    "read_index",
    "segment_path",
    "spec_folder",
]

FORMAT = 1
# Of an index. A segment takes some 400 bytes, and outputs of a network up to a few megabytes.
MOST_BYTES = 1 << 26
# Of one index.
MOST_SEGMENTS = 50_000
_SHA256 = re.compile("[0-9a-f]{64}")
_NAME = re.compile(r"[0-9a-f]{32}\.h5")
_LARGEST = 1 << 53


@dataclass(frozen=True)
class SegmentEntry:
    """A segment that was sent.

    Attributes
    ----------
    name : str
        Its file's in the cache that it came from, by which that cache, and those that took it whole, know it.
    sha256 : str
        Of the file; names the object.
    size : int
        In bytes.
    rows : int
    digests_offset : int
        Where in the file the digests of its rows begin, of 32 bytes each.
    digests_sha256 : str
    """

    name: str
    sha256: str
    size: int
    rows: int
    digests_offset: int
    digests_sha256: str


@dataclass(frozen=True, eq=False)
class PushIndex:
    """What one push has sent of a spec.

    Attributes
    ----------
    spec : EmbeddingSpec
    segments : tuple of SegmentEntry
    outputs : ndarray or None
        The outputs of its network for fixed images, where it was not given by name; see `ReferenceOutputs`.
    """

    spec: EmbeddingSpec
    segments: tuple[SegmentEntry, ...]
    outputs: np.ndarray | None = None

    def content(self) -> bytes:
        """Return the object's bytes."""
        outputs = None
        if self.outputs is not None:
            little = self.outputs.astype(np.float32).astype("<f4")
            outputs = {"shape": list(little.shape), "data": base64.b64encode(little.tobytes()).decode()}
        entries = [asdict(entry) for entry in self.segments]
        index = {"format": FORMAT, "spec": self.spec.to_dict(), "outputs": outputs, "segments": entries}
        return json.dumps(index, indent=1, sort_keys=True).encode()


def is_segment_name(name: str) -> bool:
    """Tell whether a file's name is one that featx gives to segments."""
    return _NAME.fullmatch(name) is not None


def spec_folder(digest: str) -> str:
    """Return the folder of a spec below the URL."""
    return f"{PUSHED}{digest}"


def segment_path(digest: str, sha256: str) -> str:
    """Return where a segment of a spec is below the URL."""
    return f"{spec_folder(digest)}/segments/{sha256}.h5"


def index_path(digest: str, content: bytes) -> str:
    """Return where an index of a spec is below the URL."""
    return f"{spec_folder(digest)}/index/{hashlib.sha256(content).hexdigest()}.json"


def read_index(content: bytes, *, digest: str) -> PushIndex:
    """Return the index that an object holds; nothing in it is trusted.

    Parameters
    ----------
    content : bytes
    digest : str
        Of the spec in whose folder it is.

    Raises
    ------
    CacheError
        With the reason alone, if it is not an index of that spec, or one of another version.
    """
    try:
        index = json.loads(content)
        found = index["format"]
        if found != FORMAT:
            raise CacheError(f"it is an index of format {found!r}, and this featx reads {FORMAT}: update featx")
        spec = EmbeddingSpec(**index["spec"])
        if spec.digest != digest:
            raise CacheError("it belongs to another spec")
        return PushIndex(spec, tuple(_entry(values) for values in index["segments"]), _outputs(index["outputs"]))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise CacheError("it is not an index that featx wrote") from error


def _entry(values: Any) -> SegmentEntry:
    entry = SegmentEntry(**values)
    numbers = (entry.size, entry.rows, entry.digests_offset)
    if not all(type(number) is int and 0 <= number < _LARGEST for number in numbers):
        raise CacheError("a size in it is impossible")
    if entry.digests_offset + 32 * entry.rows > entry.size:
        raise CacheError("a size in it is impossible")
    if not is_segment_name(entry.name):
        raise CacheError("a name in it is not a segment's")
    if not (_SHA256.fullmatch(entry.sha256) and _SHA256.fullmatch(entry.digests_sha256)):
        raise CacheError("a checksum in it is impossible")
    return entry


def _outputs(values: Any) -> np.ndarray | None:
    if values is None:
        return None
    data = base64.b64decode(values["data"], validate=True)
    return np.frombuffer(data, "<f4").reshape(values["shape"]).astype(np.float32)
