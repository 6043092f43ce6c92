"""Labels in file names: a regular expression with a group named label, such as (?P<label>cat|dog) for cat.0.jpg."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from typing import Any

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError, ParameterError
from ..images.urls import is_url, redacted_names
from .folders import Folder, Skipped
from .listing import Listing
from .split_names import part_of, parts_of

__all__ = ["compile_pattern", "label_listing", "labels_in", "list_by_pattern", "suggest_pattern"]

EXAMPLE = r"such as '(?P<label>[a-z]+)\.\d+' for cat.0.jpg."
# What separates a class from the number after it.
MARKS = (r"\.", "_", "-")


def compile_pattern(text: str) -> re.Pattern[str]:
    """Return the regular expression that finds labels.

    Raises
    ------
    ParameterError
        If it is none, or has no group named label.
    """
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise ParameterError(
            f"got label_pattern='{text}'; expected a regular expression, and it is none: {error}",
            f"Write one of Python's `re`, {EXAMPLE}",
        ) from error
    if "label" not in pattern.groupindex:
        raise ParameterError(
            f"got label_pattern='{text}'; expected a group named label", f"Write the class as (?P<label>...), {EXAMPLE}"
        )
    return pattern


def labels_in(paths: Sequence[str], pattern: re.Pattern[str]) -> list[str]:
    """Return the label in each path; / separates its folders.

    Raises
    ------
    DatasetError
        If a path does not match, or its label is empty. The first few are named.
    """
    matches = [pattern.search(path) for path in paths]
    labels = [found["label"] if found else None for found in matches]
    if lacking := [path for path, label in zip(paths, labels, strict=True) if not label]:
        raise DatasetError(
            f"label_pattern='{pattern.pattern}' finds no label in {count_text(len(lacking), 'path')} of "
            f"{len(paths):,}: {few(redacted_names(lacking))}",
            "Change it to match these too, or take them out of the data.",
        )
    return [label for label in labels if label]


def list_by_pattern(root: str, pattern: re.Pattern[str]) -> Listing:
    """Return the images at any depth below a folder, with labels from their paths relative to it.

    Where each image is below a folder for a part of a split (train, test), at one depth, the split is read too.

    Parameters
    ----------
    root : str
    pattern : re.Pattern

    Raises
    ------
    DatasetError
        If there are no images, or a path does not match.
    """
    skipped = Skipped()
    images = Folder(root).below(skipped)
    if not images:
        raise skipped.refusal(root, skipped.notes())
    paths = _relative(images, root)
    split, notes = _split_in(paths, root)
    return Listing(images, root, labels_in(paths, pattern), split=split, notes=skipped.notes() + notes)


def label_listing(listing: Listing, pattern: re.Pattern[str], source: str) -> Listing:
    """Label the images of a manifest or sample by their paths, unless it has labels; return the listing.

    Raises
    ------
    DatasetError
        If a path does not match.
    """
    if listing.labels is not None:
        listing.notes.append(f"label_pattern='{pattern.pattern}' has no effect: {source} has labels")
    else:
        listing.labels = labels_in(_relative([_path(image) for image in listing.images], listing.root), pattern)
    return listing


def suggest_pattern(paths: Sequence[str]) -> str:
    """Return what to type where files are named by class and number (cat.0.jpg, cat_0.jpg), or an empty string."""
    names = [os.path.basename(path) for path in paths]
    for mark in MARKS:
        text = rf"(?P<label>[^/]+){mark}\d+\.\w+$"
        matches = list(map(re.compile(text).search, names))
        labels = {found["label"] for found in matches if found}
        # With a class for nearly every image, they are names and not classes.
        if None not in matches and 2 <= len(labels) <= max(2, len(names) / 2):
            return (
                "Or, if the file names begin with the class, as in "
                f"{names[0]}: add `--label-pattern {shlex.quote(text)}`, in Python label_pattern=."
            )
    return ""


def _relative(paths: Sequence[str], root: str) -> list[str]:
    start = os.path.join(root, "")
    below = [path.removeprefix(start) if root and not is_url(path) else path for path in paths]
    return [path.replace(os.sep, "/") for path in below]


def _path(image: Any) -> str:
    """Return the path of an image in a manifest, which may hold the image itself."""
    return str(image.get("path") or "") if isinstance(image, dict) else image if isinstance(image, str) else ""


def _split_in(paths: Sequence[str], root: str) -> tuple[list[str] | None, list[str]]:
    """Return the part of each image by the folders at one depth, if all of them are parts, and notes."""
    folders = [path.split("/")[:-1] for path in paths]
    for depth in range(min(map(len, folders))):
        names = sorted({parents[depth] for parents in folders})
        parts = parts_of(names)
        if len(parts) == len(names) and len(set(parts.values())) > 1:
            named = ", ".join(f"{name} ({part})" for name, part in parts.items())
            return [parts[parents[depth]] for parents in folders], [f"{root} comes with a split: {named}"]
    named_so = sorted({name for parents in folders for name in parents if part_of(name)})
    if len(set(map(part_of, named_so))) < 2:
        return None, []
    return None, [f"no split is read: {few(named_so)} may be its parts, but not every image of {root} is in one"]
