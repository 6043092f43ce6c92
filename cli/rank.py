"""`featx rank`: say which networks, layers and poolings suit a data set best, from a few of its images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .checks import check_figure_paths, check_names
from .data_options import data_options, dataset_from
from .logs import announce
from .option_groups import JUDGING, OUTPUT, Command, in_group
from .options import (
    dry_run_option,
    json_option,
    min_images_option,
    network_options,
    reading_options,
    report_option,
    transformer_from,
    write_failures,
)
from .output_files import check_outputs
from .report import note, print_forecast
from .results import print_result, save_report

__all__ = ["rank"]


SUMMARY = "Say which network, layer and pooling to take, from a few images."

_judging, _output = map(in_group, (JUDGING, OUTPUT))


@click.command(cls=Command, options_metavar="[OPTIONS]", short_help=SUMMARY)
@click.argument("data")
@_judging("--images", type=click.IntRange(min=1), default=500, show_default=True, metavar="N",
          help="At most this many images of DATA go through each network.")  # fmt: skip
@_judging("--cv", type=click.IntRange(min=2), default=5, show_default=True, metavar="N",
          help="Folds of the cross-validation.")  # fmt: skip
@_output("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
         help="Draw accuracy against seconds (needs the extra plot).")  # fmt: skip
@report_option
@json_option
@data_options
@min_images_option
@network_options(several=True, backbones=True)
@reading_options
@dry_run_option
def rank(data: str, dry_run: bool, **options: Any) -> None:
    """Rank networks, layers and poolings on a few images of DATA, by accuracy and cost.

    What can no longer be the best is not forwarded on more images. Of those that cannot be told from the best, the
    cheapest is recommended that is at most a point less accurate. A test part of DATA is left aside.

    {DATA}

    \b
    Examples:
        featx rank sample:digits --layer stage6 --layer head
    Your own folder, and several networks (two of the extra lite):
        featx rank photos/ --backbone efficientnet_lite0 \\
            --backbone efficientnet_lite1 --backbone efficientnet_lite2
    More images, for smaller differences:
        featx rank photos/ --backbone resnet18 --backbone resnet50 \\
            --pooling avg --pooling avgmax --images 2000
    """
    check_outputs(None, options)
    check_figure_paths(plot=options["plot"])
    check_names(options)
    dataset = dataset_from(options, data)
    announce(options, "loading scikit-learn")
    from ..ranking.rank import rank_backbones
    from ..reports.ranking import ranking_parts

    # Of the search below.
    transformer = transformer_from(options, backbone=options["backbone"][0], layer=None, pooling="auto")
    search: dict[str, Any] = {
        "backbones": options["backbone"],
        "layers": options["layer"] or (None,),
        "poolings": options["pooling"],
        "images": options["images"],
        "cv": options["cv"],
        "min_images": options["min_images"],
        "random_state": options["seed"],
        "n_jobs": options["n_jobs"],
    }
    if dry_run:
        from ..forecast.rank import forecast_ranking

        print_forecast(forecast_ranking(dataset, transformer, **search), options)
        return
    result = rank_backbones(dataset, transformer, **search, verbose=not options["quiet"])
    write_failures(options, result.failures)
    if options["verbose"]:
        from ..reports.costs import times_text

        tuning = result.seconds["judging"]
        note(options, times_text({"extraction": sum(result.seconds.values()) - tuning, "tuning": tuning}))
    if options["plot"]:
        from ..reports.ranking_plot import plot_ranking

        plot_ranking(result, options["plot"])
    save_report(options, result, dataset)
    print_result(options, result, ranking_parts(result))
