"""Print sentences, tables and forecasts so that their lines fit the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..display.terminal import fill, line_width
from .wording import in_options

if TYPE_CHECKING:
    from ..display.tables import Part
    from ..forecast.result import ForecastResult

__all__ = ["note", "print_forecast", "say", "show", "wrapped"]

# Where a user finds what a table does not show.
REST = "`--json` has all"


def say(text: str, *, err: bool = False) -> None:
    """Print sentences, wrapped where they go to a terminal; control characters are escaped."""
    if err:
        from ..display.progress import clear_bars

        clear_bars()
    click.echo(fill(text, line_width(err=err)), err=err)


def show(parts: Sequence[Part], *, err: bool = False, rest: str = REST, framed: bool = False) -> None:
    """Print tables and sentences so that their lines fit the terminal; `framed` by empty lines; see `line_width`.

    Sentences of the library name parameters; here they name the options of the command.
    """
    from ..display.text_tables import render_text

    parts = ["\n".join(map(in_options, part.split("\n"))) if isinstance(part, str) else part for part in parts]
    edge = "\n" if framed else ""
    click.echo(f"{edge}{render_text(parts, width=line_width(err=err), rest=rest)}{edge}", err=err)


def note(options: dict[str, Any], *parts: Part) -> None:
    """Print sentences or tables to standard error, unless --quiet."""
    if not options["quiet"]:
        for part in parts:
            show([part], err=True)


def print_forecast(forecast: ForecastResult, options: dict[str, Any]) -> None:
    """Print what a run would cost: as JSON with ``--json -``; a file that --json names is not written."""
    if options.get("json_file") == "-":
        click.echo(forecast.to_json())
        return
    from ..reports.costs import forecast_parts

    show(forecast_parts(forecast, skipping=options["on_error"] == "skip"))
    if options.get("json_file"):
        note(options, f"{options['json_file']} is not written by a dry run; --json - prints this as JSON")


def wrapped(error: click.UsageError) -> click.UsageError:
    """Return the same error with its message wrapped where it is printed to a terminal."""
    label = "Error: "  # which click puts before it
    text = fill(label + error.format_message(), line_width(err=True)).removeprefix(label)
    return click.UsageError(text, error.ctx)
