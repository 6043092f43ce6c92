"""A folder of classes, a manifest or a sample's name goes in; images, labels and class names come out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..constraints import ANY_PATH, LABELS, check_values, shown
from ..display.summary_mixin import SummaryMixin
from ..exceptions import DatasetError, ParameterError, nearest_path
from ..images.cells import array_of
from ..images.labels import plain_labels, unlabelled
from ..images.urls import is_url, redacted, redacted_names
from .class_names import normalise_classes
from .image_folders import list_folder
from .listing import Listing, count, few
from .manifests import list_manifest
from .samples import list_sample
from .split_files import split_by_file
from .split_names import PARTS
from .tables import TABLE_SUFFIXES
from .unsupported_layouts import explain_missing, explain_unlabelled, is_pattern

__all__ = ["ImageDataset", "collect_images", "load_dataset"]

# What columns of images are called in notes.
COLUMN_WORDS = {"labels": "labels", "groups": "groups", "split": "a split"}


# What a data set may know of each image.
COLUMNS = ("labels", "groups", "strata", "split", "together")


@dataclass(frozen=True, repr=False)
class ImageDataset(SummaryMixin):
    """Images with what is known of them.

    Attributes
    ----------
    images : list
        Paths, URLs, encoded images or arrays.
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
    together : ndarray of int, shape (n,), or None
        Equal for images of the same content, which stay on one side of every split that is drawn; None if there are no
        two. `survey` fills it in.
    """

    images: list[Any]
    names: list[str]
    labels: np.ndarray | None = None
    groups: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    strata: np.ndarray | None = None
    split: np.ndarray | None = None
    together: np.ndarray | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.images, Sequence | np.ndarray) or isinstance(self.images, str | bytes):
            raise DatasetError(f"got images={shown(self.images)}; expected a list of images", "Pass load_dataset(...).")
        LABELS.check("names", self.names)
        if len(self.names) != len(self.images):
            raise DatasetError(f"got {len(self.names):,} names for {len(self.images):,} images", "Pass one for each.")
        # What is shown and written holds no credentials; images are read by their full URLs.
        object.__setattr__(self, "names", redacted_names(self.names))
        for name in COLUMNS:
            values = getattr(self, name)
            if values is None:
                continue
            if isinstance(values, str) or np.ndim(values) != 1 or len(values) != len(self.images):
                raise DatasetError(
                    f"got {name} of shape {np.shape(values)} for {len(self.images):,} images",
                    "Pass one for each image, or None.",
                )
            if unlabelled(array_of(values) if hasattr(values, "detach") else values):
                raise DatasetError(f"got {name} with missing values", "Fill them in, or leave those images out.")
            object.__setattr__(self, name, plain_labels(values, name=name))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def classes(self) -> list[str]:
        """The class names, sorted; empty without labels."""
        return [] if self.labels is None else sorted(set(self.labels.tolist()))

    def take(self, rows: Sequence[int] | np.ndarray) -> ImageDataset:
        """Return the data set of the given rows, in their order."""
        rows = _checked_rows(rows, len(self))
        columns = {name: values[rows] for name in COLUMNS if (values := getattr(self, name)) is not None}
        return ImageDataset([self.images[i] for i in rows], [self.names[i] for i in rows], notes=self.notes, **columns)


def _checked_rows(rows: Any, n: int) -> np.ndarray:
    if hasattr(rows, "__len__"):
        with contextlib.suppress(ValueError):  # lists of several lengths
            array = np.asarray(rows)
            if array.ndim == 1 and array.dtype == bool and len(array) == n:
                return np.flatnonzero(array)
            if array.ndim == 1 and not len(array):
                return array.astype(int)
            if array.ndim == 1 and array.dtype.kind in "iu" and -n <= array.min() and array.max() < n:
                return array
    raise ParameterError(
        f"got rows={shown(rows)}; expected numbers of images below {n:,}, or a flag for each", "One row is [row]."
    )


def load_dataset(
    source: str | os.PathLike[str],
    *,
    labelled: bool = True,
    split_from: str | os.PathLike[str] | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
) -> ImageDataset:
    """Load a data set.

    Parameters
    ----------
    source : str or PathLike
        - a folder with one sub-folder a class; images at any depth below it belong to that class. Folders of these for
          parts of a split (`train`, `val`, `test` and the like) give one data set with a `split`;
        - a manifest: CSV with any usual separator, JSON Lines or Parquet, with the columns `path` and `label`, and
          perhaps `group`, `stratum` and `split`; relative paths start at the manifest's folder;
        - ``sample:digits``, 1,797 handwritten digits of 8 x 8 pixels (10 classes), or ``sample:photos``, two
          photographs without labels; both come with scikit-learn.
    labelled : bool, default=True
        Whether labels are required. Without them a flat folder or a manifest of paths alone will do.
    split_from : str or PathLike, default=None
        A file that gives each image its part of a split: a table with the columns `path` and `split` (train, val or
        test), or `setid.mat` of the Oxford flowers.
    path_column, label_column : str, default=None
        The manifest's columns of image files and of classes; by default those of the usual names.

    Raises
    ------
    DatasetError
        If there is no such data set, it holds no image, labels are required and missing, or it cannot be told which
        folders or columns are what.
    """
    check_values(locals(), source=ANY_PATH)
    text = os.fspath(source)
    columns = {"path_column": path_column, "label_column": label_column}
    if is_url(text):
        raise DatasetError(
            f"{redacted(text)} is a URL, and data sets are read from this machine",
            "Download it, or pass a manifest of the images' URLs.",
        )
    if text.startswith("sample:"):
        listing = list_sample(text)
    elif os.path.isdir(text):
        listing = _folder(text, labelled=labelled)
    elif _is_table(text) and not is_pattern(text):
        listing = list_manifest(text, labelled=labelled, **columns)
    else:
        raise explain_missing(text)
    if not _is_table(text):
        listing.notes += _columns_without_effect(columns)
    if split_from is not None:
        listing = split_by_file(listing, os.fspath(split_from))
    if labelled and listing.labels is None:
        step = "Make one sub-folder a class, or a manifest with the columns path and label."
        raise DatasetError(*(listing.unlabelled or (f"{text} has no labels", step)))
    return _dataset(text, listing, labelled=labelled)


def collect_images(
    sources: Sequence[str | os.PathLike[str]],
    *,
    split_from: str | os.PathLike[str] | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    keep_missing: bool = False,
) -> ImageDataset:
    """Gather image files, URLs, folders, manifests and samples into one data set.

    It is labelled, and split into parts, if all of its sources are. The other parameters are those of `load_dataset`;
    `split_from` takes one source. With `keep_missing`, files that are not there are images that cannot be read.

    Raises
    ------
    DatasetError
        If sources do not exist, of which the first are named, or nothing is found.
    """
    places = [os.fspath(source) for source in sources]
    if split_from is not None and (len(places) != 1 or not _is_dataset(places[0])):
        raise DatasetError("a split from a file is that of one data set", "Pass one folder or manifest.")
    columns = {"path_column": path_column, "label_column": label_column}
    missing = [place for place in places if not (_is_dataset(place) or is_url(place) or os.path.lexists(place))]
    if missing and (not keep_missing or len(missing) == len(places)):
        raise _missing_error(missing, len(places))
    parts = []
    for place in places:
        if _is_dataset(place):
            named = columns if _is_table(place) else {}
            parts.append(load_dataset(place, labelled=False, split_from=split_from, **named))
        else:
            parts.append(ImageDataset([place], [place]))
    if not any(map(len, parts)):
        raise DatasetError("no image was given", "Pass image files, folders, manifests or samples.")
    notes = [note for part in parts for note in part.notes]
    notes += [] if any(map(_is_table, places)) else _columns_without_effect(columns)
    kept = {}
    for name in ("labels", "groups", "split"):
        given = [getattr(part, name) for part in parts]
        known = [column for column in given if column is not None]
        kept[name] = np.concatenate(known) if known and len(known) == len(parts) else None
        if known and kept[name] is None:
            notes.append(f"not all of what was passed has {COLUMN_WORDS[name]}: nothing is made of that of the others")
    return ImageDataset(
        [image for part in parts for image in part.images],
        [name for part in parts for name in part.names],
        notes=notes,
        **kept,
    )


def _missing_error(missing: list[str], total: int) -> DatasetError:
    if len(missing) == 1:
        step = nearest_path(missing[0]) or "Pass image files, folders, manifests or samples."
        return DatasetError(f"{missing[0]} does not exist", step)
    return DatasetError(
        f"{len(missing):,} of {total:,} images do not exist: {few(missing)}",
        "Check their names. `--on-error skip` goes on without them." if len(missing) < total else "Check their names.",
    )


def _columns_without_effect(columns: dict[str, str | None]) -> list[str]:
    return [f"{name}={given!r} has no effect: there is no manifest" for name, given in columns.items() if given]


def _is_table(text: str) -> bool:
    return not os.path.isdir(text) and not is_url(text) and Path(text).suffix.lower() in TABLE_SUFFIXES


def _is_dataset(text: str) -> bool:
    return text.startswith("sample:") or _is_table(text) or os.path.isdir(text)


def _folder(text: str, *, labelled: bool) -> Listing:
    """Return what a folder lists; where labels are required and missing, with what is known of such data sets."""
    listing, skipped = list_folder(str(Path(text)), labelled=labelled)
    if listing.images and (listing.labels is not None or not labelled):
        return listing
    others = skipped.others + [path for paths in skipped.unread.values() for path in paths]
    known = explain_unlabelled(listing, others)
    if not listing.images:
        raise DatasetError(*known) if known else skipped.refusal(text, listing.notes)
    return replace(listing, unlabelled=known or listing.unlabelled)


def _dataset(text: str, listing: Listing, *, labelled: bool) -> ImageDataset:
    """Return the data set of what a source lists: here names of classes and parts of a split become final."""
    split = listing.split if listing.split and len(set(listing.split)) > 1 else None
    if listing.split and split is None:
        listing.notes.append(
            f"all images of {text} are of the {listing.split[0]} part, so that there is no split: the data are read as "
            "without one"
        )
    if labelled and split is not None and "training" not in split:
        raise DatasetError(f"{text} has {' and '.join(sorted(set(split)))} images only", "Pass one of the parts alone.")
    names = [str(image) for image in listing.images] if listing.names is None else listing.names
    labels, groups, strata, parts = (
        None if values is None else np.array(values)
        for values in (listing.labels, listing.groups, listing.strata, split)
    )
    labels, groups = (None if known is None else normalise_classes(known) for known in (labels, groups))
    if labels is not None and parts is not None:
        listing.notes += _missing_classes(text, labels, parts, labelled=labelled)
    return ImageDataset(listing.images, names, labels, groups, listing.notes, strata, parts)


def _missing_classes(text: str, labels: np.ndarray, split: np.ndarray, *, labelled: bool) -> list[str]:
    """Return notes of the classes that parts of a split lack."""
    classes = {part: set(labels[split == part].tolist()) for part in PARTS if part in split}
    first, notes = next(iter(classes)), []
    for part, known in classes.items():
        if labelled and not known & classes[first]:
            raise DatasetError(
                f"the {part} images of {text} have the classes {few(sorted(known))}, the {first} images others: "
                f"{few(sorted(classes[first]))}",
                "Give the classes the same names in all parts of the split.",
            )
        if missing := sorted(set(labels.tolist()) - known):
            notes.append(f"the {part} images lack {count(len(missing), 'class')}: {few(missing)}")
    return notes
