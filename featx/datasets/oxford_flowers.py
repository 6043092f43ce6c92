"""Read the Oxford flowers as they are downloaded: jpg/, imagelabels.mat with the labels, setid.mat with the split."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError
from .folders import Folder, Skipped
from .listing import Listing
from .split_names import PARTS

__all__ = ["labels_above", "list_flowers", "split_flowers"]

SPLIT_FILE, LABELS_FILE = "setid.mat", "imagelabels.mat"
# What setid.mat calls the parts.
FLOWER_PARTS = {"trnid": "training", "valid": "validation", "tstid": "test"}
FLOWER = re.compile(r"image_0*(\d+)\.\w+")
# Another archive of the data set has outlines of the flowers, which are images too.
OUTLINE = re.compile(r"segmim_\d+\.\w+")
# Where the archives, and torchvision, put images and files below the folder that is passed.
PLACES = ("", "jpg", "102flowers", "102flowers/jpg", "flowers-102", "flowers-102/jpg")
AGAIN = "Download it again."
# Both files have 15 kB at most. What is compressed in them can be a thousand times as large.
MOST_BYTES = 10**6


def list_flowers(root: str, *, labelled: bool = True, with_split: bool = True) -> Listing | None:
    """Return the Oxford flowers in a folder, with their labels and official split; None if they are not in it.

    They are in it if it has imagelabels.mat or setid.mat, and images in one folder only, named image_00001.jpg and so
    on.

    Parameters
    ----------
    root : str
    labelled : bool, default=True
        Whether labels are required.
    with_split : bool, default=True
        Whether setid.mat is read.

    Raises
    ------
    DatasetError
        If labels are required, and a file is damaged or does not fit the images.
    """
    files = {name: found for name in (LABELS_FILE, SPLIT_FILE) if (found := _find(root, name))}
    if not files:
        return None
    images, notes = _images_of(root, set(files.values()))
    if not images:
        return None
    if with_split and SPLIT_FILE not in files:
        notes.append(f"there is no {SPLIT_FILE}, which has the official split, in {root}")
    listing = Listing(images, root, notes=notes)
    try:
        return _described(listing, files.get(LABELS_FILE), files.get(SPLIT_FILE) if with_split else None)
    except DatasetError as error:
        if labelled:
            raise
        return replace(listing, notes=[*notes, f"without labels: {error.message}"])


def split_flowers(listing: Listing, path: str) -> Listing:
    """Return the Oxford flowers with the split in setid.mat, and with their labels if they have none.

    Parameters
    ----------
    listing : Listing
    path : str
        The file. Labels are read from imagelabels.mat in the same folder.

    Raises
    ------
    DatasetError
        If a file is damaged, or does not fit the images.
    """
    parts = _read_parts(path)
    numbers = [_flower_number(str(image)) for image in listing.images]
    lost = [image for image, number in zip(listing.images, numbers, strict=True) if number not in parts]
    if lost:
        # Images of other names belong to another folder; if all are numbered, the file is incomplete.
        numbered = all(_flower_number(str(image)) for image in lost)
        raise DatasetError(
            f"{path} does not name {count_text(len(lost), 'image')} of {len(numbers):,}: {few(list(map(str, lost)))}",
            "Download it again, take them out of the data set, or pass a table with the columns path and split."
            if numbered
            else "Its images are called image_00001.jpg and so on: pass their folder, jpg.",
        )
    known = [number for number in numbers if number is not None]
    beside = os.path.join(os.path.dirname(path), LABELS_FILE)
    if (listing.labels is None or len(set(listing.labels)) < 2) and os.path.isfile(beside):
        listing = replace(listing, labels=_read_labels(beside, known))
        listing.notes.append(f"the classes are the numbers in {beside}")
    if len(parts) > len(numbers):
        listing.notes.append(
            f"{path} names {count_text(len(parts) - len(numbers), 'image')} that the data set does not have"
        )
    return replace(listing, split=[parts[number] for number in known])


def labels_above(listing: Listing) -> str:
    """Return the path of imagelabels.mat beside the folder of the listed images, or an empty string."""
    above = os.pardir if listing.root == "." else os.path.dirname(listing.root) or os.curdir
    path = os.path.join(above, LABELS_FILE)
    return path if os.path.isfile(path) and any(_flower_number(str(image)) for image in listing.images) else ""


def _described(listing: Listing, labels_file: str | None, split_file: str | None) -> Listing:
    """Return the listing with labels and split."""
    if labels_file is None:
        known = (
            f"{listing.root} has {SPLIT_FILE} of the Oxford flowers, but not {LABELS_FILE}, which has their labels",
            f"Put {LABELS_FILE} beside it.",
        )
        return replace(split_flowers(listing, split_file) if split_file else listing, unlabelled=known)
    numbers = [_flower_number(image) for image in listing.images]
    if unnamed := [image for image, number in zip(listing.images, numbers, strict=True) if number is None]:
        raise DatasetError(
            f"{labels_file} has no label of {count_text(len(unnamed), 'image')} of {len(numbers):,}: {few(unnamed)}",
            "Its images are called image_00001.jpg and so on: take the others out of their folder.",
        )
    listing = replace(listing, labels=_read_labels(labels_file, [number for number in numbers if number]))
    listing.notes.append(f"the classes are the numbers in {labels_file} of the Oxford flowers")
    if split_file is None:
        return listing
    _check_numbers(split_file, labels_file)
    listing = split_flowers(listing, split_file)
    sizes = ", ".join(f"{(listing.split or []).count(part):,} {part}" for part in PARTS)
    listing.notes.append(f"the split is the official one, in {split_file}: {sizes}")
    return listing


def _check_numbers(split_file: str, labels_file: str) -> None:
    """Refuse two files of different data sets."""
    last, known = max(_read_parts(split_file), default=0), len(_read_classes(labels_file))
    if last > known:
        raise DatasetError(
            f"{split_file} names image {last:,}, but {labels_file} has the labels of {known:,}",
            "Download both again: they belong to different data sets.",
        )


def _find(root: str, name: str) -> str:
    """Return the path of a file of the data set below a folder, or an empty string."""
    # Written as `Folder` writes paths.
    paths = (os.path.join("" if root == "." else root, place, name) for place in PLACES)
    return next(filter(os.path.isfile, paths), "")


def _images_of(root: str, used: set[str]) -> tuple[list[str], list[str]]:
    """Return the images of the flowers, if no other folder has images, and notes on what is left out."""
    skipped, outlines = Skipped(), 0
    found: list[str] = []
    places = {os.path.normpath(os.path.join(root, place)) for place in PLACES}
    for folder in Folder(root).walk():
        skipped.add(folder)
        if folder.images and all(OUTLINE.fullmatch(os.path.basename(image)) for image in folder.images):
            outlines += len(folder.images)
        elif folder.images and (found or os.path.normpath(folder.path) not in places):
            return [], []  # the flowers may have been sorted into classes
        else:
            found += folder.images
    if not any(map(_flower_number, found)):
        return [], []
    if matrices := [path for path in skipped.unsupported.pop(".mat", []) if path not in used]:
        skipped.unsupported[".mat"] = matrices
    more = [f"{count_text(outlines, 'outline')} of flowers left out (segmim)"] if outlines else []
    return found, skipped.notes() + more


def _read_parts(path: str) -> dict[int, str]:
    """Return the part of each number in setid.mat."""
    sets = _read_mat(path)
    if missing := sorted(set(FLOWER_PARTS) - set(sets)):
        raise DatasetError(
            f"{path} has no {few(missing)}; expected trnid, valid and tstid, as in setid.mat of the Oxford flowers",
            "Pass setid.mat, or a table with the columns path and split.",
        )
    parts: dict[int, str] = {}
    for name, part in FLOWER_PARTS.items():
        for number in _whole_numbers(sets[name], path, name):
            if parts.setdefault(number, part) != part:
                first = next(other for other, known in FLOWER_PARTS.items() if known == parts[number])
                raise DatasetError(
                    f"{path} gives image {number} two parts: it is in {first} and in {name}",
                    "Download it again, or pass a table with the columns path and split.",
                )
    return parts


def _read_labels(path: str, numbers: Sequence[int]) -> list[str]:
    """Return the class of each of the numbered images."""
    classes = _read_classes(path)
    if (beyond := max(numbers)) > len(classes):
        raise DatasetError(
            f"{path} has no labels of these images: it has {len(classes):,}, and one is image {beyond:,}", AGAIN
        )
    return [str(classes[number - 1]) for number in numbers]


def _read_classes(path: str) -> list[int]:
    """Return the class of every image of the whole data set, in their order."""
    values = _read_mat(path).get("labels")
    if values is None:
        raise DatasetError(f"{path} has no labels of these images", AGAIN)
    return _whole_numbers(values, path, "labels")


def _whole_numbers(values: Any, path: str, name: str) -> list[int]:
    """Return a matrix of positive whole numbers as a list."""
    array = np.ravel(values)
    if array.dtype.kind not in "iuf" or (array != np.floor(array)).any() or (array < 1).any():
        raise DatasetError(f"{path} has something other than positive whole numbers as {name}", AGAIN)
    return [int(value) for value in array]


def _flower_number(path: str) -> int | None:
    found = FLOWER.fullmatch(os.path.basename(path))
    return int(found[1]) if found else None


def _read_mat(path: str) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        if (size := os.path.getsize(path)) > MOST_BYTES:
            raise ValueError(f"it has {size:,} bytes, more than {MOST_BYTES:,}")
        return dict(loadmat(path))
    except Exception as error:  # damaged files raise anything, and scipy does not read those of version 7.3
        raise DatasetError(f"cannot read {path}: {error}", AGAIN) from error
