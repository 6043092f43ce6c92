"""Find the rows of digests among many segments by binary search.

The rows are sorted by the first bytes of their digests, in parts each of which is more than twice as long as the next:
the rows of thousands of segments are found in a few searches, and a new segment is merged in without touching most of
the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from .segment import sort_keys

__all__ = ["Digests", "Index", "keys_of_rows"]

# How many digests are looked up at once, so that the memory for a search does not grow with their number.
DIGESTS_AT_ONCE = 1 << 16


class Digests(Protocol):
    """What an index needs of a segment: digests of its rows, which it does not keep."""

    @property
    def n_rows(self) -> int:
        """How many there are."""

    def digests_of(self, rows: np.ndarray) -> np.ndarray:
        """Return those of increasing rows, uint8 (n, 32)."""


Rows = TypeVar("Rows", bound=Digests)


class Index(Generic[Rows]):
    """The rows of some segments, numbered across all of them; an index is never modified.

    Attributes
    ----------
    segments : list of Segment, or of anything else that has digests
    starts : ndarray of int64, shape (number of segments + 1,)
        The number of each segment's first row, and the total number of rows.
    """

    def __init__(self, parts: tuple[_SortedRows[Rows], ...] = (), listed: tuple[Rows, ...] = ()) -> None:
        self._parts, self._listed = parts, listed
        self.segments = [segment for part in parts for segment in part.segments]
        self.starts = _starts(self.segments)

    def updated(self, segments: list[Rows]) -> Index[Rows]:
        """Return the index of these segments, reusing the parts of this one."""
        listed = tuple(segments)
        if listed == self._listed:
            return self
        wanted = set(segments)
        parts = [part for part in (part.restricted_to(wanted) for part in self._parts) if part.segments]
        known = {segment for part in parts for segment in part.segments}
        if new := [segment for segment in segments if segment not in known]:
            parts.append(_SortedRows.of(new))
        parts.sort(key=len, reverse=True)
        while len(parts) > 1 and 2 * len(parts[-1]) >= len(parts[-2]):
            parts[-2:] = [parts[-2].merged(parts[-1])]
        return Index(tuple(parts), listed)

    def find(self, digests: np.ndarray) -> np.ndarray:
        """Return the number of each digest's row, or -1, as int64 (n,)."""
        found = np.full(len(digests), -1)
        for start in range(0, len(digests), DIGESTS_AT_ONCE):
            block = digests[start : start + DIGESTS_AT_ONCE]
            keys = sort_keys(block)
            # In sorted order, neighbouring searches touch the same memory.
            left, first = np.argsort(keys), 0
            for part in self._parts:
                rows = part.find(block[left], keys[left])
                hit = rows >= 0
                found[start + left[hit]] = first + rows[hit]
                left = left[~hit]
                first += len(part)
                if not len(left):
                    break
        return found


@dataclass(frozen=True, eq=False)
class _SortedRows(Generic[Rows]):
    """Rows of several segments: the first bytes of their digests in order, and the number of the row for each."""

    segments: list[Rows]
    starts: np.ndarray
    keys: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, segments: list[Rows]) -> _SortedRows[Rows]:
        keys = np.concatenate([keys_of_rows(segment) for segment in segments])
        return cls._sorted(segments, keys, None)

    @classmethod
    def _sorted(cls, segments: list[Rows], keys: np.ndarray, rows: np.ndarray | None) -> _SortedRows[Rows]:
        # Of equal digests the first row counts; a stable sort of sorted pieces is fast.
        order = np.argsort(keys, kind="stable")
        return cls(segments, _starts(segments), keys[order], order if rows is None else rows[order])

    def merged(self, other: _SortedRows[Rows]) -> _SortedRows[Rows]:
        rows = np.concatenate([self.rows, other.rows + len(self)])
        return self._sorted(self.segments + other.segments, np.concatenate([self.keys, other.keys]), rows)

    def restricted_to(self, wanted: set[Rows]) -> _SortedRows[Rows]:
        """Return these rows without those of other segments."""
        keep = np.array([segment in wanted for segment in self.segments])
        if keep.all():
            return self
        number = np.searchsorted(self.starts, self.rows, side="right") - 1
        kept = keep[number]
        gone = np.cumsum(np.where(keep, 0, np.diff(self.starts)))
        segments = [segment for segment, here in zip(self.segments, keep, strict=True) if here]
        return _SortedRows(segments, _starts(segments), self.keys[kept], (self.rows - gone[number])[kept])

    def find(self, digests: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return the row of each digest, or -1; `keys` are the digests' `sort_keys`."""
        rows = np.full(len(keys), -1)
        place = np.searchsorted(self.keys, keys)
        left = np.flatnonzero(place < len(self))
        while len(left := left[self.keys[place[left]] == keys[left]]):
            found = self.rows[place[left]]
            same = self._equal(found, digests[left])
            rows[left[same]] = found[same]
            # Digests with equal first bytes, which only images made for it have, are neighbours.
            left = left[~same]
            place[left] += 1
            left = left[place[left] < len(self)]
        return rows

    def _equal(self, rows: np.ndarray, digests: np.ndarray) -> np.ndarray:
        """Tell for each row whether it has the digest."""
        same = np.empty(len(rows), dtype=bool)
        for number, where in by_segment(self.starts, rows):
            ours = self.segments[number].digests_of(rows[where] - self.starts[number])
            same[where] = (ours.view(np.uint64) == digests[where].view(np.uint64)).all(axis=1)
        return same


def keys_of_rows(segment: Digests) -> np.ndarray:
    """Return the `sort_keys` of all rows of a segment."""
    starts = range(0, max(segment.n_rows, 1), DIGESTS_AT_ONCE)
    blocks = (np.arange(start, min(start + DIGESTS_AT_ONCE, segment.n_rows)) for start in starts)
    return np.concatenate([sort_keys(segment.digests_of(rows)) for rows in blocks])


def by_segment(starts: np.ndarray, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of each segment that holds some of the rows, with the positions of these in `rows`."""
    order = np.argsort(rows)
    cuts = np.searchsorted(rows, starts, sorter=order)
    for number in np.flatnonzero(np.diff(cuts)).tolist():
        yield number, order[cuts[number] : cuts[number + 1]]


def _starts(segments: Sequence[Digests]) -> np.ndarray:
    return np.cumsum([0, *(segment.n_rows for segment in segments)])
