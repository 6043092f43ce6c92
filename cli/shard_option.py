"""The option --shard of extract: a part of the images for a job of a batch system."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from .option_groups import DATA, in_group
from .report import note

if TYPE_CHECKING:
    from ..datasets.dataset import ImageDataset
    from ..datasets.shards import Shard

__all__ = ["for_shards", "one_place", "shard_option", "take_shard"]


def _parsed(ctx: click.Context, param: click.Parameter, value: str | None) -> Shard | None:
    if value is None:
        return None
    from ..datasets.shards import Shard
    from ..exceptions import ParameterError

    try:
        return Shard.of(value, os.environ)
    except ParameterError as error:  # options are not yet registered for their wording
        raise ParameterError(error.message.replace("shard=", "--shard "), error.next_step) from None


# Eager: the output is not required beside it.
shard_option = in_group(DATA)(
    "--shard",
    metavar="N/COUNT|slurm",
    is_eager=True,
    callback=_parsed,
    help="Only put this part of the images into the cache, without an output: 3/16, or slurm for an array's task.",
)


def for_shards(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options with the defaults of shards: one arithmetic on every host, and unreadable images left out."""
    given, ctx = dict(options), click.get_current_context()
    if given["precision"] == "auto":
        note(options, "note: shards are in float32, as hosts might choose differently; --precision sets another")
        given["precision"] = "float32"
    if ctx.get_parameter_source("on_error") is click.core.ParameterSource.DEFAULT:
        given["on_error"] = "skip"
    return given


def take_shard(dataset: ImageDataset, shard: Shard, images: Sequence[str]) -> ImageDataset:
    """Return the images of the shard.

    Raises
    ------
    ParameterError
        If the images do not come from one place, to which their paths are relative.
    """
    from ..datasets.shards import shard_numbers

    data = one_place(images)
    return dataset.take(shard.rows(shard_numbers(dataset.images, dataset.names, data=data, count=shard.count)))


def one_place(images: Sequence[str]) -> str:
    """Return the folder or manifest that the images come from, or refuse several."""
    from ..exceptions import ParameterError

    if len(images) != 1:
        raise ParameterError(
            f"got {len(images)} IMAGES with --shard; expected one folder or manifest", "Name that alone."
        )
    return images[0]
