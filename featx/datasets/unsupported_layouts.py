"""Recognise data sets that are not folders of classes (COCO, Pascal VOC, YOLO, Roboflow), and say what to type."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ..display.names import few, quoted
from ..exceptions import FeatxError
from .columns import choose_columns, count_known_names
from .listing import Listing
from .oxford_flowers import labels_above
from .split_names import PARTS, part_of
from .tables import TABLE_SUFFIXES, read_table

__all__ = ["explain_unlabelled"]

CUT_OUT = "Cut the objects out of the images, and make one sub-folder a class of what was cut out."
# How many tables are opened at most.
MOST_TABLES = 20


def explain_unlabelled(listing: Listing, others: Sequence[str]) -> tuple[str, str] | None:
    """Return why a folder has no labels and what to do, or None where the kind of data set is not known.

    Parameters
    ----------
    listing : Listing
        Its images, perhaps none.
    others : sequence of str
        The paths of the other files in it.
    """
    root = listing.root
    by_name: dict[str, list[str]] = {}
    for path in sorted(others, key=lambda path: (path.count(os.sep), path)):
        by_name.setdefault(os.path.basename(path).casefold(), []).append(path)
    if found := by_name.get("_classes.csv"):
        return (
            f"{found[0]} gives several classes to an image: a multi-label data set of Roboflow",
            "featx gives each image one class: export it from Roboflow as `Folder Structure`.",
        )
    coco = [name for name in by_name if name == "_annotations.coco.json" or name.startswith("instances_")]
    if coco:
        return f"{by_name[coco[0]][0]} has boxes: a data set for object detection (COCO)", CUT_OUT
    if kind := _describe_boxes(listing, set(others)):
        return kind, CUT_OUT
    if arrow := [path for path in others if path.endswith(".arrow")]:
        return f"{root} is a data set that Hugging Face's `datasets` has saved to disk ({arrow[0]})", (
            "Save it as Parquet and pass that: `datasets.load_from_disk(folder).to_parquet('data.parquet')`."
        )
    if above := labels_above(listing):
        return f"{root} has no class folders, but {above} has the labels of the Oxford flowers", (
            f"Pass its folder: `featx fit {quoted(os.path.dirname(above))} -o model.skops`."
        )
    for name in ("imagelabels.mat", "setid.mat"):
        if found := by_name.get(name):
            return f"{root} has {found[0]} of the Oxford flowers, but not their images in one folder, jpg", (
                "Unpack 102flowers.tgz beside it, and leave other images out of the folder."
            )
    tables = [path for paths in by_name.values() for path in paths if path.lower().endswith(TABLE_SUFFIXES)]
    return _suggest_table(root, tables[:MOST_TABLES], bool(listing.images)) if tables else None


def _describe_boxes(listing: Listing, others: set[str]) -> str:
    """Recognise a data set for object detection by files beside its images, or in a folder beside theirs."""
    for image in map(str, listing.images[:3]):
        stem = os.path.splitext(image)[0]
        swapped = {
            f"{os.sep}{new}{os.sep}".join(stem.rsplit(f"{os.sep}{old}{os.sep}", 1))
            for old, new in (("images", "labels"), ("JPEGImages", "Annotations"), ("images", "annotations"))
        } | {stem}
        for path in sorted(swapped):
            if path + ".xml" in others:
                return f"{path}.xml describes {image}: a data set for object detection (Pascal VOC)"
            if path + ".txt" in others and _has_boxes(path + ".txt"):
                return f"{path}.txt has boxes in {image}: a data set for object detection (YOLO)"
    return ""


def _has_boxes(path: str) -> bool:
    """Tell whether the lines of a file are a class and the numbers of a box or an outline."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            words = file.readline().split()
        return len(words) >= 5 and all(word == word.strip() and float(word) >= 0 for word in words)
    except (OSError, ValueError):
        return False


def _suggest_table(root: str, tables: list[str], has_images: bool) -> tuple[str, str] | None:
    """Return which of the tables in a folder list its images, and the command that uses them."""
    good = [path for path in tables if _lists_labels(path)]
    what = "has no class folders" if has_images else "holds no image files"
    tables = [path for path in tables if not path.lower().endswith(".txt")]
    if not good and not tables:
        return None
    if not good:
        return f"{root} {what}, but {few(tables)}", (
            f"If it lists the images: `featx fit {quoted(tables[0])} --path-column NAME --label-column NAME "
            "-o model.skops`."
        )
    parts: dict[str, str] = {}
    for path in good:
        parent, stem = os.path.basename(os.path.dirname(path)), os.path.splitext(os.path.basename(path))[0]
        part = part_of(stem.split("-")[0]) or part_of(parent)
        if part:
            parts.setdefault(part, path)
    train = parts.get("training", good[0])
    held_out = [parts[part] for part in reversed(PARTS[1:]) if part in parts and parts[part] != train]
    test = f" --test {quoted(held_out[0])}" if held_out else ""
    return (
        f"{root} {what}, but {few([train, *held_out[:1]])}, which may list its images",
        f"Pass that: `featx fit {quoted(train)}{test} -o model.skops`.",
    )


def _lists_labels(path: str) -> bool:
    try:
        columns = choose_columns(read_table(path, count_known_names), path_column=None, label_column=None)
    except FeatxError:
        return False
    return columns.path is not None and columns.label is not None
