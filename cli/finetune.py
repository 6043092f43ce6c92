"""`featx finetune`: train a network on labelled images, judge it on held-out images and save it."""

from __future__ import annotations

import time
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ..choices import PlotBy
from .checks import check_decision_options, check_figure_paths, check_names
from .data_options import data_options, datasets_from
from .decision_options import decision_options
from .interrupts import note_kept
from .logs import announce
from .number_ranges import OPEN_FRACTION
from .option_groups import JUDGING, OUTPUT, Command, in_group
from .options import (
    dry_run_option,
    json_option,
    min_images_option,
    network_options,
    output_option,
    parameters_from,
    per_class_option,
    predictions_option,
    reading_options,
    report_option,
    test_option,
    write_failures,
)
from .output_files import check_output, check_outputs
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
from .training_options import training_options

if TYPE_CHECKING:
    from ..datasets.dataset import ImageDataset
    from ..finetuning.classifier import CNNFineTuneClassifier
    from ..workflows.finetune_result import FineTuneResult

__all__ = ["finetune"]


SUMMARY = "Train the top stages of a network on images, and save the model."

_judging, _output = map(in_group, (JUDGING, OUTPUT))


@click.command(cls=Command, options_metavar="-o MODEL.skops [OPTIONS]", short_help=SUMMARY)
@click.argument("data")
@_judging("--test-size", type=OPEN_FRACTION, metavar="FRACTION",
          help="Fraction to hold out for figures [default: 0.2, or the split that DATA came with].")  # fmt: skip
@test_option
@decision_options
@training_options
@output_option(metavar="MODEL.skops", help="Write the trained model, for `featx predict`.")
@_output("--export-weights", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.safetensors",
         help="Write the trained network for --weights of other commands.")  # fmt: skip
@_output("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
         help="Draw the curves of loss and accuracy (needs the extra plot).")  # fmt: skip
@_output("--plot-by", type=click.Choice(get_args(PlotBy)), default="epoch", show_default=True,
         help="What is on the x axis of --plot; an iteration is one mini-batch.")  # fmt: skip
@_output("--plot-confusion", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
         help="Draw the confusion matrix of the test images.")  # fmt: skip
@plot_images_option
@plot_predictions_option
@predictions_option
@report_option
@json_option
@json_predictions_option
@_output("--json-iterations", is_flag=True,
         help="Add loss and accuracy of every mini-batch to --json.")  # fmt: skip
@data_options
@min_images_option
@per_class_option
@network_options(several=False)
@reading_options
@dry_run_option
def finetune(data: str, output: Path | None, dry_run: bool, **options: Any) -> None:
    """Train the top stages of a network on DATA, print honest figures and save the model.

    The head is fitted first, on cached embeddings; then the last stages are trained while those below stay as they
    are, and what they give is computed once. With --weights none --trainable-stages all the network is trained from
    scratch. Of a split that DATA came with, the training part is trained on, the validation part decides when to stop,
    and the test part judges; without a test part the validation part does.

    {DATA}

    \b
    Examples:
        featx finetune sample:digits -o m.skops --trainable-stages 2 --epochs 5
    Your own folder, with a sub-folder for each class:
        featx finetune photos/ -o m.skops --augmentation flips
    A table of files and classes, judged by another folder:
        featx finetune list.csv -o m.skops --test held-out/
    Rare classes, with pictures of the training and of the mistakes:
        featx finetune photos/ -o m.skops --class-weight balanced \\
            --plot curves.png --plot-confusion mistakes.png
    What it would take, before it is run:
        featx finetune photos/ -o m.skops --trainable-stages 3 --dry-run
    From scratch:
        featx finetune photos/ -o m.skops --weights none --trainable-stages all
    """
    own_checkpoint = None
    if output is not None and not options["checkpoint"]:
        own_checkpoint = output.with_name(f"{output.name}.checkpoint")
    options["checkpoint"] = options["checkpoint"] or own_checkpoint
    check_outputs(output, options)
    for path in (options["export_weights"], options["checkpoint"]):
        if path is not None:
            check_output(path)
    if options["export_weights"]:
        from ..networks.weight_formats import check_weights_name

        check_weights_name(options["export_weights"])
    plots = ("plot", "plot_confusion", "plot_images", "plot_predictions")
    check_figure_paths(**{name: options[name] for name in plots})
    check_names(options)
    check_decision_options(options)
    _note_ignored(options)
    dataset, test = datasets_from(options, data, output=output, dry_run=dry_run)
    check_decision_options(options, dataset.classes)
    announce(options, "loading scikit-learn")
    from ..finetuning.classifier import CNNFineTuneClassifier
    from ..reports.costs import extraction_parts, times_text
    from ..reports.held_out import finetuning_parts

    classifier = CNNFineTuneClassifier(**parameters_from(options, signature(CNNFineTuneClassifier).parameters))
    held_out: dict[str, Any] = {
        "test": test,
        **{
            name: options[name]
            for name in ("test_size", "min_images", "per_class", "on_error", "positive", "operating_point")
        },
    }
    note_shapes(options, classifier, [classifier.layer], [classifier.pooling])
    if output is None or dry_run:
        from ..forecast.finetune import forecast_finetuning

        print_forecast(forecast_finetuning(dataset, classifier, **held_out), options)
        return
    note_kept(_epochs_in(options["checkpoint"]), options["checkpoint"])
    result = _train(dataset, classifier, held_out, options, own_checkpoint)
    write_failures(options, result.failures)
    if options["verbose"]:
        note(options, *extraction_parts(result.extraction, n_jobs=options["n_jobs"]))
        note(options, times_text(result.seconds))
    announce(options, f"writing {output}")
    result.save(output)
    if own_checkpoint is not None:
        own_checkpoint.unlink(missing_ok=True)
    if options["export_weights"]:
        result.model.export_weights(options["export_weights"])
    if options["plot"]:
        from ..reports.history_plot import plot_history

        plot_history(result.history, options["plot"], by=options["plot_by"])
    if options["plot_confusion"]:
        draw_confusion(result, options["plot_confusion"])
    draw_sheets(options, dataset, test, result, result.train_rows)
    save_predictions(options, result.predictions.columns())
    save_report(options, result, dataset, test=test)
    written = {name: options[f"json_{name}"] for name in ("iterations", "predictions")}
    print_result(options, result, finetuning_parts(result), **written)
    note_saved(options, output)


def _train(
    dataset: ImageDataset,
    classifier: CNNFineTuneClassifier,
    held_out: dict[str, Any],
    options: dict[str, Any],
    own_checkpoint: Path | None,
) -> FineTuneResult:
    """Train, from the checkpoint if it belongs to this training; otherwise replace it, unless the user named it."""
    from ..finetuning.checkpoint import CheckpointError
    from ..workflows.finetune import finetune_model

    set_aside = None if own_checkpoint is None else own_checkpoint.with_name(f"{own_checkpoint.name}.other")
    if own_checkpoint and set_aside and set_aside.exists() and not own_checkpoint.exists():
        set_aside.replace(own_checkpoint)  # a training was killed before its first epoch
    try:
        return finetune_model(dataset, classifier, **held_out)
    except CheckpointError as error:
        if own_checkpoint is None or set_aside is None:
            raise
        note(options, f"note: the training begins anew: {error.message}")
    # The epochs of the other training are kept until this training has finished one.
    note_kept(_epochs_in(own_checkpoint), own_checkpoint, since=time.time())
    own_checkpoint.replace(set_aside)
    try:
        return finetune_model(dataset, classifier, **held_out)
    finally:
        if own_checkpoint.exists():
            set_aside.unlink()
        else:
            set_aside.replace(own_checkpoint)


def _note_ignored(options: dict[str, Any]) -> None:
    """Log the options that have no effect without another one."""
    from ..display.notes import note_once

    if options["plot_by"] != "epoch" and not options["plot"]:
        note_once(f"--plot-by {options['plot_by']} has no effect without --plot")
    if options["json_iterations"] and not options["json_file"]:
        note_once("--json-iterations has no effect without --json")


def _epochs_in(path: Path) -> str:
    return f"the finished epochs are in {path}"
