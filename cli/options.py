"""The options that several commands share, and what they make of them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .interrupts import keep
from .report import printable
from .streams import write_text

if TYPE_CHECKING:
    from ..extraction import Failure
    from ..transformer import CNNFeatureTransformer

__all__ = [
    "check_output",
    "check_outputs",
    "dry_run_option",
    "min_images_option",
    "network_options",
    "note",
    "reading_options",
    "reading_parameters",
    "training_options",
    "transformer_from",
    "weights_from",
    "write_failures",
]


def _decorate(options: list[Callable[..., Any]]) -> Callable[..., Any]:
    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def network_options(*, several: bool, backbones: bool = False) -> Callable[..., Any]:
    """Return the options that choose the network: `several` layers and poolings for a search, or `backbones`."""
    more = " Repeat to search several." if several else ""
    default: Any = ["efficientnet_lite0"] if backbones else "efficientnet_lite0"
    repeated = " Repeat to compare several." if backbones else ""
    return _decorate(
        [
            click.option("--backbone", multiple=backbones, default=default, show_default=True,
                         help=f"See `featx backbones`.{repeated}"),
            click.option("--weights", default="DEFAULT", show_default=True,
                         help="DEFAULT, a torchvision name, a file of weights, a checkpoint, or none for random ones."),
            click.option("--layer", multiple=several, help=f"Stage or graph node [default: the last stage].{more}"),
            click.option("--pooling", multiple=several, default=["auto"] if several else "auto",
                         help=f"auto, avg, max, avgmax, gem, flatten or cls [default: auto].{more}"),
            click.option("--image-size", type=click.IntRange(min=1), help="Pixels [default: that of the weights]."),
            click.option("--resize", type=click.Choice(["crop", "squash"]), default="crop", show_default=True,
                         help="Cut the central square, or squeeze the whole image into it."),
            click.option("--precision", default="auto", show_default=True, help="auto, float32, bfloat16 or float16."),
            click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
                         help="Of folds, heads and random weights."),
        ]
    )  # fmt: skip


training_options = _decorate(
    [
        click.option("--trainable-stages", default="1", show_default=True, metavar="N|all|A,B",
                     help="The last N stages, all, or stages by name; 0 trains the head only."),
        click.option("--trainable-layers", type=click.IntRange(min=1), help="The last N layers, in place of stages."),
        click.option("--head-init", type=click.Choice(["auto", "logistic", "warmup", "random"]), default="auto",
                     show_default=True, help="What the head is before the stages are trained."),
        click.option("--hidden-units", type=click.IntRange(min=1), help="One hidden layer of so many units."),
        click.option("--dropout", default=0.0, show_default=True, help="Before the class layer."),
        click.option("--batch-norm", type=click.Choice(["frozen", "update"]), default="frozen", show_default=True,
                     help="Whether BatchNorm keeps the statistics that it was pretrained with, if there are any."),
        click.option("--optimizer", type=click.Choice(["adamw", "sgd"]), default="adamw", show_default=True),
        click.option("--learning-rate", type=float, help="Of the trained stages [default: 3e-5, from scratch 1e-3]."),
        click.option("--head-learning-rate", type=float,
                     help="Of the head [default: three times the other, from scratch the same]."),
        click.option("--momentum", default=0.9, show_default=True, help="Of sgd."),
        click.option("--weight-decay", default=1e-2, show_default=True),
        click.option("--schedule", type=click.Choice(["constant", "cosine", "onecycle"]), default="cosine",
                     show_default=True),
        click.option("--epochs", type=click.IntRange(min=1), help="[default: 10, from scratch 30]"),
        click.option("--label-smoothing", default=0.0, show_default=True),
        click.option("--class-weight", type=click.Choice(["balanced", "none"]), default="none", show_default=True),
        click.option("--early-stopping/--no-early-stopping", default=True, show_default=True,
                     help="Hold out a validation part and keep the best epoch, or train on all to the last epoch."),
        click.option("--validation-fraction", default=0.15, show_default=True),
        click.option("--patience", type=click.IntRange(min=1), help="[default: 5, from scratch half of the epochs]"),
        click.option("--augmentation", default="light", show_default=True,
                     help="none, light, flips, dihedral, keras, crops or randaugment."),
        click.option("--augment-views", default=4, show_default=True, type=click.IntRange(min=1),
                     help="Augmented views of each image that are drawn once."),
        click.option("--test-views", default=1, show_default=True, type=click.IntRange(min=1),
                     help="Views that a prediction averages."),
        click.option("--boundary-cache/--no-boundary-cache", default=True, show_default=True,
                     help="Compute what the frozen stages give once, or forward all images in every epoch."),
        click.option("--boundary-dtype", type=click.Choice(["float16", "bfloat16"]), default="float16",
                     show_default=True),
        click.option("--boundary-cache-bytes", default=8_000_000_000, show_default=True, type=click.IntRange(min=0)),
        click.option("--checkpoint", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
                     help="Written after each epoch, and kept; the same command goes on from it "
                          "[default: MODEL.skops.checkpoint, until the model is written]."),
    ]
)  # fmt: skip


def _read_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Have every file read for its digest until the command ends, in the processes that it starts too."""
    if value:
        before = os.environ.get("FEATX_CHECKSUM")
        os.environ["FEATX_CHECKSUM"] = "1"
        ctx.call_on_close(lambda: os.environ.update(FEATX_CHECKSUM=before or "0"))


def _keep_embeddings(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Have a stopped command say that its embeddings are in the cache, if it has one."""
    if value != "none":
        keep("the embeddings computed so far are in the cache")
    return value


def _be_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Keep back what libraries warn of and featx logs, too."""
    ctx.meta["quiet"] = value
    return value


class _ValueRange(click.ParamType):
    """Two numbers, or "minmax"."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "minmax" or isinstance(value, tuple):
            return value
        try:
            low, high = (float(part) for part in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is neither two numbers such as 0,4095 nor minmax", param, ctx)
        if not low < high:
            self.fail(f"{value!r} is no range: the first number must be below the second", param, ctx)
        # As one writes them in Python, where they are part of what identifies an array.
        return tuple(int(number) if number.is_integer() else number for number in (low, high))


reading_options = _decorate(
    [
        click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps."),
        click.option("--batch-size", type=click.IntRange(min=1), help="Images in the network at once.",
                     show_default="by device"),
        click.option("--n-jobs", type=int, help="Threads that decode, and processes that tune; -1 for all cores."),
        click.option("--cache", metavar="DIR|none", default="auto", callback=_keep_embeddings,
                     help="Where embeddings are kept [default: $FEATX_CACHE or the user's cache folder]."),
        click.option("--value-range", type=_ValueRange(), metavar="LOW,HIGH|minmax",
                     help="Values that mean black and white in images of more than 8 bits [default: their full scale]; "
                          "0,4095 for 12 bits, minmax for each image's own."),
        click.option("--checksum", is_flag=True, expose_value=False, callback=_read_all,
                     help="Read every file, even where size, times and inode are those of last time."),
        click.option("--on-error", type=click.Choice(["raise", "skip"]), default="raise", show_default=True,
                     help="What an unreadable image does."),
        click.option("--failures", type=click.Path(dir_okay=False), metavar="FILE.json",
                     help="Write the images that could not be read, with the reasons."),
        click.option("--verbose", "-v", is_flag=True, help="Print where the time went."),
        click.option("--quiet", "-q", is_flag=True, callback=_be_quiet, help="Print results only."),
    ]
)  # fmt: skip


min_images_option = click.option(
    "--min-images", default=1, show_default=True, type=click.IntRange(min=1), metavar="N",
    help="Leave out classes with fewer images to train on, copies counted once.",
)  # fmt: skip


dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Probe up to 64 images and print what the run would cost; nothing is written."
)


def check_output(path: Path, *, in_place: bool = False) -> None:
    """Refuse a file that could not be written, before hours are spent on what it is to hold.

    What is written in place, and not replaced as a whole, may be a pipe.

    Raises
    ------
    ParameterError
    """
    from ..cache.temporary import written_path
    from ..exceptions import ParameterError

    try:
        folder = (path.absolute() if in_place else written_path(path)).parent
    except OSError as error:
        raise ParameterError(f"cannot write {path}: {error.strerror or error}", "Choose another place.") from error
    if not folder.is_dir():
        raise ParameterError(f"cannot write {path}: there is no folder {folder}", "Make it, or choose another place.")
    if not os.access(folder, os.W_OK):
        raise ParameterError(f"cannot write {path}: no permission in {folder}", "Choose another place.")


def check_outputs(output: Path | None, options: dict[str, Any]) -> None:
    """Refuse any of the command's output files that could not be written."""
    if output is not None:
        check_output(output)
    for path in (options["failures"], options.get("json_file")):
        if path not in (None, "-"):
            check_output(Path(path), in_place=True)
    if options["failures"] and options["on_error"] == "raise":
        from ..notes import note_once

        note_once("--failures has no effect with --on-error raise: the first unreadable image ends the command")


def transformer_from(options: dict[str, Any], **more: Any) -> CNNFeatureTransformer:
    """Return the transformer that the shared options describe."""
    from ..transformer import CNNFeatureTransformer

    chosen: dict[str, Any] = {
        "backbone": options["backbone"],
        "weights": weights_from(options),
        "image_size": options["image_size"],
        "resize": options["resize"],
        "precision": options["precision"],
        "random_state": options["seed"],
    }
    return CNNFeatureTransformer(**{**chosen, **reading_parameters(options), **more})


def weights_from(options: dict[str, Any]) -> str | None:
    """Return what --weights means: a name, a file, or None for random ones."""
    return None if options["weights"].lower() == "none" else options["weights"]


def reading_parameters(options: dict[str, Any]) -> dict[str, Any]:
    """Return the transformer's parameters that say how to read and compute, not what."""
    return {
        "device": options["device"],
        "batch_size": options["batch_size"] or "auto",
        "n_jobs": options["n_jobs"],
        "cache": None if options["cache"] == "none" else options["cache"],
        "on_error": "nan" if options["on_error"] == "skip" else "raise",
        "verbose": not options["quiet"],
        "value_range": options["value_range"],
    }


def note(options: dict[str, Any], text: str) -> None:
    """Print a remark to stderr unless --quiet."""
    if not options["quiet"]:
        click.echo(printable(text), err=True)


def write_failures(options: dict[str, Any], failures: list[Failure]) -> None:
    """Name the images that were skipped, and write the ledger if a file was asked for."""
    if options["failures"]:
        ledger = [{"index": f.index, "path": f.name, "reason": f.reason} for f in failures]
        write_text(options["failures"], json.dumps(ledger, indent=2) + "\n")
    for failure in failures[:10]:
        note(options, f"skipped {failure.name}: {failure.reason}")
    if len(failures) > 10:
        note(options, f"skipped {len(failures) - 10} more; --failures FILE.json lists them all")
