"""`featx fit`: labelled images in, a table of tuned heads and a saved model out."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import click

from .data_options import data_options, dataset_from
from .extraction_report import describe_extraction
from .forecast_report import print_forecast
from .options import (
    check_outputs,
    dry_run_option,
    min_images_option,
    network_options,
    note,
    reading_options,
    transformer_from,
    write_failures,
)
from .report import describe_evaluation, describe_parts
from .streams import write_text

__all__ = ["fit"]


@click.command()
@click.argument("data")
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="MODEL.skops")
@click.option(
    "--head",
    "heads",
    multiple=True,
    default=["logistic"],
    show_default=True,
    help="logistic, linear_svm, svm, knn, ridge or mlp. Repeat to search several.",
)
@click.option(
    "--grid",
    "grids",
    multiple=True,
    metavar="HEAD.PARAM=V1,V2",
    help="Values to tune over in place of the default ones.",
)
@click.option("--cv", type=click.IntRange(min=2), help="Folds [default: 5, or the split that DATA came with].")
@click.option("--test-size", type=float, help="Hold out this fraction as the test set in place of folds or a split.")
@click.option("--test", "test_data", help="Another data set as the test set, in place of folds or a split.")
@click.option("--class-weight", type=click.Choice(["balanced", "none"]), default="none", show_default=True)
@click.option(
    "--scoring",
    type=click.Choice(["accuracy", "balanced_accuracy", "f1_macro"]),
    default="accuracy",
    show_default=True,
    help="What the tuning maximises.",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write the result as JSON; - for standard output.",
)
@data_options
@min_images_option
@network_options(several=True)
@reading_options
@dry_run_option
def fit(data: str, output: Path, dry_run: bool, **options: Any) -> None:
    """Tune heads on the embeddings of DATA, print honest figures and save the best model.

    Of a split that DATA came with, the training and validation parts are fitted on and the test part judges; without a
    test part the validation part does.

    {DATA}

    \b
    Example:
        featx fit sample:digits -o digits.skops --head logistic --head knn
    """
    from ..fitting import fit_model

    check_outputs(output, options)
    dataset = dataset_from(options, data)
    test = dataset_from(options, options["test_data"], test=True) if options["test_data"] else None
    note(options, f"{data}: {len(dataset):,} images, {len(dataset.classes)} classes")
    transformer = transformer_from(options)
    search: dict[str, Any] = {
        "layers": options["layer"] or (None,),
        "poolings": options["pooling"],
        "heads": options["heads"],
        "grids": parse_grids(options["grids"]),
        "cv": options["cv"],
        "test_size": options["test_size"],
        "test": test,
        "min_images": options["min_images"],
        "class_weight": None if options["class_weight"] == "none" else options["class_weight"],
        "scoring": options["scoring"],
        "random_state": options["seed"],
        "n_jobs": options["n_jobs"],
    }
    if dry_run:
        from ..fit_forecast import forecast_fit

        print_forecast(forecast_fit(dataset, transformer, **search), options)
        return
    outcome = fit_model(dataset, transformer, **search, verbose=not options["quiet"])
    write_failures(options, outcome.extraction.failures)
    note(options, describe_extraction(outcome.extraction, verbose=options["verbose"], n_jobs=options["n_jobs"]))
    if options["verbose"]:
        tuning = {
            "extraction": outcome.extraction.wall_seconds,
            "tuning": sum(c.seconds for c in outcome.evaluation.candidates),
        }
        note(options, describe_parts(tuning))
    outcome.save(output)
    if options["json_file"] != "-":
        click.echo(f"\n{describe_evaluation(outcome.evaluation)}\n")
    if options["json_file"]:
        write_text(options["json_file"], outcome.to_json() + "\n")
    note(options, f"{output}: model written; `featx predict {output} IMAGES` uses it")


def parse_grids(texts: tuple[str, ...]) -> dict[str, dict[str, list[Any]]]:
    """Return the grids of "head.param=v1,v2" texts; values are Python literals, or text."""
    grids: dict[str, dict[str, list[Any]]] = {}
    for text in texts:
        place, equals, values = text.partition("=")
        head, dot, parameter = place.partition(".")
        if not (equals and dot and head and parameter and values):
            raise click.BadParameter(f"{text!r} is not HEAD.PARAM=V1,V2, such as logistic.C=0.1,1", param_hint="--grid")
        grids.setdefault(head, {})[parameter] = [_value(value) for value in values.split(",")]
    return grids


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
