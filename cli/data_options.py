"""What commands take as DATA: its words in their help, the options that say how to read it, and the reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import click

from .options import note

if TYPE_CHECKING:
    from ..datasets import ImageDataset

__all__ = ["column_options", "data_options", "dataset_from", "images_from"]

# Stands for the marker {DATA} in the help of a command.
DATA = (
    "DATA is a folder with one sub-folder a class, or with such folders for train, val and test; a manifest (.csv, "
    ".tsv, .jsonl or .parquet) with the columns path and label, and perhaps group, stratum and split; or sample:digits."
)
COLUMNS = (
    click.option("--path-column", metavar="NAME", help="The manifest's column of image files [default: by its name]."),
    click.option("--label-column", metavar="NAME", help="The manifest's column of classes [default: by its name]."),
)
SPLIT = click.option("--split-from", metavar="FILE",
                     help="Which images to train, validate and test on: a table with the columns path and split "
                          "(train, val or test), or setid.mat of the Oxford flowers.")  # fmt: skip


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how DATA is read and split, and put what DATA is into the help."""
    return SPLIT(column_options(command))


def column_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that name columns of a manifest, and put what DATA is into the help."""
    command.__doc__ = (command.__doc__ or "").replace("{DATA}", DATA)
    for option in reversed(COLUMNS):
        command = option(command)
    return command


def dataset_from(options: dict[str, Any], data: str, *, test: bool = False) -> ImageDataset:
    """Load labelled DATA, or what is to be the test set, as the options say; print what is to be said of it."""
    from ..datasets import load_dataset

    split = None if test else options["split_from"]
    return _noted(options, load_dataset(data, split_from=split, **_columns(options)))


def images_from(options: dict[str, Any], sources: Sequence[str]) -> ImageDataset:
    """Gather images, labelled or not, as the options say; print what is to be said of them."""
    from ..datasets import collect_images

    return _noted(options, collect_images(sources, split_from=options.get("split_from"), **_columns(options)))


def _columns(options: dict[str, Any]) -> dict[str, str | None]:
    return {name: options[name] for name in ("path_column", "label_column")}


def _noted(options: dict[str, Any], dataset: ImageDataset) -> ImageDataset:
    for text in dataset.notes:
        note(options, f"note: {text}")
    return dataset
