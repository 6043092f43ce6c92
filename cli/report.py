"""Sentences go in; lines that fit the terminal are printed."""

from __future__ import annotations

import click

from ..display.quantities import count_text
from ..display.terminal import fill, line_width, printable

__all__ = ["count_text", "fitted", "printable", "say"]


def say(text: str, *, err: bool = False) -> None:
    """Print sentences, wrapped where they go to a terminal; control characters are escaped."""
    if err:
        from ..display.progress import make_room

        make_room()
    click.echo(fill(text, line_width(err=err)), err=err)


def fitted(error: click.UsageError) -> click.UsageError:
    """Return the same error with its message wrapped where it is printed to a terminal."""
    label = "Error: "  # which click puts before it
    text = fill(label + error.format_message(), line_width(err=True)).removeprefix(label)
    return click.UsageError(text, error.ctx)
