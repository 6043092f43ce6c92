"""A folder of classes, a manifest or a sample's name goes in; images, labels and class names come out."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .exceptions import DatasetError, MissingDependencyError, nearest
from .image_bytes import is_url
from .images import EXTENSIONS
from .urls import redacted, shown_names

__all__ = ["ImageDataset", "collect_images", "load_dataset"]

MANIFESTS = (".csv", ".parquet")
COLUMNS = ("path", "label", "group", "stratum")


@dataclass(frozen=True)
class ImageDataset:
    """Images with what is known of them.

    Attributes
    ----------
    images : list
        Paths, URLs or arrays.
    names : list of str
        What tables and messages call them: URLs without credentials.
    labels : ndarray of str, shape (n,), or None
        The class of each image.
    groups : ndarray of str, shape (n,), or None
        Images of one group (a patient, a module, a burst) stay on one side of every split.
    notes : list of str
        What was left out and why.
    strata : ndarray of str, shape (n,), or None
        Kinds of images inside the classes (an age, a camera, a severity) by which the test sets of `compare_strategies`
        are stratified too.
    split : ndarray of {"training", "validation", "test"}, shape (n,), or None
        The part of a split that each image was given with, if the data set came with one.
    """

    images: list[Any]
    names: list[str]
    labels: np.ndarray | None = None
    groups: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    strata: np.ndarray | None = None
    split: np.ndarray | None = None

    def __post_init__(self) -> None:
        # What is shown and written holds no credentials; images are read by their full URLs.
        object.__setattr__(self, "names", shown_names(self.names))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def classes(self) -> list[str]:
        """The class names, sorted; empty without labels."""
        return [] if self.labels is None else sorted(set(self.labels.tolist()))

    def take(self, rows: Sequence[int] | np.ndarray) -> ImageDataset:
        """Return the data set of the given rows, in their order."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(int)
        return ImageDataset(
            [self.images[i] for i in rows],
            [self.names[i] for i in rows],
            None if self.labels is None else self.labels[rows],
            None if self.groups is None else self.groups[rows],
            self.notes,
            None if self.strata is None else self.strata[rows],
            None if self.split is None else self.split[rows],
        )


def load_dataset(source: str | os.PathLike[str], *, labelled: bool = True) -> ImageDataset:
    """Load a data set.

    Parameters
    ----------
    source : str or PathLike
        - a folder with one sub-folder a class; images at any depth below it belong to that class;
        - a `.csv` or `.parquet` manifest with the columns `path` and `label`, and perhaps `group` and `stratum`;
          relative paths start at the manifest's folder;
        - ``sample:digits``, 1,797 handwritten digits of 8 x 8 pixels (10 classes), or ``sample:photos``, two
          photographs without labels; both come with scikit-learn.
    labelled : bool, default=True
        Whether labels are required. Without them a flat folder or a manifest of paths alone will do.

    Raises
    ------
    DatasetError
        If there is no such data set, it holds no image, or labels are required and missing.
    """
    text = os.fspath(source)
    if is_url(text):
        raise DatasetError(
            f"{redacted(text)} is a URL, and data sets are read from this machine",
            "Download it, or pass a manifest of the images' URLs.",
        )
    if text.startswith("sample:"):
        dataset = _sample(text)
    elif os.path.isdir(text):
        dataset = _folder(Path(text), labelled=labelled)
    elif Path(text).suffix.lower() in MANIFESTS:
        dataset = _manifest(Path(text))
    elif os.path.exists(text):
        raise DatasetError(f"{text} is no data set", "Pass a folder, a .csv or .parquet manifest, or sample:digits.")
    else:
        raise DatasetError(f"{text} does not exist", "Pass a folder, a .csv or .parquet manifest, or sample:digits.")
    if labelled and dataset.labels is None:
        raise DatasetError(
            f"{text} has no labels",
            "Make one sub-folder a class, or a manifest with the columns path and label.",
        )
    return dataset


def collect_images(sources: Sequence[str | os.PathLike[str]]) -> ImageDataset:
    """Gather image files, URLs, folders, manifests and samples into one data set, labelled if all of them are.

    Raises
    ------
    DatasetError
        If a source does not exist or nothing is found.
    """
    parts = []
    for source in [os.fspath(source) for source in sources]:
        is_set = source.startswith("sample:") or Path(source).suffix.lower() in MANIFESTS or os.path.isdir(source)
        if not (is_set or is_url(source) or os.path.lexists(source)):
            raise DatasetError(f"{source} does not exist", "Pass image files, folders, manifests or samples.")
        parts.append(load_dataset(source, labelled=False) if is_set else ImageDataset([source], [source]))
    if not any(map(len, parts)):
        raise DatasetError("no image was given", "Pass image files, folders, manifests or samples.")
    labels = [part.labels for part in parts]
    known = [found for found in labels if found is not None]
    return ImageDataset(
        [image for part in parts for image in part.images],
        [name for part in parts for name in part.names],
        np.concatenate(known) if known and len(known) == len(parts) else None,
        notes=[note for part in parts for note in part.notes],
    )


def _folder(root: Path, *, labelled: bool) -> ImageDataset:
    entries = sorted(root.iterdir())
    classes = [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]
    skipped = _Skipped()
    loose = sorted(_images_in([e for e in entries if not e.is_dir() or e.name.startswith(".")], skipped))
    found = {name: sorted(_images_below(root / name, skipped)) for name in classes}
    empty = [name for name, files in found.items() if not files]
    files = [file for name in classes for file in found[name]]
    labels = [name for name in classes for _ in found[name]]
    notes = skipped.notes()
    if empty:
        notes.append(f"{_count(len(empty), 'class')} without images left out: {_few(empty)}")
    if files and loose and labelled:
        notes.append(f"{_count(len(loose), 'image')} outside the class folders left out: {_few(loose)}")
    elif loose:
        files, labels = sorted(files + loose), []
    if not files:
        raise DatasetError(
            f"{root} holds no image" + (f" ({'; '.join(notes)})" if notes else ""),
            f"Images end in {' '.join(sorted(EXTENSIONS))}.",
        )
    return ImageDataset(files, list(files), np.array(labels) if labels else None, notes=notes)


class _Skipped:
    """What a walk through folders left out."""

    def __init__(self) -> None:
        self.hidden: list[str] = []
        self.others: list[str] = []

    def notes(self) -> list[str]:
        notes = []
        if self.hidden:
            notes.append(f"{_count(len(self.hidden), 'hidden entry')} left out: {_few(self.hidden)}")
        if self.others:
            notes.append(f"{_count(len(self.others), 'file')} that are no images left out: {_few(self.others)}")
        return notes


def _images_in(files: list[Path], skipped: _Skipped) -> Iterator[str]:
    for file in files:
        if file.name.startswith("."):
            skipped.hidden.append(str(file))
        elif file.suffix.lower() in EXTENSIONS:
            yield str(file)
        else:
            skipped.others.append(str(file))


def _images_below(folder: Path, skipped: _Skipped) -> Iterator[str]:
    """Yield the images at any depth; linked folders are followed, each folder once."""
    # A link back to a folder above would bring in the images of other classes.
    seen = {(found.st_dev, found.st_ino) for found in map(os.stat, Path(os.path.abspath(folder)).parents)}
    for place, folders, files in os.walk(folder, followlinks=True):
        status = os.stat(place)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        hidden = [name for name in folders if name.startswith(".")]
        folders[:] = sorted(set(folders) - set(hidden))
        yield from _images_in([Path(place, name) for name in sorted(files + hidden)], skipped)


def _manifest(path: Path) -> ImageDataset:
    if not path.is_file():
        raise DatasetError(f"{path} does not exist", "Pass a manifest with the columns path and label.")
    columns = _read_parquet(path) if path.suffix.lower() == ".parquet" else _read_csv(path)
    if "path" not in columns:
        raise DatasetError(
            f"{path} has the columns {', '.join(columns) or '(none)'}; expected path and label",
            "Name the column of image files `path`.",
        )
    names = columns["path"]
    if not names:
        raise DatasetError(f"{path} lists no image", "Add a row for each image.")
    for row, name in enumerate(names, start=1):
        # Such a file may hold templates, which older versions of fsspec run as code.
        if is_url(name) and "reference:" in name:
            raise DatasetError(
                f"{path} has {redacted(name)} in row {row}, a URL through a file of references",
                "Name the image itself.",
            )
    images = [name if is_url(name) else os.path.join(path.parent, name) for name in names]
    for column in COLUMNS:
        blank = [row for row, value in enumerate(columns.get(column, []), start=1) if not value]
        if blank:
            raise DatasetError(f"{path} has no {column} in row {blank[0]}", "Fill it in or remove the row.")
    labels, groups, strata = (np.array(columns[c]) if columns.get(c) else None for c in COLUMNS[1:])
    return ImageDataset(images, list(images), labels, groups, strata=strata)


def _read_csv(path: Path) -> dict[str, list[str]]:
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            names = [name.strip() for name in reader.fieldnames or []]
            reader.fieldnames = names
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"cannot read {path}: {error}", "Save it as CSV in UTF-8.") from error
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DatasetError(f"{path} has the column {twice[0]} twice", "Rename one of them.")
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise DatasetError(f"{path} has too many values in row {number}", "Quote values that hold a comma.")
    return {name: [(row[name] or "").strip() for row in rows] for name in names}


def _read_parquet(path: Path) -> dict[str, list[str]]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependencyError("pyarrow", "a Parquet manifest", "parquet") from error
    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise DatasetError(f"cannot read {path}: {error}", "Save it again as Parquet.") from error
    return {
        # NaN is the one value that is not equal to itself
        name: ["" if v is None or v != v else str(v).strip() for v in table.column(name).to_pylist()]
        if name in COLUMNS
        else []
        for name in table.column_names
    }


def _sample(text: str) -> ImageDataset:
    from sklearn import datasets as samples

    name = text.partition(":")[2]
    if name == "digits":
        digits = samples.load_digits()
        images = [np.rint(image * (255 / 16)).astype(np.uint8) for image in digits.images]
        return ImageDataset(images, [f"{text}[{i}]" for i in range(len(images))], digits.target.astype(str))
    if name == "photos":
        photos = samples.load_sample_images()
        return ImageDataset(list(photos.images), [f"{text}[{Path(f).name}]" for f in photos.filenames])
    hint = nearest(name, ["digits", "photos"])
    raise DatasetError(f"there is no sample {name!r}", f"{hint} Known: sample:digits, sample:photos.".strip())


def _few(names: Sequence[str], most: int = 3) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _count(number: int, noun: str) -> str:
    plural = {"class": "classes", "hidden entry": "hidden entries"}.get(noun, noun + "s")
    return f"{number} {noun if number == 1 else plural}"
