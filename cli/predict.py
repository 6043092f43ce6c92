"""`featx predict`: a model and images in, classes with probabilities out."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from .data_options import column_options, images_from
from .extraction_report import describe_extraction
from .options import check_outputs, note, reading_options, reading_parameters, write_failures
from .report import describe_judgement, printable, table

if TYPE_CHECKING:
    from ..prediction import Prediction

__all__ = ["predict"]


@click.command()
@click.argument("model", type=click.Path())
@click.argument("images", nargs=-1, required=True)
@click.option("--top", default=1, show_default=True, type=click.IntRange(min=1), help="How many classes to name.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@column_options
@reading_options
def predict(model: str, images: tuple[str, ...], top: int, form: str, **options: Any) -> None:
    """Name the class of IMAGES with a MODEL that `featx fit` wrote, and say how often it is right on labelled ones.

    IMAGES are files, URLs, folders, manifests, or sample:NAME. The figures of labelled images, or of the test part of a
    split that they came with, are printed below the table; with --format csv or json on standard error.

    \b
    Example:
        featx predict digits.skops sample:digits --top 2 --format csv
    """
    from ..judged_predictions import judge_predictions
    from ..prediction import predict_images

    check_outputs(None, options)
    dataset = images_from(options, images)
    reading = reading_parameters(options)
    if reading["value_range"] is None:
        del reading["value_range"]  # that of the model
    predictions, extraction = predict_images(model, dataset, top=top, **reading)
    write_failures(options, extraction.failures)
    if options["verbose"]:
        note(options, describe_extraction(extraction, verbose=True, n_jobs=options["n_jobs"]))
    text = {"table": _as_table, "csv": _as_csv, "json": _as_json}[form](predictions)
    # What is read by a program keeps every byte of a name.
    click.echo(printable(text) if sys.stdout.isatty() else text.encode(errors="surrogateescape"))
    if (judged := judge_predictions(predictions, dataset)) is not None:
        figures = f"\n{describe_judgement(judged)}"
        if form == "table":
            click.echo(figures)
        else:
            note(options, figures)


def _header(top: int) -> list[str]:
    ranks = ["", *(f"_{rank}" for rank in range(2, top + 1))]
    return ["path", *(f"{name}{rank}" for rank in ranks for name in ("label", "probability"))]


def _as_table(predictions: list[Prediction]) -> str:
    rows = [[p.name, *(cell for label, value in p.top for cell in (label, f"{value:.3f}"))] for p in predictions]
    top = max((len(p.top) for p in predictions), default=0)
    return table(_header(top), rows)


def _as_csv(predictions: list[Prediction]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_header(max((len(p.top) for p in predictions), default=0)))
    writer.writerows(
        [p.name, *(cell for label, value in p.top for cell in (label, f"{value:.6f}"))] for p in predictions
    )
    return text.getvalue().rstrip("\n")


def _as_json(predictions: list[Prediction]) -> str:
    return json.dumps(
        [
            {"path": p.name, "top": [{"label": label, "probability": value} for label, value in p.top]}
            for p in predictions
        ],
        indent=2,
    )
