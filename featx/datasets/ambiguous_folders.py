"""Refuse sub-folders that may not be classes, such as masks, folds or one part of a split, and say what to type."""

from __future__ import annotations

import re

from ..display.names import few, quoted
from ..exceptions import DatasetError
from ..images.formats import EXTENSIONS
from .folders import Folder
from .split_names import PARTS, part_of, part_words

__all__ = ["fit_command", "is_generic", "refuse_ambiguous"]

# Folders of these names say what kind of files they hold, not what the images show.
FILE_KINDS = frozenset([
    "image", "images", "img", "imgs", "jpgs", "jpegs", "pngs", "jpegimages", "photos", "pictures", "data", "dataset",
    "datasets", "mask", "masks", "label", "labels", "annotation", "annotations",
    "annot", "gt", "groundtruth", "segmentation", "segmentations", "segmentationclass", "segmentationobject",
    "bbox", "bboxes", "heic", "heif", "dng", "dcm", "dicom", "svg", *(suffix[1:] for suffix in EXTENSIONS),
])  # fmt: skip
# So do these, next to folders of parts.
BESIDE_PARTS = FILE_KINDS | frozenset([
    "unlabeled", "unlabelled", "unsup", "extra", "pred", "prediction", "predictions", "sample", "samples", "raw",
])  # fmt: skip
NUMBERED_PIECE = re.compile(r"(.*?)(?:fold|split|cv|part|subset|chunk|batch|shard)[\W_]*\d+")


def is_generic(name: str) -> bool:
    """Tell whether a folder's name says where images are or of what kind, not what they show."""
    return part_of(name) is not None or _words(name) <= FILE_KINDS


def fit_command(train: Folder, others: list[Folder], parts: dict[str, str]) -> str:
    """Return the command that fits on one part of a split and tests on another."""
    held_out = sorted(others, key=lambda folder: PARTS.index(parts[folder.name]))
    test = f" --test {quoted(held_out[-1].path)}" if held_out else ""
    return f"`featx fit {quoted(train.path)}{test} -o model.skops`"


def refuse_ambiguous(parent: Folder, parts: dict[str, str]) -> None:
    """Refuse sub-folders that may be something other than classes.

    Parameters
    ----------
    parent : Folder
    parts : dict of str -> str
        The part of a split for each sub-folder that may be one. At least one sub-folder has none.

    Raises
    ------
    DatasetError
    """
    names = [folder.name for folder in parent.with_any_images]
    if parts:
        _refuse_mixture(parent, parts)
    _refuse_levels(parent)
    if all(_words(name) <= FILE_KINDS for name in names):
        raise DatasetError(
            f"{parent.path} holds {few(names)}, which are kinds of files, not classes",
            f"Pass a manifest with the columns path and label, such as {quoted(parent.path + '/images.csv')}.",
        )
    pieces = [NUMBERED_PIECE.fullmatch(name.casefold()) for name in names]
    if None not in pieces and len({piece[1] for piece in pieces if piece}) == 1:
        raise DatasetError(
            f"{parent.path} holds {few(names)}, which are pieces of one set, not classes",
            "Join them in one folder with one sub-folder a class, or name all images in a manifest; its column `group` "
            "keeps the images of a piece together.",
        )
    words = [part_words(name) for name in names]
    if all(words) and len(set().union(*words)) > 1:
        raise DatasetError(
            f"{parent.path} has a part of a split in every folder's name ({few(names)})",
            "Make a folder for each part and one for each class in it, such as "
            f"{quoted(parent.path + '/train/cat')}, or a manifest with the columns path, label and split.",
        )


def _words(name: str) -> set[str]:
    return set(filter(None, re.split(r"[\W_\d]+", name.casefold()))) or {name}


def _refuse_levels(parent: Folder) -> None:
    """Refuse a folder that holds the folder of classes beside others, or classes and the same ones a level deeper."""
    names = {folder.name for folder in parent.with_any_images}
    for folder in parent.with_images:
        inner = [deeper.name for deeper in folder.with_images]
        kind = _words(folder.name) <= FILE_KINDS and len(inner) > 1 and not folder.images
        if kind or len(names.intersection(inner) - {folder.name}) > 1:
            others = sorted(names - {folder.name})
            raise DatasetError(
                f"{parent.path} holds {few(others)} beside {folder.name}, which has the folders {few(inner)}",
                f"If these are the classes: `featx fit {quoted(folder.path)} -o model.skops`; if not, rename "
                f"{folder.name}.",
            )


def _refuse_mixture(parent: Folder, parts: dict[str, str]) -> None:
    """Refuse folders of parts beside other folders, unless the one part is more likely a class of that name."""
    named = [folder for folder in parent.with_any_images if folder.name in parts]
    others = [folder for folder in parent.with_any_images if folder.name not in parts]
    beside = all(_words(folder.name) & BESIDE_PARTS or part_words(folder.name) for folder in others)
    if len(set(parts.values())) == 1 and not beside:
        (part, *_), inside = named, {inner.name for folder in named for inner in folder.with_images}
        known = {folder.name for folder in others} | {inner.name for folder in others for inner in folder.with_images}
        # A train with types of wagons inside is a class beside cars and planes; with the same classes inside, a part.
        if part.images or (not inside & known and len(others) > 1):
            return
    usable = [folder for folder in named if folder.with_images]
    if usable and "training" not in parts.values() and len(others) == 1 and others[0].with_images:
        usable.insert(0, others[0])
        parts = {**parts, others[0].name: "training"}
    train = min(usable or named, key=lambda folder: PARTS.index(parts[folder.name]))
    command = fit_command(train, [folder for folder in usable if folder is not train], parts)
    step = f"Pass one part, {command}" if usable else "Pass a manifest with the columns path and label"
    raise DatasetError(
        f"{parent.path} holds {few([f.name for f in named])}, which may be {_parts(named)} of a split, beside "
        f"{few([f.name for f in others])}, which {'is' if len(others) == 1 else 'are'} not {_parts(others)}",
        f"{step}; or rename or move {'it, if it is a class' if len(named) == 1 else 'them, if they are classes'}.",
    )


def _parts(folders: list[Folder]) -> str:
    return "a part" if len(folders) == 1 else "parts"
