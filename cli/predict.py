"""`featx predict`: name the classes of images with a saved model, with probabilities if it has any."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..display.quantities import count_text
from ..display.terminal import printable
from .checks import check_figure_paths, check_model_files, check_reading
from .data_options import column_options, images_from
from .logs import announce
from .option_groups import NETWORK, OUTPUT, Command, in_group
from .options import parameters_from, reading_options, report_option, write_failures
from .output_files import check_outputs, write_output
from .report import note, show
from .results import json_predictions_option, save_report
from .sheets import draw_predictions, plot_predictions_option
from .streams import write_text

if TYPE_CHECKING:
    from ..workflows.predict import Predictions

__all__ = ["predict"]


SUMMARY = "Name the classes of images with a saved model."
FORMATS = ("table", "csv", "json", "jsonl")

_output = in_group(OUTPUT)


@click.command(cls=Command, short_help=SUMMARY)
@click.argument("model", type=click.Path())
@click.argument("images", nargs=-1, required=True)
@in_group(NETWORK)(
    "--weights",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Where the model's own weight file is now, if not in its old place or next to the model.",
)
@in_group(NETWORK)("--trust", multiple=True, metavar="TYPE",
                   help="A type in MODEL to trust, such as my_module.MyHead: its module is run.")  # fmt: skip
@_output("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
         help="Write the predictions to a file instead of printing them.")  # fmt: skip
@_output("--format", "form", type=click.Choice(FORMATS),
         help="[default: by the suffix of the file, .csv, .json or .jsonl; printed, a table]")  # fmt: skip
@_output("--top", default=1, show_default=True, type=click.IntRange(min=1), metavar="N", help="Classes to name.")
@plot_predictions_option
@report_option
@_output("--json", "json_file", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE",
         help="Write the figures of labelled images as JSON; - for standard output.")  # fmt: skip
@json_predictions_option
@column_options
@reading_options
def predict(
    model: str,
    images: tuple[str, ...],
    top: int,
    output: Path | None,
    form: str | None,
    weights: tuple[str, ...],
    trust: tuple[str, ...],
    **options: Any,
) -> None:
    """Name the class of IMAGES with a MODEL of `featx fit` or `featx finetune`, and say how often it is right.

    IMAGES are files, URLs, folders, manifests, or sample:NAME. A - stands for the names on standard input, one a line
    or as `find -print0` writes them; a pattern in quotes, such as "new/*.jpg" or "new/**/*.jpg", for the files that it
    matches. The figures of labelled images, or of the test part of a split that they came with, are printed below the
    table; with --format csv, json or jsonl on standard error. A model with an operating point predicts by its
    threshold.

    \b
    Examples:
        featx predict digits.skops sample:digits --top 2 --format csv
    A folder; its pictures alone; those that were added today:
        featx predict m.skops new/
        featx predict m.skops "new/*.jpg" --top 3
        find new/ -name "*.jpg" -mtime -1 | featx predict m.skops -
    To a file, leaving out what cannot be read:
        featx predict m.skops new/ -o classes.csv --on-error skip
    """
    from ..reports.held_out import judgement_parts

    if options["json_file"] == "-" and output is None and form not in (None, "table"):
        raise click.UsageError(f"--json - and --format {form} would both go to standard output: give -o FILE")
    form = form or _form_of(output)
    check_outputs(output, options, MODEL=[model], **{"--weights": weights})
    check_figure_paths(plot_predictions=options["plot_predictions"])
    check_reading(options)
    check_model_files(model, weights, images=images)
    dataset = images_from(options, images, output=output)
    announce(options, f"{count_text(len(dataset), 'image')}; loading torch and {model}")
    from ..reports.costs import extraction_parts
    from ..reports.listings import prediction_parts
    from ..workflows.judged_predictions import judge_predictions
    from ..workflows.predict import ACCEPTED_PARAMETERS, predict_images

    reading = parameters_from(options, ACCEPTED_PARAMETERS)
    predictions, extraction = predict_images(model, dataset, top=top, weights=weights, trusted=trust, **reading)
    write_failures(options, extraction.failures)
    if options["verbose"]:
        note(options, *extraction_parts(extraction, n_jobs=options["n_jobs"]))
    if output is not None:
        write_output(output, _as_text(predictions, form) + b"\n")
        note(options, f"{output}: {count_text(len(predictions), 'prediction')}")
    elif options["json_file"] == "-":
        pass  # standard output has the figures
    elif form == "table":
        show(prediction_parts(predictions))
    else:
        text = _as_text(predictions, form)
        click.echo(printable(text.decode(errors="surrogateescape")) if sys.stdout.isatty() else text)
    # With a format, standard output is read by a program.
    piped = output is None and form != "table"
    judged = judge_predictions(predictions, dataset)
    draw_predictions(options, dataset, predictions, None if judged is None else judged.predictions.rows.tolist())
    if judged is not None:
        save_report(options, judged, dataset)
        if options["json_file"]:
            write_text(options["json_file"], judged.to_json(predictions=options["json_predictions"]) + "\n")
    for path in (options["report"], options["json_file"]):
        if judged is None and path:
            note(options, f"note: {path} is not written: there are no labels to judge by")
    if judged is not None and options["json_file"] != "-" and not (piped and options["quiet"]):
        click.echo(err=piped)
        show(judgement_parts(judged), err=piped)


def _form_of(output: Path | None) -> str:
    """Return the format that the suffix of the output means; a table if it is printed."""
    if output is None:
        return "table"
    suffix = output.suffix.lower().removeprefix(".")
    if suffix not in FORMATS[1:]:
        raise click.UsageError(f"cannot tell the format of {output}: end it in .csv, .json or .jsonl, or say --format")
    return suffix


def _as_text(predictions: Predictions, form: str) -> bytes:
    """Return the predictions in a format; names of files keep every byte."""
    from ..display.text_tables import render_text
    from ..reports.listings import prediction_parts

    if form == "table":
        text = render_text(prediction_parts(predictions))
    else:
        text = {"csv": _as_csv, "json": _as_json, "jsonl": _as_json_lines}[form](predictions)
    return text.encode(errors="surrogateescape")


def _as_csv(predictions: Predictions) -> str:
    from ..reports.listings import prediction_header

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    decision = predictions.decision
    writer.writerow(prediction_header(max((len(p.top) for p in predictions), default=0), decided=decision is not None))
    for number, p in enumerate(predictions):
        cells = [cell for label, value in p.top for cell in (label, "" if value is None else f"{value:.6f}")]
        more = [] if decision is None else _decided_by(predictions, number).values()
        writer.writerow([p.name, *cells, *(f"{value:.6f}" if isinstance(value, float) else value for value in more)])
    return text.getvalue().rstrip("\n")


def _as_json(predictions: Predictions) -> str:
    return json.dumps([_as_object(predictions, number) for number in range(len(predictions))], indent=2)


def _as_json_lines(predictions: Predictions) -> str:
    return "\n".join(json.dumps(_as_object(predictions, number)) for number in range(len(predictions)))


def _as_object(predictions: Predictions, number: int) -> dict[str, Any]:
    prediction, decision = predictions[number], predictions.decision
    top = [{"label": label, "probability": value} for label, value in prediction.top]
    found = {"path": prediction.name, "top": top}
    if decision is None:
        return found
    return {**found, "decision": {**_decided_by(predictions, number), "operating_point": decision.operating_point}}


def _decided_by(predictions: Predictions, number: int) -> dict[str, Any]:
    """Return the class with a threshold, its probability for an image, and the threshold."""
    positive = predictions.positive
    probability = float(predictions.probabilities[number, predictions.classes.index(positive)])
    return {"positive": positive, "probability": probability, "threshold": float(predictions.decision.threshold)}
