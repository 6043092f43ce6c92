"""Warnings and logged remarks of the libraries go in; each comes out once, as one line on standard error."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import click

from .report import say
from .wording import in_options

__all__ = ["print_remarks"]


class _Printer(logging.Handler):
    """Prints what is logged, unless the command is quiet."""

    def __init__(self, ctx: click.Context) -> None:
        super().__init__(logging.WARNING)
        self.ctx, self.told = ctx, set[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.tell(f"note: {record.getMessage()}")

    def warn(self, message: Warning | str, *others: Any) -> None:
        """Take the place of `warnings.showwarning`, which names the file and quotes the line of it."""
        self.tell(f"warning: {message}")

    def tell(self, text: str) -> None:
        line = in_options(" ".join(text.split()), self.ctx)
        if line not in self.told and not self.ctx.meta.get("quiet"):
            self.told.add(line)
            say(line, err=True)


@contextlib.contextmanager
def print_remarks(ctx: click.Context) -> Iterator[None]:
    """Print remarks while a command runs; ``ctx.meta["quiet"]`` keeps them back."""
    printer, log, before = _Printer(ctx), logging.getLogger("featx"), warnings.showwarning
    log.addHandler(printer)
    warnings.showwarning = printer.warn  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.showwarning = before
        log.removeHandler(printer)
