"""Segments go in; where among their rows each digest lies comes out.

The rows are sorted by how their digests begin, in runs of which each is more than twice as long as the next: what
thousands of segments hold is looked up in a few searches, and a new segment is sorted in without touching most of
what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .segment import Segment, sort_keys

__all__ = ["Index"]

# Digests that are looked up at once, so that what the search itself takes up does not grow with their number.
BLOCK = 1 << 16


class Index:
    """Where the rows of some segments are, numbered through all of them; it does not change.

    Attributes
    ----------
    segments : list of Segment
    starts : ndarray of int64, shape (number of segments + 1,)
        The number of each segment's first row, and of all rows.
    """

    def __init__(self, runs: tuple[_Run, ...] = (), followed: tuple[Segment, ...] = ()) -> None:
        self._runs, self._followed = runs, followed
        self.segments = [segment for run in runs for segment in run.segments]
        self.starts = _starts(self.segments)

    def following(self, segments: list[Segment]) -> Index:
        """Return the index of these segments, made of what this one shares with it."""
        followed = tuple(segments)
        if followed == self._followed:
            return self
        wanted = set(segments)
        runs = [run for run in (run.keeping(wanted) for run in self._runs) if run.segments]
        known = {segment for run in runs for segment in run.segments}
        if new := [segment for segment in segments if segment not in known]:
            runs.append(_Run.of(new))
        runs.sort(key=len, reverse=True)
        while len(runs) > 1 and 2 * len(runs[-1]) >= len(runs[-2]):
            runs[-2:] = [runs[-2].joined(runs[-1])]
        return Index(tuple(runs), followed)

    def find(self, digests: np.ndarray) -> np.ndarray:
        """Return the number of each digest's row, or -1, as int64 (n,)."""
        found = np.full(len(digests), -1)
        for start in range(0, len(digests), BLOCK):
            part = digests[start : start + BLOCK]
            keys = sort_keys(part)
            # In the order of the keys: neighbours are then found where the last one was.
            left, first = np.argsort(keys), 0
            for run in self._runs:
                rows = run.find(part[left], keys[left])
                hit = rows >= 0
                found[start + left[hit]] = first + rows[hit]
                left = left[~hit]
                first += len(run)
                if not len(left):
                    break
        return found


@dataclass(frozen=True, eq=False)
class _Run:
    """Rows of several segments: the beginnings of their digests in order, and the rows, numbered through, to these."""

    segments: list[Segment]
    starts: np.ndarray
    keys: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, segments: list[Segment]) -> _Run:
        keys = np.concatenate([sort_keys(segment.digests) for segment in segments])
        return cls._sorted(segments, keys, None)

    @classmethod
    def _sorted(cls, segments: list[Segment], keys: np.ndarray, rows: np.ndarray | None) -> _Run:
        # Of equal digests the first row counts; sorting what consists of sorted pieces takes little.
        order = np.argsort(keys, kind="stable")
        return cls(segments, _starts(segments), keys[order], order if rows is None else rows[order])

    def joined(self, other: _Run) -> _Run:
        rows = np.concatenate([self.rows, other.rows + len(self)])
        return self._sorted(self.segments + other.segments, np.concatenate([self.keys, other.keys]), rows)

    def keeping(self, wanted: set[Segment]) -> _Run:
        """Return the run without the rows of other segments."""
        keep = np.array([segment in wanted for segment in self.segments])
        if keep.all():
            return self
        number = np.searchsorted(self.starts, self.rows, side="right") - 1
        kept = keep[number]
        gone = np.cumsum(np.where(keep, 0, np.diff(self.starts)))
        segments = [segment for segment, here in zip(self.segments, keep, strict=True) if here]
        return _Run(segments, _starts(segments), self.keys[kept], (self.rows - gone[number])[kept])

    def find(self, digests: np.ndarray, keys: np.ndarray) -> np.ndarray:
        """Return the row of each digest, or -1; `keys` are the digests' `sort_keys`."""
        rows = np.full(len(keys), -1)
        place = np.searchsorted(self.keys, keys)
        left = np.flatnonzero(place < len(self))
        while len(left := left[self.keys[place[left]] == keys[left]]):
            found = self.rows[place[left]]
            same = self._equal(found, digests[left])
            rows[left[same]] = found[same]
            # Digests that begin alike, as two images made for it do, lie side by side.
            left = left[~same]
            place[left] += 1
            left = left[place[left] < len(self)]
        return rows

    def _equal(self, rows: np.ndarray, digests: np.ndarray) -> np.ndarray:
        """Tell for each row whether it has the digest."""
        same = np.empty(len(rows), dtype=bool)
        for number, where in by_segment(self.starts, rows):
            ours = self.segments[number].digests[rows[where] - self.starts[number]]
            same[where] = (ours.view(np.uint64) == digests[where].view(np.uint64)).all(axis=1)
        return same


def by_segment(starts: np.ndarray, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the segments that hold any of the rows, with the places of theirs in the order of the rows."""
    order = np.argsort(rows)
    cuts = np.searchsorted(rows, starts, sorter=order)
    for number in np.flatnonzero(np.diff(cuts)).tolist():
        yield number, order[cuts[number] : cuts[number + 1]]


def _starts(segments: list[Segment]) -> np.ndarray:
    return np.cumsum([0, *(segment.n_rows for segment in segments)])
