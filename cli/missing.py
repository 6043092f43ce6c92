"""`featx cache missing`: which shards of a data set are not whole in the cache yet."""

from __future__ import annotations

import sys
from typing import Any

import click

from .checks import check_names
from .data_options import data_options, images_from
from .option_groups import DATA, Command, in_group
from .options import network_options, reading_options, transformer_from
from .report import note
from .shard_option import for_shards, one_place

__all__ = ["missing"]

SUMMARY = "Name the shards of a data set that are not whole yet."


@click.command(cls=Command, options_metavar="--shards COUNT [OPTIONS]", short_help=SUMMARY)
@click.argument("data")
@in_group(DATA)("--shards", type=click.IntRange(min=1), required=True, metavar="COUNT",
                help="How many there are, as in --shard N/COUNT.")  # fmt: skip
@data_options
@network_options(several=False)
@reading_options
def missing(data: str, shards: int, **options: Any) -> None:
    """Name the shards of DATA that are not whole in the cache yet.

    Standard output is their numbers, such as 3,7,9, for `sbatch --array`; exit code 1 if there are any. Images that
    cannot be read do not count as missing.

    \b
    Example:
        featx cache missing photos/ --shards 16 --cache shared/cache
    """
    from ..datasets.shards import MOST_SHARDS, shard_numbers
    from ..exceptions import ParameterError

    if shards > MOST_SHARDS:
        raise ParameterError(f"got --shards {shards}; expected at most {MOST_SHARDS:,}")
    options = for_shards(options | {"on_error": "skip"})
    check_names(options)
    dataset = images_from(options, [data])
    from ..workflows.shards import shard_states

    numbers = shard_numbers(dataset.images, dataset.names, data=one_place([data]), count=shards)
    states = shard_states(dataset, transformer_from(options), numbers, count=shards)
    for state in (state for state in states if state.n_missing or state.n_unreadable):
        bad = f", {state.n_unreadable:,} cannot be read" if state.n_unreadable else ""
        note(options, f"{state.number}/{shards}: {state.n_missing:,} of {state.n_images:,} images are missing{bad}")
    absent = [state.number for state in states if state.n_missing]
    note(options, f"{data}: {shards - len(absent)} of {shards} shards are whole")
    if absent:
        click.echo(",".join(map(str, absent)))
        sys.exit(1)
