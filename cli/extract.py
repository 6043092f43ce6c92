"""`featx extract`: write the embeddings of images to a plain HDF5 file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..display.quantities import count_text
from .checks import check_names
from .data_options import data_options, images_from
from .logs import announce
from .option_groups import Command
from .options import dry_run_option, network_options, output_option, reading_options, transformer_from, write_failures
from .output_files import check_outputs
from .report import note, print_forecast, say
from .shapes import note_shapes
from .shard_option import for_shards, one_place, shard_option, take_shard

if TYPE_CHECKING:
    from ..datasets.shards import Shard

__all__ = ["extract"]


SUMMARY = "Write the embeddings of images to an HDF5 file."


@click.command(cls=Command, options_metavar="-o FILE.h5 [OPTIONS]", short_help=SUMMARY)
@click.argument("images", nargs=-1, required=True)
@output_option(metavar="FILE.h5", help="Write the embeddings, with the names of the images.")
@shard_option
@data_options
@network_options(several=False)
@reading_options
@dry_run_option
def extract(images: tuple[str, ...], output: Path | None, dry_run: bool, shard: Shard | None, **options: Any) -> None:
    """Write the embeddings of IMAGES to an HDF5 file.

    IMAGES are files, URLs, folders, manifests, or sample:NAME; - stands for names on standard input, and a pattern in
    quotes for the files that it matches. The file holds embeddings (n, d), paths (n,), labels (n,) with classes where
    every image has one, split (n,) where they came with one (training, validation or test), and the spec as attributes.

    \b
    Examples:
        featx extract sample:photos -o photos.h5
        featx extract photos/ -o photos.h5 --layer stage6 --pooling avgmax
        find photos/ -name "*.jpg" | featx extract - -o photos.h5
    A part of them in a job of a batch system (docs/clusters.md):
        featx extract photos/ --shard 3/16 --cache /shared/cache
    """
    if shard is not None:
        one_place(images)
        options = for_shards(options)
    from ..cache.hdf5 import check_suffix

    if output is not None:
        check_suffix(output)
    check_outputs(output, options)
    check_names(options)
    dataset = images_from(options, images, output=output)
    if shard is not None:
        dataset = take_shard(dataset, shard, images)
        if not len(dataset):
            say(f"shard {shard}: no image")
            return
    announce(options, f"{count_text(len(dataset), 'image')}; loading scikit-learn")
    from ..reports.costs import extraction_parts
    from ..workflows.extract import write_embeddings

    transformer = transformer_from(options)
    note_shapes(options, transformer, [transformer.layer], [transformer.pooling])
    if dry_run or (output is None and shard is None):
        from ..forecast.extract import forecast_extraction

        print_forecast(forecast_extraction(dataset, transformer), options)
        return
    if output is None:
        from ..workflows.shards import fill_cache

        result = fill_cache(dataset, transformer)
    else:
        result, shape = write_embeddings(dataset, transformer, output)
    write_failures(options, result.failures)
    note(options, *extraction_parts(result, verbose=options["verbose"], n_jobs=options["n_jobs"]))
    if output is None:
        bad = f", {len(result.failures):,} cannot be read" if result.failures else ""
        say(f"shard {shard}: {len(dataset) - len(result.failures):,} images are in the cache{bad}")
        return
    say(f"{output}: {shape[0]:,} embeddings of {shape[1]:,} features")
