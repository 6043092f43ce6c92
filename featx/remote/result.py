"""TransferResult, what a push or a pull has moved, and the error that lists what had to be left out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..display.json_values import as_json
from ..display.quantities import count_text
from ..display.records import Record
from ..exceptions import CacheError

__all__ = ["TransferResult", "left_out"]

MOST_LISTED = 8


@dataclass(repr=False)
class TransferResult(Record):
    """What `push_cache` or `pull_cache` has moved.

    Attributes
    ----------
    url : str
        Without credentials.
    specs : int
        Specs that were looked at.
    segments, bytes : int
        Segments that were sent or fetched, and their size; objects of a push and the digests that were compared are not
        counted.
    rows : int
        The embeddings in them that were new on the other side.
    segments_skipped, bytes_skipped : int
        Segments that did not travel because their rows were there, or because an interrupted push had sent them.
    """

    url: str
    specs: int = 0
    segments: int = 0
    bytes: int = 0
    rows: int = 0
    segments_skipped: int = 0
    bytes_skipped: int = 0

    def to_json(self) -> str:
        """Return the fields as JSON."""
        return json.dumps(as_json(self), indent=2)

    def moved(self, size: int, rows: int) -> None:
        """Count a segment that has travelled."""
        self.segments += 1
        self.bytes += size
        self.rows += rows

    def skipped(self, size: int) -> None:
        """Count a segment that need not travel."""
        self.segments_skipped += 1
        self.bytes_skipped += size


def left_out(problems: Sequence[tuple[str, str]], *, place: str, step: str) -> CacheError:
    """Return the error that lists what cannot be used; all else has been moved."""
    lines = [f"{name}: {reason}" for name, reason in problems[:MOST_LISTED]]
    if len(problems) > MOST_LISTED:
        lines.append(f"and {len(problems) - MOST_LISTED} more")
    files = count_text(len(problems), "file")
    return CacheError(f"{files} of {place} cannot be used, and the rest is done", "\n  ".join([step, *lines]))
