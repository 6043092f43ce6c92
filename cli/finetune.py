"""`featx finetune`: labelled images in, a network trained on them and its figures on held-out images out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .data_options import data_options, dataset_from
from .extraction_report import describe_extraction
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
    reading_parameters,
    training_options,
    weights_from,
    write_failures,
)
from .report import describe_finetuning, describe_parts
from .streams import write_text

if TYPE_CHECKING:
    from ..datasets import ImageDataset
    from ..finetune import CNNFineTuneClassifier
    from ..finetune_outcome import FineTuneOutcome

__all__ = ["finetune"]


@click.command()
@click.argument("data")
@click.option("--output", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), metavar="MODEL.skops")
@click.option("--test-size", type=float,
              help="Fraction to hold out for figures [default: 0.2, or the split that DATA came with].")  # fmt: skip
@click.option("--test", "test_data", help="Another data set as the test set, in place of a split.")
@training_options
@click.option("--export-weights", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.safetensors",
              help="Write the trained network for --weights of other commands.")  # fmt: skip
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
              help="Draw the curves of loss and accuracy (needs the extra plot).")  # fmt: skip
@click.option("--plot-confusion", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.png|svg|pdf",
              help="Draw the confusion matrix of the test images.")  # fmt: skip
@click.option(
    "--json",
    "json_file",
    type=click.Path(dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Write the result as JSON; - for standard output.",
)
@data_options
@min_images_option
@network_options(several=False)
@reading_options
@dry_run_option
def finetune(data: str, output: Path, dry_run: bool, **options: Any) -> None:
    """Train the top stages of a network on DATA, print honest figures and save the model.

    The head is fitted first, on cached embeddings; then the last stages are trained while those below stay as they
    are, and what they give is computed once. With --weights none --trainable-stages all the network is trained from
    scratch. Of a split that DATA came with, the training part is trained on, the validation part decides when to stop,
    and the test part judges; without a test part the validation part does.

    {DATA}

    \b
    Example:
        featx finetune sample:digits -o digits-tuned.skops --trainable-stages 2 --epochs 5
    """
    from ..finetune import CNNFineTuneClassifier

    check_outputs(output, options)
    own_checkpoint = None if options["checkpoint"] else output.with_name(f"{output.name}.checkpoint")
    options["checkpoint"] = options["checkpoint"] or own_checkpoint
    for path in (options["export_weights"], options["plot"], options["plot_confusion"], options["checkpoint"]):
        if path is not None:
            check_output(path)
    if options["plot"] or options["plot_confusion"]:
        from ..plots import check_picture

        for path in filter(None, (options["plot"], options["plot_confusion"])):
            check_picture(path)
    dataset = dataset_from(options, data)
    test = dataset_from(options, options["test_data"], test=True) if options["test_data"] else None
    note(options, f"{data}: {len(dataset):,} images, {len(dataset.classes)} classes")
    reading = reading_parameters(options)
    skipping = reading.pop("on_error") == "nan"
    size = reading.pop("batch_size")
    classifier = CNNFineTuneClassifier(
        backbone=options["backbone"],
        weights=weights_from(options),
        layer=options["layer"],
        pooling=options["pooling"],
        image_size=options["image_size"],
        resize=options["resize"],
        precision=options["precision"],
        random_state=options["seed"],
        batch_size=32 if size == "auto" else size,
        **training_parameters(options),
        **reading,
    )
    held_out: dict[str, Any] = {"test_size": options["test_size"], "test": test, "skip_unreadable": skipping}
    held_out["min_images"] = options["min_images"]
    if dry_run:
        from ..training_forecast import forecast_finetuning

        print_forecast(forecast_finetuning(dataset, classifier, **held_out), options)
        return
    keep(_epochs_in(options["checkpoint"]), options["checkpoint"])
    outcome = _train(dataset, classifier, held_out, options, own_checkpoint)
    write_failures(options, outcome.failures)
    if options["verbose"]:
        note(options, describe_extraction(outcome.extraction, verbose=True, n_jobs=options["n_jobs"]))
        note(options, describe_parts(outcome.seconds))
    outcome.save(output)
    if own_checkpoint is not None:
        own_checkpoint.unlink(missing_ok=True)
    if options["export_weights"]:
        outcome.model.export_weights(options["export_weights"])
    if options["plot"]:
        from ..plots import plot_history

        plot_history(outcome.history, options["plot"])
    if options["plot_confusion"]:
        from ..plots import plot_confusion_matrix

        plot_confusion_matrix(outcome.confusion_matrix, outcome.classes, options["plot_confusion"])
    if options["json_file"] != "-":
        click.echo(f"\n{describe_finetuning(outcome)}\n")
    if options["json_file"]:
        write_text(options["json_file"], outcome.to_json() + "\n")
    note(options, f"{output}: model written; `featx predict {output} IMAGES` uses it")


def _train(
    dataset: ImageDataset,
    classifier: CNNFineTuneClassifier,
    held_out: dict[str, Any],
    options: dict[str, Any],
    own_checkpoint: Path | None,
) -> FineTuneOutcome:
    """Train, from the checkpoint on if it is of this training; one that the user has not named is replaced if not."""
    from ..checkpoints import CheckpointError
    from ..finetune_outcome import finetune_model

    aside = None if own_checkpoint is None else own_checkpoint.with_name(f"{own_checkpoint.name}.other")
    if own_checkpoint and aside and aside.exists() and not own_checkpoint.exists():
        aside.replace(own_checkpoint)  # a training was killed before its first epoch
    try:
        return finetune_model(dataset, classifier, **held_out)
    except CheckpointError as error:
        if own_checkpoint is None or aside is None:
            raise
        note(options, f"note: the training begins anew: {error.message}")
    # Epochs of the other training are kept until there is one of this.
    keep(_epochs_in(own_checkpoint), own_checkpoint, since=time.time())
    own_checkpoint.replace(aside)
    try:
        return finetune_model(dataset, classifier, **held_out)
    finally:
        if own_checkpoint.exists():
            aside.unlink()
        else:
            aside.replace(own_checkpoint)


def _epochs_in(path: Path) -> str:
    return f"the finished epochs are in {path}"


def training_parameters(options: dict[str, Any]) -> dict[str, Any]:
    """Return the classifier's parameters that say how to train."""
    same = ("trainable_layers", "head_init", "hidden_units", "dropout", "batch_norm", "optimizer",
            "head_learning_rate", "momentum", "weight_decay", "schedule", "label_smoothing",
            "early_stopping", "validation_fraction", "augmentation", "augment_views", "test_views",
            "boundary_cache", "boundary_dtype", "boundary_cache_bytes", "checkpoint")  # fmt: skip
    automatic = ("learning_rate", "epochs", "patience")
    stages = options["trainable_stages"]
    return {
        **{name: options[name] for name in same},
        **{name: "auto" if options[name] is None else options[name] for name in automatic},
        "trainable_stages": int(stages) if stages.isdecimal() else stages if stages == "all" else stages.split(","),
        "class_weight": None if options["class_weight"] == "none" else options["class_weight"],
    }
