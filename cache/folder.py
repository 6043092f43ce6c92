"""The folder of one spec: look up, read, commit and merge rows in its segments, and set damaged segments aside.

Readers take no lock. A segment that disappears while it is read was merged or pruned by another process, and the
look-up starts again from a fresh listing. One that fails its checksum is set aside by a new name, and its rows count as
missing.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..exceptions import CacheError
from .files import TEMPORARY, committed, sweep
from .index import Index, by_segment, keys_of_rows
from .locks import WorkLock
from .segment import DAMAGED, SUFFIX, Segment, SegmentDamagedError, mismatched_segments, write_segment
from .segment_header import check_row_type
from .spec import EmbeddingSpec

__all__ = ["SpecFolder"]

Found = TypeVar("Found")
# This many segments of similar size are merged, so that each row is rewritten once per tier. Segments of this many
# bytes are merged only by `compact`, so that a row is rewritten a few times at most, however many rows there are.
TIER_SEGMENTS = 16
LARGE_BYTES = 1 << 20
# How often a look-up starts again because files have disappeared: others merge and prune for seconds, not forever.
RESTARTS = 100


class SpecFolder:
    """The segments of one spec.

    Parameters
    ----------
    path : Path
    spec : EmbeddingSpec
    """

    def __init__(self, path: Path, spec: EmbeddingSpec) -> None:
        self.path = path
        self.spec = spec
        self.damaged: list[tuple[str, str]] = []
        self._segments: dict[str, Segment] = {}
        self._index: Index[Segment] = Index()
        self._refused: set[str] = set()
        self._swept = False
        self._listing = threading.Lock()

    def lock(self) -> WorkLock:
        """Return the lock under which segments are merged or removed."""
        return WorkLock(self.path / ".lock", work=f"merging or removing files in {self.path}")

    def names(self) -> set[str]:
        """Return the names of the committed segments."""
        try:
            names = set(os.listdir(self.path))
        except FileNotFoundError:
            return set()
        known = names & self._segments.keys()
        return known | {name for name in names - known if name.endswith(SUFFIX) and not name.startswith(TEMPORARY)}

    def segments(self, *, list_once: bool = False) -> list[Segment]:
        """Return the segments that are in the folder now.

        With `list_once`, segments that another process is merging at the moment may be missing.
        """
        with self._listing:
            # If the listing has not changed, nothing has to be opened.
            names = set(self._segments)
            opened = []
            # A merge may replace segments while others are being opened; its result is in the next listing. If listings
            # keep changing, the last one is used, as with `list_once`.
            for _ in range(RESTARTS):
                if names == (now := self.names() - self._refused):
                    break
                names = now
                for gone in self._segments.keys() - names:
                    self._segments.pop(gone, None)
                for name in names - self._segments.keys():
                    try:
                        self._segments[name] = Segment(self.path / name, self.spec)
                        opened.append(self._segments[name])
                    except FileNotFoundError:
                        continue
                    except SegmentDamagedError as damage:
                        self.set_aside(damage)
                names -= self._refused
                if list_once:
                    break
            found = list(self._segments.values())
            # Two processes can each commit the first rows of a spec; `put` refuses any later ones.
            if any((s.dtype, s.width) != (found[0].dtype, found[0].width) for s in opened if found):
                for mismatch in mismatched_segments(found):
                    self.set_aside(mismatch)
                found = list(self._segments.values())
        return found

    def contains(self, digests: np.ndarray) -> np.ndarray:
        """Return for each digest whether its row is here, as bool (n,)."""
        return self._undisturbed(lambda: self._look_up(digests)[1] >= 0)

    def get(self, digests: np.ndarray, *, all_or_none: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return the embeddings (n, d) in the dtype they are kept in, zeros where missing, and found bool (n,).

        With `all_or_none` nothing is read, and d is 0, unless all are there. The dtype of nothing is float32.
        """
        return self._undisturbed(lambda: self._read(digests, all_or_none))

    def _read(self, digests: np.ndarray, all_or_none: bool) -> tuple[np.ndarray, np.ndarray]:
        index, rows = self._look_up(digests)
        found = rows >= 0
        whole = bool(found.all())
        width, dtype = next(((s.width, s.dtype) for s in index.segments if s.n_rows), (0, np.dtype(np.float32)))
        if all_or_none and not whole:
            return np.zeros((len(digests), 0), dtype=dtype), found
        out = (np.empty if whole else np.zeros)((len(digests), width), dtype=dtype)
        for number, places in by_segment(index.starts, rows):
            index.segments[number].read(rows[places] - index.starts[number], out, places)
        return out, found

    def _undisturbed(self, action: Callable[[], Found]) -> Found:
        """Return what an action returns, which starts again if a file that it reads is gone or damaged."""
        for _ in range(RESTARTS):
            try:
                return action()
            except FileNotFoundError as gone:
                # A network file system may go on listing it for a while.
                self._segments.pop(os.path.basename(gone.filename or ""), None)
            except SegmentDamagedError as damage:
                self.set_aside(damage)
        raise CacheError(
            f"the files in {self.path} disappear faster than they can be read",
            "End what merges or prunes there meanwhile.",
        )

    def _look_up(self, digests: np.ndarray) -> tuple[Index[Segment], np.ndarray]:
        """Return the current index, and the number in it of each digest's row, or -1."""
        # Other threads may have listed the folder at another time: each uses its own index.
        index = self._index = self._index.updated(self.segments())
        return index, index.find(digests)

    def put(self, digests: np.ndarray, embeddings: np.ndarray) -> None:
        """Commit the rows as one segment, and merge small segments when they have piled up.

        Raises
        ------
        ValueError
            If the spec's rows have another width or dtype.
        """
        self.prepare()
        got = embeddings.shape[1], embeddings.dtype
        known = [*self._segments.values()][:1]
        if not known or got != (known[0].width, known[0].dtype) or not known[0].n_rows:
            known = [s for s in self.segments() if s.n_rows]
        check_row_type(embeddings, *((known[0].width, known[0].dtype) if known else got))
        write_segment(self.path, self.spec, len(digests), iter([digests]), iter([embeddings]))
        self.merge_small()

    def prepare(self) -> None:
        """Make the folder, and remove what killed writers left in it."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_spec(self.path, self.spec)
        if not self._swept:
            sweep(self.path)
            self._swept = True

    def merge_small(self) -> None:
        """Merge small segments when they have piled up."""
        # Rows are committed: a merge that fails, for lack of space or of the lock, is made another time.
        with contextlib.suppress(OSError):
            if self._crowded_tier(list_once=True) and (lock := self.lock()).try_acquire():
                with contextlib.closing(lock):
                    self.merge(self._crowded_tier())

    def _crowded_tier(self, *, list_once: bool = False) -> list[Segment]:
        tiers: dict[int, list[Segment]] = {}
        for segment in self.segments(list_once=list_once):
            if segment.n_rows * segment.row_bytes < LARGE_BYTES:
                tier = int(np.log(max(segment.n_rows, 1)) / np.log(TIER_SEGMENTS) + 1e-9)
                tiers.setdefault(tier, []).append(segment)
        return next((tiers[tier] for tier in sorted(tiers) if len(tiers[tier]) >= TIER_SEGMENTS), [])

    def merge(self, segments: list[Segment]) -> None:
        """Write the distinct rows of the segments as one and remove them; hold the lock while calling.

        A crash in between leaves rows in two segments, which costs space and nothing else.
        """
        sound = []
        for segment in segments:
            try:
                segment.verify(again=True)
                sound.append(segment)
            except FileNotFoundError:  # set aside by a reader
                continue
            except SegmentDamagedError as damage:
                self.set_aside(damage)
        if not sound:
            return
        first = _first_rows(sound)
        if len(sound) < 2 and first[0].all():
            return
        pairs = list(zip(sound, first, strict=True))
        digests = (s.digests if kept.all() else s.digests[kept] for s, kept in pairs)
        blocks = (block for s, kept in pairs for block in s.blocks(None if kept.all() else np.flatnonzero(kept)))
        try:
            write_segment(self.path, self.spec, sum(map(np.count_nonzero, first)), digests, blocks)
        except FileNotFoundError:  # another process has taken over and merged them
            return
        for segment in sound:
            segment.path.unlink(missing_ok=True)

    def set_aside(self, damage: SegmentDamagedError) -> None:
        """Rename a damaged segment so that it is never read again, and note why; that of a later version stays."""
        self._segments.pop(damage.path.name, None)
        self._refused.add(damage.path.name)
        self.damaged.append((damage.path.name, damage.reason))
        if damage.later:
            return
        # In a cache that cannot be written, this process refuses it all the same.
        with contextlib.suppress(OSError):
            damage.path.rename(damage.path.with_suffix(DAMAGED))


def write_spec(folder: Path, spec: EmbeddingSpec) -> None:
    """Write spec.json into the folder if it is not there."""
    target = folder / "spec.json"
    if not target.exists():
        with committed(target) as temporary:
            temporary.write_text(spec.to_json() + "\n")


def _first_rows(segments: list[Segment]) -> list[np.ndarray]:
    """Return for each segment which of its rows are the first with their digest, as bool (n_rows,)."""
    keys = np.concatenate([keys_of_rows(s) for s in segments])
    ends = np.cumsum([s.n_rows for s in segments])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    alike = keys[1:] == keys[:-1]
    keep = np.ones(len(keys), dtype=bool)
    if alike.any():
        # Only digests with equal first bytes are compared: comparing all at once would take several times their memory.
        keep[order[1:][alike]] = keep[order[:-1][alike]] = False
        places = np.flatnonzero(~keep)
        parts = zip(segments, np.split(places, np.searchsorted(places, ends[:-1])), ends, strict=True)
        digests = np.concatenate([s.digests_of(part - (end - s.n_rows)) for s, part, end in parts])
        _, first = np.unique(digests.view("S32").ravel(), return_index=True)
        keep[places[first]] = True
    return np.split(keep, ends[:-1])
