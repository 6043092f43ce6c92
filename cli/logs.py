"""Print the notes, warnings and steps that the library logs, each as one line on standard error."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import click

from ..display.terminal import fill, line_width
from .report import say
from .wording import in_options

__all__ = ["announce", "print_logs"]

# The logger of `featx.display.notes.note_step`.
STEPS = "featx.steps"


@contextlib.contextmanager
def print_logs(ctx: click.Context) -> Iterator[None]:
    """Print warnings and logged notes while a command runs, each once, unless ``ctx.meta["quiet"]`` is set."""
    handler, log, before = _NoteHandler(ctx), logging.getLogger("featx"), warnings.showwarning
    log.addHandler(handler)
    warnings.showwarning = handler.warn  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.showwarning = before
        log.removeHandler(handler)


def announce(options: dict[str, Any], text: str) -> None:
    """Print what the command does next, and from then on the library's own steps: on a terminal, unless --quiet."""
    if options["quiet"] or not sys.stderr.isatty():
        return
    log, ctx = logging.getLogger(STEPS), click.get_current_context()
    if not log.handlers:
        handler = _StepHandler()
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
        ctx.call_on_close(lambda: _remove(handler))
    log.info(text)


class _NoteHandler(logging.Handler):
    def __init__(self, ctx: click.Context) -> None:
        super().__init__(logging.WARNING)
        self.ctx, self.printed = ctx, set[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.print(f"note: {record.getMessage()}")

    def warn(self, message: Warning | str, *others: Any) -> None:
        """Replace `warnings.showwarning`, which names the file and quotes the line of code."""
        self.print(f"warning: {message}")

    def print(self, text: str) -> None:
        line = in_options(" ".join(text.split()), self.ctx)
        if line not in self.printed and not self.ctx.meta.get("quiet"):
            self.printed.add(line)
            say(line, err=True)


class _StepHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        from ..display.progress import clear_bars

        # https://no-color.org; a terminal that is called dumb would print the codes.
        plain = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "dumb") == "dumb"
        clear_bars()
        text = fill(f"{record.getMessage()} ...", line_width(err=True))
        click.echo(text if plain else click.style(text, dim=True), err=True)


def _remove(handler: logging.Handler) -> None:
    log = logging.getLogger(STEPS)
    log.removeHandler(handler)
    log.setLevel(logging.NOTSET)
    log.propagate = True
