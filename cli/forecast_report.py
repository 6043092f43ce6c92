"""What a run would cost goes in, text for a terminal comes out, and JSON where that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import note
from .text_tables import show

if TYPE_CHECKING:
    from ..forecast.result import ForecastResult

__all__ = ["print_forecast"]


def print_forecast(forecast: ForecastResult, options: dict[str, Any]) -> None:
    """Print what a run would cost: as JSON with ``--json -``; a file that --json names is left as it is."""
    if options.get("json_file") == "-":
        click.echo(forecast.to_json())
        return
    from ..reports.costs import forecast_parts

    show(forecast_parts(forecast, skipping=options["on_error"] == "skip"))
    if options.get("json_file"):
        note(options, f"{options['json_file']} is not written by a dry run; --json - prints this as JSON")
