"""`featx predict`: a model and images in, classes out, with probabilities where the model has any."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from .data_options import column_options, images_from
from .options import check_outputs, note, reading_options, reading_parameters, write_failures
from .report import printable
from .text_tables import show

if TYPE_CHECKING:
    from ..prediction import Prediction

__all__ = ["predict"]


@click.command()
@click.argument("model", type=click.Path())
@click.argument("images", nargs=-1, required=True)
@click.option("--top", default=1, show_default=True, type=click.IntRange(min=1), help="How many classes to name.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option(
    "--weights",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Where the model's own weights are now, if not where they were or beside the model.",
)
@column_options
@reading_options
def predict(model: str, images: tuple[str, ...], top: int, form: str, weights: tuple[str, ...], **options: Any) -> None:
    """Name the class of IMAGES with a MODEL that `featx fit` wrote, and say how often it is right on labelled ones.

    IMAGES are files, URLs, folders, manifests, or sample:NAME. The figures of labelled images, or of the test part of a
    split that they came with, are printed below the table; with --format csv or json on standard error.

    \b
    Example:
        featx predict digits.skops sample:digits --top 2 --format csv
    """
    from ..held_out_parts import judgement_parts
    from ..judged_predictions import judge_predictions
    from ..listing_parts import prediction_parts
    from ..prediction import predict_images
    from ..run_parts import extraction_parts

    check_outputs(None, options)
    dataset = images_from(options, images)
    reading = reading_parameters(options)
    if reading["value_range"] is None:
        del reading["value_range"]  # that of the model
    predictions, extraction = predict_images(model, dataset, top=top, weights=weights, **reading)
    write_failures(options, extraction.failures)
    if options["verbose"]:
        note(options, *extraction_parts(extraction, n_jobs=options["n_jobs"]))
    if form == "table":
        show(prediction_parts(predictions))
    else:
        text = {"csv": _as_csv, "json": _as_json}[form](predictions)
        # What is read by a program keeps every byte of a name.
        click.echo(printable(text) if sys.stdout.isatty() else text.encode(errors="surrogateescape"))
    judged = judge_predictions(predictions, dataset)
    if judged is not None and not (form != "table" and options["quiet"]):
        click.echo(err=form != "table")
        show(judgement_parts(judged), err=form != "table", rest="judge_predictions in Python has all")


def _as_csv(predictions: list[Prediction]) -> str:
    from ..listing_parts import prediction_header

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(prediction_header(max((len(p.top) for p in predictions), default=0)))
    writer.writerows(
        [p.name, *(cell for label, value in p.top for cell in (label, "" if value is None else f"{value:.6f}"))]
        for p in predictions
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
