"""What commands take as DATA: its words in their help, and reading it with what is to be said of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .options import note

if TYPE_CHECKING:
    from ..datasets import ImageDataset

__all__ = ["data_options", "dataset_from", "images_from"]

# Stands for the marker {DATA} in the help of a command.
DATA = (
    "DATA is a folder with one sub-folder a class, a .csv or .parquet manifest with the columns path and label "
    "(and perhaps group and stratum), or sample:digits."
)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Put what DATA is into the help of a command."""
    command.__doc__ = (command.__doc__ or "").replace("{DATA}", DATA)
    return command


def dataset_from(options: dict[str, Any], data: str) -> ImageDataset:
    """Load labelled DATA as the options of `data_options` say, and print what is to be said of it."""
    from ..datasets import load_dataset

    return _noted(options, load_dataset(data))


def images_from(options: dict[str, Any], sources: Sequence[str]) -> ImageDataset:
    """Gather images, labelled or not, as the options of `data_options` say, and print what is to be said of them."""
    from ..datasets import collect_images

    return _noted(options, collect_images(sources))


def _noted(options: dict[str, Any], dataset: ImageDataset) -> ImageDataset:
    for text in dataset.notes:
        note(options, f"note: {text}")
    return dataset
