"""Log notes to the user, each once in a process however often it is repeated, and the steps of a command."""

from __future__ import annotations

import logging
import sys

from ..process import remember

__all__ = ["is_noted", "note_once", "note_step", "note_torch"]

log = logging.getLogger("featx")
steps = logging.getLogger("featx.steps")
_logged: set[str] = remember("remarks", set())


def note_once(text: str) -> None:
    """Log a warning, unless this process has logged the same one: a search would repeat it in every fold."""
    if text not in _logged:
        _logged.add(text)
        log.warning("%s", text)


def is_noted(text: str) -> bool:
    """Tell whether this process has logged that note."""
    return text in _logged


def note_step(text: str) -> None:
    """Log a step that begins and may take seconds, such as "loading the network"; only the command line shows it."""
    steps.info("%s", text)


def note_torch() -> None:
    """Log that torch is being loaded, unless it already was."""
    if "torch" not in sys.modules:
        note_step("loading torch")
