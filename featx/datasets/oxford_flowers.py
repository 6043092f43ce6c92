"""Read setid.mat and imagelabels.mat, the official split and labels of the Oxford flowers."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from typing import Any

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError
from .listing import Listing

__all__ = ["split_flowers"]

# What setid.mat calls the parts.
FLOWER_PARTS = {"trnid": "training", "valid": "validation", "tstid": "test"}
FLOWER = re.compile(r"image_0*(\d+)\.\w+")


def split_flowers(listing: Listing, path: str) -> Listing:
    """Return the Oxford flowers with their official split, and with their labels if they have none."""
    sets = _read_mat(path)
    if missing := sorted(set(FLOWER_PARTS) - set(sets)):
        raise DatasetError(
            f"{path} has no {few(missing)}; expected trnid, valid and tstid, as in setid.mat of the Oxford flowers",
            "Pass setid.mat, or a table with the columns path and split.",
        )
    parts: dict[int, str] = {}
    for name, part in FLOWER_PARTS.items():
        for number in map(int, sets[name].ravel()):
            if parts.setdefault(number, part) != part:
                first = next(other for other, known in FLOWER_PARTS.items() if known == parts[number])
                raise DatasetError(
                    f"{path} gives image {number} two parts: it is in {first} and in {name}",
                    "Download it again, or pass a table with the columns path and split.",
                )
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
    labels = listing.labels
    beside = os.path.join(os.path.dirname(path), "imagelabels.mat")
    if (labels is None or len(set(labels)) < 2) and os.path.isfile(beside):
        classes = _read_mat(beside).get("labels")
        if classes is None or classes.size < max(n for n in numbers if n is not None):
            raise DatasetError(f"{beside} has no labels of these images", "Download it again.")
        flat = classes.ravel()
        labels = [str(int(flat[number - 1])) for number in numbers if number is not None]
        listing.notes.append(f"the classes are the numbers in {beside}")
    if len(parts) > len(numbers):
        listing.notes.append(
            f"{path} names {count_text(len(parts) - len(numbers), 'image')} that the data set does not have"
        )
    return replace(listing, labels=labels, split=[parts[number] for number in numbers if number is not None])


def _flower_number(path: str) -> int | None:
    found = FLOWER.fullmatch(os.path.basename(path))
    return int(found[1]) if found else None


def _read_mat(path: str) -> dict[str, Any]:
    from scipy.io import loadmat

    try:
        return dict(loadmat(path))
    except Exception as error:  # damaged files raise anything, and scipy does not read those of version 7.3
        raise DatasetError(f"cannot read {path}: {error}", "Download it again.") from error
