"""What a command does next goes in, and is printed on a terminal; so is what the library does then."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import click

from ..display.terminal import fill, line_width

__all__ = ["announce"]

# The logger of `featx.display.notes.note_step`.
STEPS = "featx.steps"


def announce(options: dict[str, Any], text: str) -> None:
    """Print what the command does next, and hear from the library what it does then: on a terminal, unless --quiet."""
    if options["quiet"] or not sys.stderr.isatty():
        return
    log, ctx = logging.getLogger(STEPS), click.get_current_context()
    if not log.handlers:
        handler = _StepHandler()
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
        ctx.call_on_close(lambda: _forget(handler))
    log.info(text)


def _forget(handler: logging.Handler) -> None:
    log = logging.getLogger(STEPS)
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)
    log.propagate = True


class _StepHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        from ..display.progress import make_room

        # https://no-color.org; a terminal that is called dumb would print the codes.
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb"
        make_room()
        text = fill(f"{record.getMessage()} ...", line_width(err=True))
        click.echo(text if plain else click.style(text, dim=True), err=True)
