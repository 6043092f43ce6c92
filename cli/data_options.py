"""The DATA argument of commands: its description in the help, its options, and loading it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..display.quantities import count_text
from .logs import announce
from .option_groups import DATA as GROUP
from .option_groups import in_group
from .overwrites import check_overwrites
from .report import note

if TYPE_CHECKING:
    from ..datasets.dataset import ImageDataset

__all__ = ["column_options", "data_options", "dataset_from", "datasets_from", "images_from"]

# Replaces the marker {DATA} in the help of a command.
DATA = (
    "DATA is a folder with a sub-folder for each class, perhaps inside train, val and test; a manifest (.csv, "
    ".tsv, .jsonl or .parquet) with the columns path and label, and perhaps group, stratum and split; or sample:digits."
)
_data = in_group(GROUP)
COLUMNS = (
    _data("--path-column", metavar="NAME", help="The manifest's column of image files [default: by its name]."),
    _data("--label-column", metavar="NAME", help="The manifest's column of classes [default: by its name]."),
    _data("--label-pattern", metavar="REGEX",
          help="Take classes from file names: a regular expression with a group named label, such as "
               r"'(?P<label>cat|dog)\.\d+' for cat.0.jpg."),
)  # fmt: skip
SPLIT = _data("--split-from", metavar="FILE",
              help="Which images to train, validate and test on: a table with the columns path and split "
                   "(train, val or test), or setid.mat of the Oxford flowers.")  # fmt: skip


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how DATA is read and split, and describe DATA in the help."""
    return SPLIT(column_options(command))


def column_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say where paths and labels are, and describe DATA in the help."""
    command.__doc__ = (command.__doc__ or "").replace("{DATA}", DATA)
    for option in reversed(COLUMNS):
        command = option(command)
    return command


def dataset_from(options: dict[str, Any], data: str, *, output: Path | None = None, test: bool = False) -> ImageDataset:
    """Load DATA or the test set as the options say, and print its notes.

    Raises
    ------
    ParameterError
        If an output would replace it or one of its images.
    """
    from ..datasets.load import load_dataset

    split = None if test else options["split_from"]
    check_overwrites(output, options, {"DATA": [] if test else [data]})
    announce(options, f"looking through {data}")
    dataset = load_dataset(data, split_from=split, **_columns(options))
    check_overwrites(output, options, {"an image to read": dataset.images})
    return _noted(options, dataset)


def datasets_from(
    options: dict[str, Any], data: str, *, output: Path | None = None, dry_run: bool = False
) -> tuple[ImageDataset, ImageDataset | None]:
    """Read DATA and what --test names, and say how many images there are and what the output will replace."""
    dataset = dataset_from(options, data, output=output)
    test = None
    if options["test_data"]:
        test = dataset_from(options, options["test_data"], output=output, test=True)
    note(options, f"{data}: {count_text(len(dataset), 'image')}, {count_text(len(dataset.classes), 'class')}")
    if output is not None and not dry_run:
        _note_replaced(options, output, dataset)
    return dataset, test


def images_from(options: dict[str, Any], sources: Sequence[str], *, output: Path | None = None) -> ImageDataset:
    """Collect images, labelled or not, as the options say, and print their notes.

    Raises
    ------
    ParameterError
        If an output would replace one of them.
    """
    from ..datasets.load import collect_images
    from .image_arguments import STDIN, named_images

    announce(options, "looking through the images")
    places, skip = named_images(sources), options.get("on_error") == "skip"
    # Standard input may be a file of names, which the output would replace.
    named = [*places, "/dev/stdin"] if STDIN in sources else places
    check_overwrites(output, options, {"IMAGES": named})
    split = options.get("split_from")
    dataset = collect_images(places, split_from=split, keep_missing=skip, **_columns(options))
    check_overwrites(output, options, {"an image to read": dataset.images})
    return _noted(options, dataset)


def _note_replaced(options: dict[str, Any], output: Path, dataset: ImageDataset) -> None:
    """Say what the model file will replace, unless that is a model of the same classes."""
    from ..display.names import few
    from ..model_files.model_schema import classes_in

    if not output.is_file():
        return
    classes = classes_in(str(output))
    if classes is None:
        note(options, f"note: {output} exists, is not a featx model, and will be replaced")
    elif classes != dataset.classes:
        note(options, f"note: {output} holds a model of other classes, which will be replaced: {few(classes)}")


def _columns(options: dict[str, Any]) -> dict[str, str | None]:
    return {name: options.get(name) for name in ("path_column", "label_column", "label_pattern")}


def _noted(options: dict[str, Any], dataset: ImageDataset) -> ImageDataset:
    for text in dataset.notes:
        note(options, f"note: {text}")
    return dataset
