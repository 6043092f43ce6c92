"""`featx compare`: compare frozen features, fine-tuning and training from scratch on labelled images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ..choices import PlotBy
from ..comparison.strategy_names import TRAINED_STRATEGIES, parse_strategy
from .checks import check_figure_paths, check_names
from .data_options import data_options, datasets_from
from .interrupts import note_kept
from .logs import announce
from .number_ranges import OPEN_FRACTION, NumberRange
from .option_groups import JUDGING, OUTPUT, STRATEGIES, Command, in_group
from .options import (
    dry_run_option,
    json_option,
    min_images_option,
    network_options,
    predictions_option,
    reading_options,
    report_option,
    test_option,
    transformer_from,
    write_failures,
)
from .output_files import check_outputs
from .report import note, print_forecast
from .results import json_predictions_option, print_result, save_predictions, save_report
from .strategies import check_networks, make_strategies, named_strategies, shared_options, studied_network

if TYPE_CHECKING:
    from ..comparison.part_counts import PartCounts
    from ..comparison.result import ComparisonResult

__all__ = ["compare"]


class _Size(click.ParamType):
    """A fraction of the images, or a count of them."""

    name = "fraction|count"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | int:
        for kind, most in ((int, math.inf), (float, 1)):
            try:
                size = kind(value)
            except ValueError:
                continue
            if 0 < size <= most:
                return size
            break
        self.fail(f"{value!r} is neither a fraction such as 0.3 nor a count such as 200", param, ctx)


class _Percentages(click.ParamType):
    """A name and three percentages."""

    name = "name=train/validation/test"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        name, _, parts = value.partition("=")
        try:
            train, validation, test = map(float, parts.split("/"))
        except ValueError:
            self.fail(f"{value!r} is not NAME=TRAIN/VALIDATION/TEST, such as large=70/15/15", param, ctx)
        return name, (train, validation, test)


SUMMARY = "Say which to use: frozen features, fine-tuning or from scratch."

_strategies_group, _judging, _output = map(in_group, (STRATEGIES, JUDGING, OUTPUT))


@click.command(cls=Command, short_help=SUMMARY)
@click.argument("data")
@_strategies_group(
    "--strategy",
    "strategies",
    multiple=True,
    default=["frozen", "finetuned"],
    show_default=True,
    metavar="[NAME=]STRATEGY",
    help=f"One of frozen, frozen:HEAD, {', '.join(TRAINED_STRATEGIES)}; @LAYER may follow. NAME, such as "
    "alexnet=finetuned, is its name in tables and in --set. Repeat for several.",
)
@_strategies_group(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME.PARAM=VALUE",
    help="Change a parameter of one strategy: finetuned.epochs=20, frozen:svm.C=1,10, alexnet.backbone=alexnet; "
    "per_class=500 is the most images of each class that it trains on.",
)
@_strategies_group(
    "--train-size",
    "train_sizes",
    multiple=True,
    type=_Size(),
    metavar="FRACTION|COUNT",
    help="Fraction of all images (with a given test set, of those to train on), or a count [default: all but the "
    "test images]. Repeat for a learning curve.",
)
@_strategies_group(
    "--size",
    "sizes",
    multiple=True,
    type=_Percentages(),
    metavar="NAME=TRAIN/VALIDATION/TEST",
    help="A size in per cent of all images, with its own test images: large=70/15/15. In place of --train-size and "
    "--test-size. Repeat for a learning curve.",
)
@_strategies_group("--repeats", type=click.IntRange(min=1), metavar="N",
                   help="Random splits [default: 3]; for a given test set, draws of training images [1].")  # fmt: skip
@_strategies_group(
    "--margin",
    default=0.01,
    show_default=True,
    type=NumberRange(0, 0.5, max_open=True),
    metavar="DIFFERENCE",
    help="Difference in accuracy that does not matter; 0.01 is one percentage point.",
)
@_strategies_group(
    "--transfer/--no-transfer",
    default=True,
    show_default=True,
    help="Compare stages of the first backbone, to say which case of transfer this is.",
)
@_judging("--test-size", type=OPEN_FRACTION, metavar="FRACTION",
          help="Fraction of all images to test on [default: 0.25, or the split that DATA came with].")  # fmt: skip
@test_option
@_output(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where finished runs are kept, so that a stopped comparison can continue [default: comparisons in the cache].",
)
@predictions_option
@report_option
@json_option
@json_predictions_option
@_output("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
         help="Draw accuracy against training size (needs the extra plot).")  # fmt: skip
@_output("--plot-confusion", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
         help="Draw the confusion matrices of all strategies at the largest size.")  # fmt: skip
@_output("--plot-history", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
         help="Draw the training curves of the strategies that train a network.")  # fmt: skip
@_output("--plot-by", type=click.Choice(get_args(PlotBy)), default="epoch", show_default=True,
         help="What --plot-history has on its x axis.")  # fmt: skip
@data_options
@min_images_option
@network_options(several=False, backbones=True)
@reading_options
@dry_run_option
def compare(data: str, dry_run: bool, **options: Any) -> None:
    """Compare frozen features, fine-tuning and training from scratch on DATA, and say which to use.

    After a stop, the same command goes on where it was. If DATA came with a split, its test part (without one, its
    validation part) is the only test set, and the other images are trained on.

    {DATA}

    \b
    Examples:
        featx compare sample:digits --strategy frozen --strategy frozen:knn \\
            --train-size 0.4 --repeats 2
    Frozen features or fine-tuning, on your own folder; first what it would take:
        featx compare photos/ --dry-run
        featx compare photos/
    Would more images help?
        featx compare photos/ --train-size 0.1 --train-size 0.3 \\
            --train-size 0.75 --plot curve.png
    Another layer, another network:
        featx compare photos/ --strategy frozen --strategy frozen@stage6
        featx compare photos/ --strategy frozen --backbone efficientnet_lite0 \\
            --backbone resnet18
    Longer training:
        featx compare photos/ --set finetuned.epochs=20
    Two networks, each with images and settings of its own:
        featx compare photos/ --strategy cnn=scratch --set cnn.image_size=100 \\
            --set cnn.backbone=small_cnn --strategy alexnet=finetuned \\
            --set alexnet.backbone=alexnet --set alexnet.per_class=500
    Sizes in per cent to train, to validate and to test on:
        featx compare photos/ --size large=70/15/15 --size small=20/20/60
    """
    chosen = named_strategies(options["strategies"], options["settings"])
    check_outputs(None, options)
    check_figure_paths(**{name: options[name] for name in ("plot", "plot_confusion", "plot_history")})
    if options["plot_history"] and not any(
        parse_strategy(each.strategy).method in TRAINED_STRATEGIES for each in chosen
    ):
        raise click.UsageError("--plot-history needs a strategy that trains a network, such as finetuned")
    if options["plot_by"] != "epoch" and not options["plot_history"]:
        note(options, f"note: --plot-by {options['plot_by']} has no effect without --plot-history")
    check_names(shared_options(chosen, options))
    check_networks(chosen, options)
    sizes = _named_sizes(options)
    dataset, test = datasets_from(options, data, dry_run=dry_run)
    _check_sizes(options["train_sizes"], len(dataset))
    announce(options, "loading scikit-learn")
    from ..comparison.compare import check_margin, compare_strategies
    from ..reports.closing_table import counts_table
    from ..reports.comparison import comparison_parts, cost_lines

    check_margin(options["margin"])
    transformers = [
        transformer_from(options, backbone=name, on_error="raise") for name in dict.fromkeys(options["backbone"])
    ]
    strategies, per_class = make_strategies(chosen, transformers)
    studied = studied_network(chosen, transformers) if options["transfer"] else None
    if options["transfer"] and studied is None:
        note(options, "note: no stages are compared, since no network is pretrained")

    def show_counts(counts: list[PartCounts]) -> None:
        note(options, counts_table(counts))

    how: dict[str, Any] = {
        "test": test,
        "train_sizes": options["train_sizes"] or None,
        "test_size": options["test_size"],
        "repeats": options["repeats"],
        "min_images": options["min_images"],
        "random_state": options["seed"],
        "folder": options["folder"] or _folder(options["cache"]),
        "transfer": studied,
        "on_error": options["on_error"],
        "sizes": sizes,
        "per_class": per_class or None,
        "on_plan": show_counts,
    }
    if dry_run:
        from ..forecast.compare import forecast_comparison

        print_forecast(forecast_comparison(dataset, strategies, **how), options)
        return
    if how["folder"]:
        note_kept(f"finished runs are in {how['folder']}", how["folder"])
    result = compare_strategies(dataset, strategies, **how, margin=options["margin"], verbose=not options["quiet"])
    write_failures(options, result.failures)
    if options["verbose"]:
        note(options, *cost_lines(result))
    save_predictions(options, result.predictions())
    save_report(options, result, dataset, test=test)
    print_result(options, result, comparison_parts(result), predictions=options["json_predictions"])
    _draw(options, result)


def _draw(options: dict[str, Any], result: ComparisonResult) -> None:
    """Draw what is asked for."""
    if options["plot"]:
        from ..reports.comparison_plot import plot_comparison

        plot_comparison(result, options["plot"])
        note(options, f"{options['plot']}: curve drawn")
    if options["plot_confusion"]:
        from ..reports.comparison_confusion_plot import plot_comparison_confusion

        plot_comparison_confusion(result, options["plot_confusion"])
        note(options, f"{options['plot_confusion']}: confusion matrices drawn")
    if options["plot_history"]:
        from ..reports.comparison_history_plot import plot_comparison_history

        plot_comparison_history(result, options["plot_history"], by=options["plot_by"])
        note(options, f"{options['plot_history']}: training curves drawn")


def _named_sizes(options: dict[str, Any]) -> dict[str, tuple[float, float, float]] | None:
    """Return the percentages of the sizes by name, if there are any.

    Raises
    ------
    click.UsageError
        If there are other sizes too, or two of the same name.
    """
    sizes: dict[str, tuple[float, float, float]] = {}
    for name, parts in options["sizes"]:
        if name in sizes:
            raise click.UsageError(f"--size has the name {name} twice")
        sizes[name] = parts
    others = {
        "--train-size": options["train_sizes"],
        "--test-size": options["test_size"],
        "--test": options["test_data"],
    }
    if sizes and (given := [option for option, value in others.items() if value]):
        raise click.UsageError(f"--size and {given[0]} exclude each other: --size says what is tested on")
    return sizes or None


def _check_sizes(sizes: tuple[float | int, ...], n: int) -> None:
    """Raise ParameterError if more training images are asked for than there are images."""
    from ..exceptions import ParameterError

    if counts := [size for size in sizes if isinstance(size, int) and size > n]:
        raise ParameterError(f"got --train-size {counts[0]}; there are {n:,} images", "Choose a smaller one.")


def _folder(cache: str) -> Path | None:
    from ..extraction.estimator import open_cache

    found = open_cache(None if cache == "none" else cache)
    return None if found is None else found.root / "comparisons"
