"""A remark to the user goes in, and comes out in the log of featx once in a process, however often it is made."""

from __future__ import annotations

import logging

__all__ = ["is_noted", "note_once"]

log = logging.getLogger("featx")
_told: set[str] = set()


def note_once(text: str) -> None:
    """Log a warning, unless this process has logged the same one; a search makes the same remark in every fold."""
    if text not in _told:
        _told.add(text)
        log.warning("%s", text)


def is_noted(text: str) -> bool:
    """Tell whether this process has logged that remark."""
    return text in _told
