"""Load a data set from a folder of classes, a manifest or a sample, or gather several of them."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, groupby
from pathlib import Path
from typing import Any

import numpy as np

from ..constraints import ANY_PATH, check_values
from ..display.names import few
from ..exceptions import DatasetError, nearest, nearest_path
from ..images.formats import UNSUPPORTED
from ..images.path_list import PathList
from ..images.urls import is_url, redacted
from .dataset import ImageDataset
from .image_folders import list_folder
from .label_pattern import compile_pattern, label_listing, labels_in, list_by_pattern, suggest_pattern
from .listing import Listing
from .manifests import list_manifest
from .oxford_flowers import list_flowers
from .split_files import split_by_file
from .tables import SPREADSHEET_SUFFIXES, TABLE_SUFFIXES
from .unsupported_layouts import explain_unlabelled

__all__ = ["collect_images", "load_dataset"]

LABEL_STEP = "Make one sub-folder a class, or a manifest with the columns path and label."
# Notes on columns that only some of several sources have.
IGNORED = {
    "labels": "the labels are not used: not all sources have them",
    "groups": "the groups are not used: not all sources have them",
    "split": "the split is not used: not all sources have one",
}


def load_dataset(
    source: str | os.PathLike[str],
    *,
    labelled: bool = True,
    split_from: str | os.PathLike[str] | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    label_pattern: str | None = None,
) -> ImageDataset:
    """Load a data set.

    Parameters
    ----------
    source : str or PathLike
        - a folder with one sub-folder a class; images at any depth below it belong to that class. Folders of these for
          parts of a split (`train`, `val`, `test` and the like) give one data set with a `split`;
        - the folder of the Oxford flowers, with `jpg`, `imagelabels.mat` and, for the official split, `setid.mat`;
        - a manifest: CSV with any usual separator, JSON Lines or Parquet, with the columns `path` and `label`, and
          perhaps `group`, `stratum` and `split`; relative paths start at the manifest's folder;
        - ``sample:digits``, 1,797 handwritten digits of 8 x 8 pixels (10 classes), or ``sample:photos``, two
          photographs without labels; both come with scikit-learn.
    labelled : bool, default=True
        Whether labels are required. Without them a flat folder or a manifest of paths is enough.
    split_from : str or PathLike, default=None
        A file that gives each image its part of a split: a table with the columns `path` and `split` (train, val or
        test), or `setid.mat` of the Oxford flowers.
    path_column, label_column : str, default=None
        The manifest's columns of image files and of classes; by default those of the usual names.
    label_pattern : str, default=None
        A regular expression with a group named `label`, which is searched in the path of each image relative to the
        folder, with ``/`` between folders: ``(?P<label>cat|dog)\\.\\d+`` for `cat.0.jpg`. It replaces classes that
        sub-folders name; folders for parts of a split are recognised. In a manifest it labels the paths where there is
        no column of labels.

    Returns
    -------
    ImageDataset

    Raises
    ------
    DatasetError
        If the data set does not exist, it holds no image, labels are required and missing, or the roles of its folders
        or columns are ambiguous.
    """
    check_values(locals(), source=ANY_PATH)
    text = os.fspath(source)
    pattern = None if label_pattern is None else compile_pattern(label_pattern)
    columns = {"path_column": path_column, "label_column": label_column}
    if is_url(text):
        raise DatasetError(
            f"{redacted(text)} is a URL, and data sets are read from this machine",
            "Download it, or pass a manifest of the images' URLs.",
        )
    if text.startswith("sample:"):
        listing = _list_sample(text)
    elif os.path.isdir(text) and pattern is not None:
        listing = list_by_pattern(str(Path(text)), pattern)
    elif os.path.isdir(text):
        listing = _folder(text, labelled=labelled, with_split=split_from is None)
    elif _is_table(text) and not _is_pattern(text):
        listing = list_manifest(text, labelled=labelled, **columns)
    else:
        raise _explain_missing(text)
    if pattern is not None and not os.path.isdir(text):
        listing = label_listing(listing, pattern, text)
    if not _is_table(text):
        listing.notes += _columns_without_effect(columns)
    if split_from is not None:
        listing = split_by_file(listing, os.fspath(split_from))
    if labelled and listing.labels is None:
        raise DatasetError(*(listing.unlabelled or (f"{text} has no labels", LABEL_STEP)))
    return listing.dataset(text, labelled=labelled)


def collect_images(
    sources: Sequence[str | os.PathLike[str]],
    *,
    split_from: str | os.PathLike[str] | None = None,
    path_column: str | None = None,
    label_column: str | None = None,
    label_pattern: str | None = None,
    keep_missing: bool = False,
) -> ImageDataset:
    """Gather image files, URLs, folders, manifests and samples into one data set.

    It is labelled, and split into parts, if all of its sources are. The other parameters are those of `load_dataset`;
    `split_from` takes one source, and `label_pattern` is searched in the paths of image files as they are given. With
    `keep_missing`, files that do not exist are kept as images that cannot be read.

    Raises
    ------
    DatasetError
        If sources do not exist, the first of which are named, or nothing is found.
    """
    texts = [os.fspath(source) for source in sources]
    if split_from is not None and (len(texts) != 1 or not _is_dataset(texts[0])):
        raise DatasetError("a split from a file is that of one data set", "Pass one folder or manifest.")
    columns = {"path_column": path_column, "label_column": label_column}
    pattern = None if label_pattern is None else compile_pattern(label_pattern)
    missing = [text for text in texts if not (_is_dataset(text) or is_url(text) or os.path.lexists(text))]
    if missing and (not keep_missing or len(missing) == len(texts)):
        raise _missing_error(missing, len(texts))
    files = [text for text in texts if not _is_dataset(text)]
    labels = {} if pattern is None else dict(zip(files, labels_in(files, pattern), strict=True))
    parts = []
    for are_datasets, some in groupby(texts, _is_dataset):
        if are_datasets:
            for text in some:
                named = {"label_pattern": label_pattern, **(columns if _is_table(text) else {})}
                parts.append(load_dataset(text, labelled=False, split_from=split_from, **named))
        else:
            paths = PathList(some)
            parts.append(ImageDataset(paths, paths, np.array([labels[path] for path in paths]) if labels else None))
    if not any(map(len, parts)):
        raise DatasetError("no image was given", "Pass image files, folders, manifests or samples.")
    notes = [note for part in parts for note in part.notes]
    notes += [] if any(map(_is_table, texts)) else _columns_without_effect(columns)
    if len(parts) == 1:
        parts[0].notes[:] = notes
        return parts[0]
    kept = {}
    for name, note in IGNORED.items():
        given = [getattr(part, name) for part in parts]
        known = [column for column in given if column is not None]
        kept[name] = np.concatenate(known) if known and len(known) == len(parts) else None
        if known and kept[name] is None:
            notes.append(note)
    return ImageDataset(
        _joined([part.images for part in parts]),
        _joined([part.names for part in parts]),
        notes=notes,
        **kept,
    )


def _joined(parts: list[Sequence[Any]]) -> Sequence[Any]:
    paths = [part for part in parts if isinstance(part, PathList)]
    return PathList.joined(paths) if len(paths) == len(parts) else list(chain.from_iterable(parts))


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


def _folder(text: str, *, labelled: bool, with_split: bool) -> Listing:
    """Return what a folder lists; where labels are required and missing, with the likely reason."""
    if flowers := list_flowers(str(Path(text)), labelled=labelled, with_split=with_split):
        return flowers
    listing, skipped = list_folder(str(Path(text)), labelled=labelled)
    if listing.images and (listing.labels is not None or not labelled):
        return listing
    others = skipped.others + [path for paths in skipped.unsupported.values() for path in paths]
    known = explain_unlabelled(listing, others)
    if not listing.images:
        raise DatasetError(*known) if known else skipped.refusal(text, listing.notes)
    if known is None and (pattern := suggest_pattern(listing.images)):
        what, step = listing.unlabelled or (f"{text} has no labels", LABEL_STEP)
        known = what, f"{step} {pattern}"
    return replace(listing, unlabelled=known or listing.unlabelled)


def _list_sample(text: str) -> Listing:
    """Return the images of a sample, with its labels if it has them.

    Raises
    ------
    DatasetError
        If the sample does not exist.
    """
    name = text.partition(":")[2]
    if name not in ("digits", "photos"):
        hint = nearest(name, ["digits", "photos"])
        raise DatasetError(f"there is no sample {name!r}", f"{hint} Known: sample:digits, sample:photos.".strip())
    from sklearn import datasets as samples

    if name == "digits":
        digits = samples.load_digits()
        images = [np.rint(image * (255 / 16)).astype(np.uint8) for image in digits.images]
        names = [f"{text}[{i}]" for i in range(len(images))]
        return Listing(images, labels=digits.target.astype(str).tolist(), names=names)
    photos = samples.load_sample_images()
    return Listing(list(photos.images), names=[f"{text}[{Path(f).name}]" for f in photos.filenames])


def _is_pattern(text: str) -> bool:
    """Tell whether a text is a pattern such as ``*.csv``, not an existing file with such characters in its name."""
    return glob.has_magic(text) and not os.path.lexists(text)


def _explain_missing(text: str) -> DatasetError:
    """Return the error for a source that is neither a folder nor a table, with what to pass instead."""
    step = "Pass a folder, a .csv or .parquet manifest, or sample:digits."
    if not os.path.exists(text):
        if _is_pattern(text):
            found = sorted(glob.glob(text, recursive=True))
            one = f"Pass one of them: {few(found)}." if found else "Pass one folder or manifest."
            return DatasetError(f"{text} is a pattern, and a data set is one folder or manifest", one)
        return DatasetError(f"{text} does not exist", nearest_path(text) or step)
    suffix = Path(text).suffix.lower()
    if suffix in SPREADSHEET_SUFFIXES:
        return DatasetError(f"{text} is a spreadsheet", "Save it as CSV in UTF-8 and pass that file.")
    if suffix == ".json":
        step = "Write an object for each image, one a line, as .jsonl."
    elif suffix in UNSUPPORTED:
        step = UNSUPPORTED[suffix][1]
    return DatasetError(f"{text} is not a data set", step)
