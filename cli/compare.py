"""`featx compare`: labelled images in; frozen features, fine-tuning and training from scratch compared."""

from __future__ import annotations

import ast
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .compare_report import describe_comparison, describe_costs
from .data_options import data_options, dataset_from
from .forecast_report import print_forecast
from .interrupts import keep
from .options import (
    check_output,
    check_outputs,
    dry_run_option,
    min_images_option,
    network_options,
    note,
    reading_options,
    transformer_from,
    write_failures,
)
from .streams import write_text

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["compare"]


class _Size(click.ParamType):
    """A fraction of the images, or a count of them."""

    name = "fraction|count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | int:
        try:
            return int(value)
        except ValueError:
            try:
                return float(value)
            except ValueError:
                self.fail(f"{value!r} is neither a fraction such as 0.3 nor a count such as 200", param, ctx)


@click.command()
@click.argument("data")
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    default=["frozen", "finetuned"],
    show_default=True,
    help="frozen, frozen:HEAD, finetuned or scratch, perhaps with @LAYER. Repeat to compare several.",
)
@click.option(
    "--train-size",
    "train_sizes",
    multiple=True,
    type=_Size(),
    help="Fraction of all images, with a given test set of those to train on, or count [default: all but the test "
    "images]. Repeat for a learning curve.",
)
@click.option("--test-size", type=float,
              help="Fraction of all images to test on [default: 0.25, or the split that DATA came with].")  # fmt: skip
@click.option("--test", "test_data", help="Another data set as the one test set, in place of a split.")
@click.option("--repeats", type=click.IntRange(min=1),
              help="Random splits [default: 3]; for a given test set, draws of training images [1].")  # fmt: skip
@click.option(
    "--margin",
    default=0.01,
    show_default=True,
    type=float,
    help="Difference in accuracy that does not matter; 0.01 is one percentage point.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="STRATEGY.PARAM=VALUE",
    help="Change a parameter of a strategy: finetuned.epochs=20, frozen:svm.C=1,10.",
)
@click.option(
    "--transfer/--no-transfer",
    default=True,
    show_default=True,
    help="Compare stages of the first backbone, to say which case of transfer this is.",
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where finished runs are kept, to go on from [default: comparisons in the cache].",
)
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write the result as JSON; - for standard output.",
)
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
              help="Draw accuracy against training size, as .png, .svg or .pdf.")  # fmt: skip
@data_options
@min_images_option
@network_options(several=False, backbones=True)
@reading_options
@dry_run_option
def compare(data: str, dry_run: bool, **options: Any) -> None:
    """Compare frozen features, fine-tuning and training from scratch on DATA, and say which to use.

    Stopped, the same command goes on where it was. A split that DATA came with gives one test set, its test part or
    without one its validation part, and the other images are to train on.

    {DATA}

    \b
    Example:
        featx compare sample:digits --strategy frozen --strategy frozen:knn --train-size 0.4 --repeats 2
    """
    from ..comparison import check_margin, compare_strategies

    check_margin(options["margin"])
    check_outputs(None, options)
    if options["plot"]:
        from ..plots import check_picture

        check_output(options["plot"])
        check_picture(options["plot"])
    transformers = [
        transformer_from(options, backbone=name, layer=options["layer"], pooling=options["pooling"], on_error="raise")
        for name in dict.fromkeys(options["backbone"])
    ]
    strategies = _strategies(options["strategies"], transformers, parse_settings(options["settings"]))
    dataset = dataset_from(options, data)
    test = dataset_from(options, options["test_data"], test=True) if options["test_data"] else None
    note(options, f"{data}: {len(dataset):,} images, {len(dataset.classes)} classes")
    how: dict[str, Any] = {
        "test": test,
        "train_sizes": options["train_sizes"] or None,
        "test_size": options["test_size"],
        "repeats": options["repeats"],
        "min_images": options["min_images"],
        "random_state": options["seed"],
        "folder": options["folder"] or _folder(options["cache"]),
        "transfer": transformers[0] if options["transfer"] else None,
        "on_error": options["on_error"],
    }
    if dry_run:
        from ..comparison_forecast import forecast_comparison

        print_forecast(forecast_comparison(dataset, strategies, **how), options)
        return
    if how["folder"]:
        keep(f"finished runs are in {how['folder']}", how["folder"])
    result = compare_strategies(dataset, strategies, **how, margin=options["margin"], verbose=not options["quiet"])
    write_failures(options, result.failures)
    if options["verbose"]:
        for text in describe_costs(result):
            note(options, text)
    if options["json_file"] != "-":
        click.echo(f"\n{describe_comparison(result, width=_width())}\n")
    if options["json_file"]:
        write_text(options["json_file"], result.to_json() + "\n")
    if options["plot"]:
        from ..comparison_plot import plot_comparison

        plot_comparison(result, options["plot"])
        note(options, f"{options['plot']}: curve drawn")


def _strategies(
    names: tuple[str, ...], transformers: list[Any], settings: dict[str, dict[str, Any]]
) -> dict[str, BaseEstimator]:
    """Return the classifiers by name, with the backbone's where there are several."""
    from ..exceptions import ParameterError
    from ..strategies import make_strategy

    if unused := sorted(set(settings) - set(names)):
        raise ParameterError(
            f"got a parameter of {unused[0]}, which is not among the strategies", f"Add --strategy {unused[0]}."
        )
    return {
        name if len(transformers) == 1 else f"{name} on {transformer.backbone}": make_strategy(
            name, transformer, parameters=settings.get(name)
        )
        for transformer in transformers
        for name in dict.fromkeys(names)
    }


def _width() -> int | None:
    """Return the width that sentences are wrapped to: that of the terminal, if it is one."""
    return min(120, shutil.get_terminal_size().columns) if sys.stdout.isatty() else None


def _folder(cache: str) -> Path | None:
    from ..image_estimator import open_cache

    found = open_cache(None if cache == "none" else cache)
    return None if found is None else found.root / "comparisons"


def parse_settings(texts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return the parameters of "strategy.param=value" texts; values are Python literals, or text."""
    settings: dict[str, dict[str, Any]] = {}
    for text in texts:
        place, equals, value = text.partition("=")
        strategy, dot, parameter = place.rpartition(".")
        if not (equals and dot and strategy and parameter and value):
            raise click.BadParameter(
                f"{text!r} is not STRATEGY.PARAM=VALUE, such as finetuned.epochs=20", param_hint="--set"
            )
        try:
            found = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            found = value
        settings.setdefault(strategy, {})[parameter] = found
    return settings
