"""End a command that has a result: print it or write it as JSON, draw its confusion matrix, and say what was saved."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from .logs import announce
from .option_groups import OUTPUT, in_group
from .report import note, show
from .streams import write_text

if TYPE_CHECKING:
    import numpy as np

    from ..datasets.dataset import ImageDataset
    from ..display.tables import Part
    from ..evaluation.held_out_result import HeldOutResult

__all__ = ["draw_confusion", "json_predictions_option", "note_saved", "print_result", "save_predictions", "save_report"]

json_predictions_option = in_group(OUTPUT)(
    "--json-predictions", is_flag=True, help="Add the predictions behind the figures to --json."
)


class _JsonResult(Protocol):
    to_json: Callable[..., str]


def print_result(options: dict[str, Any], result: _JsonResult, parts: Sequence[Part], **written: bool) -> None:
    """Print a result as tables, unless it goes to standard output as JSON; with --json FILE also write it there.

    What else is `written` as JSON, `to_json` of the result says.
    """
    if options["json_file"] != "-":
        show(parts, framed=not options["quiet"])
    if options["json_file"]:
        write_text(options["json_file"], result.to_json(**written) + "\n")


def draw_confusion(result: HeldOutResult, path: Path) -> None:
    """Draw the confusion matrix of a result on held-out images."""
    from ..reports.plots import plot_confusion_matrix

    plot_confusion_matrix(result.confusion_matrix, result.classes, path)


def save_predictions(options: dict[str, Any], columns: Mapping[str, np.ndarray]) -> None:
    """Write the prediction for each held-out image, with --predictions."""
    from ..display.quantities import count_text
    from ..exceptions import FeatxError
    from ..reports.prediction_files import write_predictions

    path = options["predictions"]
    if path is None:
        return
    try:
        write_predictions(columns, path)
    except OSError as error:
        raise FeatxError(f"cannot write {path}: {error.strerror or error}", "Choose another place.") from error
    without = "" if "probability" in columns else ", without probabilities: the model gives none"
    note(options, f"{path}: {count_text(len(columns['row']), 'prediction')}{without}")


def save_report(
    options: dict[str, Any], result: Any, dataset: ImageDataset | None, *, test: ImageDataset | None = None
) -> None:
    """Write a result as an HTML page, with --report."""
    path = options["report"]
    if path is None:
        return
    from ..display.names import quoted
    from ..html_report.report_file import write_report
    from ..images.urls import redacted

    announce(options, f"writing {path}")
    ctx = click.get_current_context()
    arguments = [redacted(argument) for argument in ctx.meta["arguments"]]
    command = " ".join([ctx.command_path, *(word if word.startswith("-") else quoted(word) for word in arguments)])
    write_report(result, path, dataset=dataset, test=test, command=command)
    note(options, f"{path}: report written; open it in a browser")


def note_saved(options: dict[str, Any], model: Path, *, trusted: Sequence[str] = ()) -> None:
    """Say that the model was written, and the command that uses it, which must name types that featx does not trust."""
    from ..display.names import quoted

    trust = "".join(f" --trust {name}" for name in trusted)
    note(options, f"{model}: model written; `featx predict {quoted(str(model))} IMAGES{trust}` uses it")
