"""`featx compare`: compare frozen features, fine-tuning and training from scratch on labelled images."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..comparison.strategy_names import TRAINED_STRATEGIES, parse_strategy
from .assignments import parse_assignment, parse_literal
from .checks import check_figure_paths, check_names
from .data_options import data_options, datasets_from
from .interrupts import note_kept
from .logs import announce
from .option_groups import JUDGING, OUTPUT, STRATEGIES, Command, in_group
from .options import (
    OPEN_FRACTION,
    check_outputs,
    dry_run_option,
    json_option,
    min_images_option,
    network_options,
    reading_options,
    report_option,
    test_option,
    transformer_from,
    write_failures,
)
from .report import note, print_forecast
from .results import print_result, save_report

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

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
    metavar="STRATEGY",
    help=f"One of frozen, frozen:HEAD, {', '.join(TRAINED_STRATEGIES)}; @LAYER may follow. Repeat for several.",
)
@_strategies_group(
    "--set",
    "settings",
    multiple=True,
    metavar="STRATEGY.PARAM=VALUE",
    help="Change a parameter of a strategy: finetuned.epochs=20, frozen:svm.C=1,10.",
)
@_strategies_group(
    "--train-size",
    "train_sizes",
    multiple=True,
    type=_Size(),
    metavar="FRACTION|COUNT",
    help="Fraction of all images, with a given test set of those to train on, or count [default: all but the test "
    "images]. Repeat for a learning curve.",
)
@_strategies_group("--repeats", type=click.IntRange(min=1), metavar="N",
                   help="Random splits [default: 3]; for a given test set, draws of training images [1].")  # fmt: skip
@_strategies_group(
    "--margin",
    default=0.01,
    show_default=True,
    type=click.FloatRange(0, 0.5, max_open=True),
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
@report_option
@json_option
@_output("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
         help="Draw accuracy against training size (needs the extra plot).")  # fmt: skip
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
    """
    settings = parse_settings(options["settings"])
    check_outputs(None, options)
    check_figure_paths(options["plot"])
    check_names(options)
    _check_settings(options["strategies"], settings)
    dataset, test = datasets_from(options, data, dry_run=dry_run)
    _check_sizes(options["train_sizes"], len(dataset))
    announce(options, "loading scikit-learn")
    from ..comparison.compare import check_margin, compare_strategies
    from ..reports.comparison import comparison_parts, cost_lines

    check_margin(options["margin"])
    transformers = [
        transformer_from(options, backbone=name, on_error="raise") for name in dict.fromkeys(options["backbone"])
    ]
    strategies = _strategies(options["strategies"], transformers, settings)
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
        from ..forecast.compare import forecast_comparison

        print_forecast(forecast_comparison(dataset, strategies, **how), options)
        return
    if how["folder"]:
        note_kept(f"finished runs are in {how['folder']}", how["folder"])
    result = compare_strategies(dataset, strategies, **how, margin=options["margin"], verbose=not options["quiet"])
    write_failures(options, result.failures)
    if options["verbose"]:
        note(options, *cost_lines(result))
    save_report(options, result, dataset)
    print_result(options, result, comparison_parts(result))
    if options["plot"]:
        from ..reports.comparison_plot import plot_comparison

        plot_comparison(result, options["plot"])
        note(options, f"{options['plot']}: curve drawn")


def _check_settings(names: tuple[str, ...], settings: dict[str, dict[str, Any]]) -> None:
    """Raise ParameterError if a parameter of another strategy is set, or to a value that it does not accept."""
    from ..constraints import check_values
    from ..exceptions import ParameterError, nearest
    from ..finetuning.settings import ACCEPTED

    if unused := sorted(set(settings) - set(names)):
        hint = nearest(unused[0], names) or f"Add --strategy {unused[0]}."
        raise ParameterError(f"got a parameter of {unused[0]}, which is not among the strategies", hint)
    for name, values in settings.items():
        if parse_strategy(name).method in TRAINED_STRATEGIES:
            check_values(values, **ACCEPTED)


def _check_sizes(sizes: tuple[float | int, ...], n: int) -> None:
    """Raise ParameterError if more training images are asked for than there are images."""
    from ..exceptions import ParameterError

    if counts := [size for size in sizes if isinstance(size, int) and size > n]:
        raise ParameterError(f"got --train-size {counts[0]}; there are {n:,} images", "Choose a smaller one.")


def _strategies(
    names: tuple[str, ...], transformers: list[Any], settings: dict[str, dict[str, Any]]
) -> dict[str, BaseEstimator]:
    """Return the classifiers by name, which includes the backbone if there are several."""
    from ..comparison.strategies import make_strategy

    return {
        name if len(transformers) == 1 else f"{name} on {transformer.backbone}": make_strategy(
            name, transformer, parameters=settings.get(name)
        )
        for transformer in transformers
        for name in dict.fromkeys(names)
    }


def _folder(cache: str) -> Path | None:
    from ..extraction.estimator import open_cache

    found = open_cache(None if cache == "none" else cache)
    return None if found is None else found.root / "comparisons"


def parse_settings(texts: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Return the parameters in "strategy.param=value" texts; values are Python literals, or text."""
    settings: dict[str, dict[str, Any]] = {}
    for text in texts:
        strategy, parameter, value = parse_assignment(
            text, option="--set", form="STRATEGY.PARAM=VALUE", example="finetuned.epochs=20"
        )
        settings.setdefault(strategy, {})[parameter] = parse_literal(value)
    return settings
