"""What a run would cost goes in, text for a terminal comes out, and JSON where that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import note
from .report import duration, size_text, table

if TYPE_CHECKING:
    from ..forecast import Forecast

__all__ = ["describe_forecast", "print_forecast"]


def print_forecast(forecast: Forecast, options: dict[str, Any]) -> None:
    """Print what a run would cost: as JSON with ``--json -``; a file that --json names is left as it is."""
    if options.get("json_file") == "-":
        click.echo(forecast.to_json())
        return
    click.echo(describe_forecast(forecast, skipping=options["on_error"] == "skip"))
    if options.get("json_file"):
        note(options, f"{options['json_file']} is not written by a dry run; --json - prints this as JSON")


def describe_forecast(forecast: Forecast, *, skipping: bool) -> str:
    """Return the parts of a run as a table with totals, and what is known of the images.

    Parameters
    ----------
    forecast : Forecast
    skipping : bool
        Whether unreadable images would be left out.
    """
    rows = [
        [
            part.name,
            f"{part.n_images:,}" if part.n_images else "",
            duration(part.seconds),
            *(size_text(size) if size else "" for size in (part.disk_bytes, part.memory_bytes)),
        ]
        for part in forecast.parts
    ]
    most = "at most" if forecast.at_most else "about"
    total = [duration(forecast.seconds), size_text(forecast.disk_bytes)]
    memory = size_text(forecast.memory_bytes) if forecast.base_bytes else f"{size_text(forecast.memory_bytes)} and more"
    rows.append([f"in all, {most}", "", *total, memory])
    lines = [table(["part", "images", "time", "disk", "memory"], rows, right=[1, 2, 3, 4]), "", _images(forecast)]
    if forecast.n_unreadable:
        then = "are left out" if skipping else "end the run; --on-error skip leaves them out"
        lines.append(f"{forecast.n_unreadable:,} images could not be read: they {then}")
    if forecast.at_most:
        lines.append("training ends earlier when the validation accuracy stops rising")
    lines.append("nothing was written but what is remembered: digests of files and the precision of the network")
    return "\n".join(lines)


def _images(forecast: Forecast) -> str:
    about = "about " if forecast.about else ""
    left = forecast.n_passes - forecast.n_cached
    probed = f"{forecast.n_probed} were probed" if forecast.n_probed else "none had to be probed"
    if forecast.n_passes == forecast.n_images:
        found = f"{about}{forecast.n_cached:,} are cached, {left:,} would be forwarded"
    else:
        found = (
            f"{forecast.n_passes:,} passes through a network, of which {about}{forecast.n_cached:,} would find their "
            f"result cached"
        )
    return f"{forecast.n_images:,} images: {found}; {probed}"
