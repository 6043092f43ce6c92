"""`featx fit`: tune heads on the embeddings of labelled images and save the best model."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import click

from ..choices import Scoring
from ..heads.head_names import HEADS, check_heads
from .assignments import parse_assignment, parse_literals
from .checks import check_decision_options, check_figure_paths, check_names
from .data_options import data_options, datasets_from
from .decision_options import decision_options
from .logs import announce
from .number_ranges import OPEN_FRACTION, CountOrAll
from .option_groups import HEAD_OPTIONS, JUDGING, OUTPUT, Command, in_group
from .options import (
    dry_run_option,
    json_option,
    min_images_option,
    network_options,
    output_option,
    per_class_option,
    predictions_option,
    reading_options,
    report_option,
    test_option,
    transformer_from,
    write_failures,
)
from .output_files import check_outputs
from .report import note, print_forecast
from .results import (
    draw_confusion,
    json_predictions_option,
    note_saved,
    print_result,
    save_predictions,
    save_report,
)
from .shapes import note_shapes
from .sheets import draw_sheets, plot_images_option, plot_predictions_option

__all__ = ["fit"]


SUMMARY = "Fit classifiers on the embeddings of images, and save the best."

_heads, _judging, _output = map(in_group, (HEAD_OPTIONS, JUDGING, OUTPUT))


@click.command(cls=Command, options_metavar="-o MODEL.skops [OPTIONS]", short_help=SUMMARY)
@click.argument("data")
@_heads(
    "--head",
    "heads",
    multiple=True,
    default=["logistic"],
    show_default=True,
    metavar="HEAD",
    help=f"One of {', '.join(HEADS)}, or any classifier, package.module:Class. Repeat to search several.",
)
@_heads(
    "--grid",
    "grids",
    multiple=True,
    metavar="HEAD.PARAM=V1,V2",
    help="Values to tune over instead of the defaults, such as logistic.C=0.01,0.1.",
)
@_heads("--class-weight", type=click.Choice(["balanced", "none"]), default="none", show_default=True,
        help="balanced gives rare classes the same weight as frequent ones.")  # fmt: skip
@_heads(
    "--scoring",
    type=click.Choice(get_args(Scoring)),
    default="accuracy",
    show_default=True,
    metavar="SCORE",
    help=f"What the tuning maximises: {', '.join(get_args(Scoring))}. roc_auc and average_precision are of --positive, "
    "or the mean over all classes.",
)
@_heads("--tuning-images", type=CountOrAll(), default="20000", metavar="N|all",
        help="Of more images than this, choose the parameters on so many; fit on all [default: 20000].")  # fmt: skip
@_judging("--cv", type=click.IntRange(min=2), metavar="N",
          help="Folds of the cross-validation [default: 5, or the split that DATA came with].")  # fmt: skip
@_judging("--test-size", type=OPEN_FRACTION, metavar="FRACTION",
          help="Hold out this fraction as the test set instead of folds or a split.")  # fmt: skip
@test_option
@decision_options
@output_option(
    metavar="MODEL.skops", help="Write the best model, fitted on all images but a test set, for `featx predict`."
)
@_output("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
         help="Draw the candidates and the classes (needs the extra plot).")  # fmt: skip
@_output("--plot-confusion", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
         help="Draw the confusion matrix of the test images.")  # fmt: skip
@plot_images_option
@plot_predictions_option
@predictions_option
@report_option
@json_option
@json_predictions_option
@data_options
@min_images_option
@per_class_option
@network_options(several=True, backbones=True)
@reading_options
@dry_run_option
def fit(data: str, output: Path | None, dry_run: bool, **options: Any) -> None:
    """Tune heads on the embeddings of DATA, print honest figures and save the best model.

    Of a split that DATA came with, the training and validation parts are fitted on and the test part judges; without a
    test part the validation part does.

    {DATA}

    \b
    Examples:
        featx fit sample:digits -o digits.skops --head logistic --head knn
    Your own folder, with a sub-folder for each class:
        featx fit photos/ -o m.skops
    A table of files and classes:
        featx fit list.csv -o m.skops --path-column file --label-column kind
    Judged by another folder:
        featx fit photos/ -o m.skops --test held-out/
    Rare classes:
        featx fit photos/ -o m.skops --class-weight balanced \\
            --scoring balanced_accuracy
    A class that must not be missed:
        featx fit photos/ -o m.skops --positive crack \\
            --operating-point sensitivity=0.95 --scoring roc_auc
    Any classifier of scikit-learn's kind:
        featx fit photos/ -o m.skops \\
            --head sklearn.ensemble:RandomForestClassifier \\
            --grid RandomForestClassifier.n_estimators=100,500
    More heads and layers:
        featx fit photos/ -o m.skops --head svm --head knn \\
            --layer stage6 --layer head
    Several networks (two of the extra lite):
        featx fit photos/ -o m.skops --backbone efficientnet_lite0 \\
            --backbone efficientnet_lite1
    Images that cannot be read left out:
        featx fit photos/ -o m.skops --on-error skip --failures bad.json
    """
    grids = parse_grids(options["grids"])
    check_outputs(output, options)
    plots = ("plot", "plot_confusion", "plot_images", "plot_predictions")
    check_figure_paths(**{name: options[name] for name in plots})
    check_names(options)
    class_weight = None if options["class_weight"] == "none" else options["class_weight"]
    check_heads(options["heads"], grids, class_weight=class_weight)
    check_decision_options(options)
    dataset, test = datasets_from(options, data, output=output, dry_run=dry_run)
    check_decision_options(options, dataset.classes)
    announce(options, "loading scikit-learn")
    from ..reports.costs import extraction_parts, times_text
    from ..reports.held_out import evaluation_parts
    from ..workflows.fit import fit_model
    from ..workflows.savable_heads import check_savable

    check_savable(options["heads"], grids)
    backbones = options["backbone"]
    transformer = transformer_from(options, backbone=backbones[0], layer=None, pooling="auto")  # of the search below
    search: dict[str, Any] = {
        "backbones": backbones if len(backbones) > 1 else None,
        "layers": options["layer"] or (None,),
        "poolings": options["pooling"],
        "heads": options["heads"],
        "grids": grids,
        "cv": options["cv"],
        "test_size": options["test_size"],
        "test": test,
        "min_images": options["min_images"],
        "per_class": options["per_class"],
        "class_weight": class_weight,
        **{name: options[name] for name in ("scoring", "positive", "operating_point")},
        "random_state": options["seed"],
        "n_jobs": options["n_jobs"],
        "tuning_images": options["tuning_images"],
    }
    if len(backbones) == 1:
        note_shapes(options, transformer, search["layers"], search["poolings"])
    if output is None or dry_run:
        from ..forecast.fit import forecast_fit

        print_forecast(forecast_fit(dataset, transformer, **search), options)
        return
    result = fit_model(dataset, transformer, **search, verbose=not options["quiet"])
    write_failures(options, result.extraction.failures)
    note(options, *extraction_parts(result.extraction, verbose=options["verbose"], n_jobs=options["n_jobs"]))
    if options["verbose"]:
        tuning = {
            "extraction": result.extraction.wall_seconds,
            "tuning": sum(c.seconds for c in result.evaluation.candidates),
        }
        note(options, times_text(tuning))
    announce(options, f"writing {output}")
    own_types = result.save(output)
    if options["plot"]:
        from ..reports.evaluation_plot import plot_evaluation

        plot_evaluation(result.evaluation, options["plot"])
    if options["plot_confusion"]:
        draw_confusion(result.evaluation, options["plot_confusion"])
    draw_sheets(options, dataset, test, result.evaluation, result.train_rows)
    save_predictions(options, result.evaluation.predictions.columns())
    save_report(options, result, dataset, test=test)
    print_result(options, result, evaluation_parts(result.evaluation), predictions=options["json_predictions"])
    note_saved(options, output, trusted=own_types)


def parse_grids(texts: tuple[str, ...]) -> dict[str, dict[str, list[Any]]]:
    """Return the grids in "head.param=v1,v2" texts; values are Python literals, or text."""
    grids: dict[str, dict[str, list[Any]]] = {}
    for text in texts:
        head, parameter, values = parse_assignment(
            text, option="--grid", form="HEAD.PARAM=V1,V2", example="logistic.C=0.1,1"
        )
        grids.setdefault(head, {})[parameter] = parse_literals(values)
    return grids
