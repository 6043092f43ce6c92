"""The options that several commands share, and the parameters that they stand for."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from ..choices import OnError, Resize
from .cluster_option import cluster_option
from .interrupts import note_kept
from .option_groups import COMPUTING, DATA, JUDGING, NETWORK, OUTPUT, in_group
from .report import note
from .streams import write_text

if TYPE_CHECKING:
    from ..extraction.extract import Failure
    from ..extraction.transformer import CNNFeatureTransformer

__all__ = [
    "decorate",
    "dry_run_option",
    "json_option",
    "min_images_option",
    "network_options",
    "output_option",
    "parameters_from",
    "per_class_option",
    "predictions_option",
    "quiet_option",
    "reading_options",
    "report_option",
    "test_option",
    "transformer_from",
    "write_failures",
]


_data, _network, _judging, _output, _computing = map(in_group, (DATA, NETWORK, JUDGING, OUTPUT, COMPUTING))


def decorate(options: list[Callable[..., Any]]) -> Callable[..., Any]:
    """Return a decorator that adds options to a command."""

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


def network_options(*, several: bool, backbones: bool = False) -> Callable[..., Any]:
    """Return the options that choose the network: `several` layers and poolings for a search, or `backbones`."""
    more = " Repeat to search several." if several else ""
    default: Any = ["efficientnet_lite0"] if backbones else "efficientnet_lite0"
    word = "search" if several else "compare"
    repeated = f" Repeat to {word} several." if backbones else ""
    return decorate(
        [
            _network("--backbone", metavar="NAME", multiple=backbones, default=default, show_default=True,
                     help=f"A network of `featx backbones`, or timm:NAME.{repeated}"),
            _network("--weights", metavar="NAME|FILE|none", default="DEFAULT", show_default=True,
                     help="DEFAULT, a torchvision name, a file of weights, a checkpoint, or none for random ones."),
            _network("--layer", metavar="LAYER", multiple=several,
                     help=f"A stage of `featx backbones --stages NAME`, or a node of the network's graph "
                          f"[default: the network's last stage].{more}"),
            _network("--pooling", metavar="POOLING", multiple=several, default=["auto"] if several else "auto",
                     help="How a feature map becomes a vector: avg, max, avgmax (both), gem, flatten, cls, or auto for "
                          f"the network's own [default: auto].{more}"),
            _network("--image-size", type=click.IntRange(1, 9459), metavar="PIXELS",
                     help="Side of the network's input [default: that of the weights]."),
            _network("--resize", type=click.Choice(get_args(Resize)), default="crop", show_default=True,
                     help="Cut the central square, or squeeze the whole image into it."),
            _computing("--precision", metavar="NAME", default="auto", show_default=True,
                       help="auto, float32, bfloat16 or float16; auto takes bfloat16 if it is faster and as accurate."),
            _computing("--seed", metavar="N", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True,
                       help="For everything drawn at random: folds, splits, heads, weights."),
        ]
    )  # fmt: skip


def _read_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Read every file for its digest until the command ends, also in the processes that it starts."""
    if value:
        before = os.environ.get("FEATX_CHECKSUM")
        os.environ["FEATX_CHECKSUM"] = "1"
        ctx.call_on_close(lambda: os.environ.update(FEATX_CHECKSUM=before or "0"))


def _keep_embeddings(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Have a stopped command say that its embeddings are in the cache, if it has one."""
    if value != "none":
        note_kept("the embeddings computed so far are in the cache")
    return value


def _be_quiet(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Suppress the warnings of libraries and the notes of featx too."""
    ctx.meta["quiet"] = value
    return value


def _may_skip(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Have the error of an unreadable image mention the option that leaves such images out."""
    ctx.meta["may skip"] = value == "raise"
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
        # Written as in Python, where they are part of the key of an array's embeddings.
        return tuple(int(number) if number.is_integer() else number for number in (low, high))


quiet_option = _output("--quiet", "-q", is_flag=True, callback=_be_quiet, help="Print results only.")


reading_options = decorate(
    [
        _data("--value-range", type=_ValueRange(), metavar="LOW,HIGH|minmax",
              help="Values of black and white in images of more than 8 bits [default: their full scale]; "
                   "0,4095 for 12 bits, minmax for each image's own."),
        _data("--on-error", type=click.Choice(get_args(OnError)), default="raise", show_default=True,
              callback=_may_skip,
              help="Whether an image that cannot be read ends the command, or is left out."),
        _output("--failures", type=click.Path(dir_okay=False), metavar="FILE.json",
                help="Write the images that were left out, with the reasons (with --on-error skip)."),
        _output("--verbose", "-v", is_flag=True, help="Print where the time went."),
        quiet_option,
        _computing("--device", metavar="NAME", default="auto", show_default=True,
                   help="auto, cpu, cuda, cuda:1 or mps; auto takes a GPU if there is one."),
        _computing("--batch-size", type=click.IntRange(min=1), metavar="N",
                   help="Images in the network at once [default: by device]."),
        _computing("--n-jobs", type=int, metavar="N",
                   help="Threads that decode, and processes that tune; -1 for all cores "
                        "[default: all cores decode, one process tunes]."),
        _computing("--cache", metavar="DIR|none", default="auto", callback=_keep_embeddings,
                   help="Where embeddings are kept [default: $FEATX_CACHE or the user's cache folder]."),
        cluster_option,
        _computing("--checksum", is_flag=True, expose_value=False, callback=_read_all,
                   help="Read every file, even if its size, times and inode have not changed."),
    ]
)  # fmt: skip


min_images_option = _data(
    "--min-images", default=1, show_default=True, type=click.IntRange(min=1), metavar="N",
    help="Leave out classes with fewer images to train on, copies counted once.",
)  # fmt: skip


per_class_option = _data(
    "--per-class", type=click.IntRange(min=1), metavar="N",
    help="Use at most N images of each class, drawn by --seed; a test set is used whole.",
)  # fmt: skip


test_option = _judging("--test", "test_data", metavar="DATA",
                       help="Another data set as the test set, instead of a part of DATA.")  # fmt: skip


json_option = _output("--json", "json_file", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE",
                      help="Write the result as JSON; - for standard output.")  # fmt: skip


# Eager: other options need to know about it when they are processed.
dry_run_option = _output(
    "--dry-run",
    is_flag=True,
    is_eager=True,
    help="Probe up to 64 images and print what the run would cost; nothing is written.",
)


def _needed(ctx: click.Context, param: click.Parameter, value: Path | None) -> Path | None:
    """Require an output, unless this is a dry run or a shard for the cache."""
    if value is None and not ctx.params["dry_run"] and not ctx.params.get("shard"):
        raise click.MissingParameter(ctx=ctx, param=param)
    return value


def output_option(*, metavar: str, help: str) -> Callable[..., Any]:
    """Return the option for the main output file of a command, which a dry run does not need."""
    return _output("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), metavar=metavar,
                   callback=_needed, help=f"{help}  [required, but for --dry-run]")  # fmt: skip


predictions_option = _output(
    "--predictions",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv|parquet",
    help="Write the prediction for each held-out image: label, class, probabilities.",
)


report_option = _output("--report", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.html",
                        help="Write a page with figures, charts and images (needs the extra report).")  # fmt: skip


def transformer_from(options: dict[str, Any], **more: Any) -> CNNFeatureTransformer:
    """Return the transformer that the shared options describe; `more` are parameters in place of these."""
    from ..extraction.transformer import CNNFeatureTransformer

    return CNNFeatureTransformer(**{**parameters_from(options, signature(CNNFeatureTransformer).parameters), **more})


def parameters_from(options: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return the parameters of the library that the options of a command stand for, by name.

    Options are named like parameters. One that is not given is left out, for the library's default.
    """
    given = {name: value for name, value in options.items() if value is not None}
    given |= {"verbose": not options["quiet"], "random_state": options.get("seed")}
    given |= {name: None for name in ("cache", "class_weight") if options.get(name) == "none"}
    if str(options.get("weights")).lower() == "none":
        given["weights"] = None
    return {name: given[name] for name in names if name in given}


def write_failures(options: dict[str, Any], failures: list[Failure]) -> None:
    """Name the skipped images, and write the list of them if --failures is given."""
    if options["failures"]:
        entries = [{"index": f.index, "path": f.name, "reason": f.reason} for f in failures]
        write_text(options["failures"], json.dumps(entries, indent=2) + "\n")
    for failure in failures[:10]:
        note(options, f"skipped {failure.name}: {failure.reason}")
    if len(failures) > 10:
        note(options, f"skipped {len(failures) - 10} more; --failures FILE.json lists them all")
