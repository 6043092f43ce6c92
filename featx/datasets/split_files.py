"""Read a file that gives each image its part of a split: a table, or setid.mat of the Oxford flowers."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError, nearest_path
from ..images.formats import EXTENSIONS
from ..images.urls import is_url
from .columns import Table, choose_columns, count_known_names, names_image
from .listing import Listing
from .manifest_commands import list_command
from .oxford_flowers import split_flowers
from .split_names import as_parts, part_of, read_split
from .tables import TABLE_SUFFIXES, read_table

__all__ = ["split_by_file"]

# Names of files that list the images of a part: train.txt, test2.txt, valid_list.txt, trainlist01.txt.
LIST_NAME = re.compile(r"(.*?)(?:[\W_]*(?:list|files?|names|ids|idx|paths|filelist))?[\W_]*(\d*)", re.IGNORECASE)


def split_by_file(listing: Listing, path: str) -> Listing:
    """Return the listing with the split that a file gives.

    Parameters
    ----------
    listing : Listing
    path : str
        A table with the columns path and split, or setid.mat of the Oxford flowers, with their labels too if
        imagelabels.mat is in the same folder.

    Raises
    ------
    DatasetError
        If it cannot be read, or does not name every image.
    """
    if not os.path.isfile(path):
        step = nearest_path(path) or "Pass a file with the columns path and split, or setid.mat."
        raise DatasetError(f"{path} does not exist", step)
    if listing.split is not None:
        listing.notes.append(f"the split is that of {path}, in place of the one that the data set came with")
    if path.lower().endswith(".mat"):
        return split_flowers(listing, path)
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in TABLE_SUFFIXES:
        raise DatasetError(
            f"{path} is not a table", f"Pass a file with the columns path and split ({' '.join(TABLE_SUFFIXES)})."
        )
    table = read_table(path, count_known_names)
    try:
        columns = choose_columns(table, path_column=None, label_column=None, other="split")
    except DatasetError:
        _refuse_list(table)
        raise
    split = columns.split or next(
        (name for name in columns.perhaps_split if None not in as_parts(name, table.column(name))), None
    )
    if columns.path is None or split is None:
        _refuse_list(table)
        raise DatasetError(
            f"{path} has the columns {', '.join(table.names) or '(none)'}; expected path and split",
            "Name them so; the split is train, val or test.",
        )
    values = read_split(table, split) if split == columns.split else as_parts(split, table.column(split))
    return _split_by_names(listing, table, table.column(columns.path), [str(value) for value in values])


def _refuse_list(table: Table) -> None:
    """Refuse a list of images without parts; if its name means a part, print the command that joins such lists."""
    folder, name = os.path.split(table.path)
    listed = _part_of_list(name)
    if listed is not None:
        lists = []
        for other in sorted(_names_in(folder) | {name}):
            found = _part_of_list(other)
            if found and found[1:] == listed[1:]:
                lists.append((os.path.join(folder, other), found[0]))
        raise DatasetError(
            f"{table.path} is a list of one part's images; expected a table with the columns path and split",
            f"If each line is a path: {list_command(lists)}, and pass split.tsv.",
        )
    if len(table.names) == 1 and names_image(table.names[0]):
        raise DatasetError(
            f"{table.path} is a list of images; expected a table with the columns path and split",
            "Write the part of each image (train, val or test) beside it, and a line with the names above.",
        )


def _names_in(folder: str) -> set[str]:
    try:
        return set(os.listdir(folder or "."))
    except OSError:
        return set()


def _part_of_list(name: str) -> tuple[str, str, str] | None:
    """Return the part that a file name means, and what the lists of one split have in common: number and suffix."""
    stem, suffix = os.path.splitext(name)
    found = LIST_NAME.fullmatch(stem)
    part = part_of(found[1]) if found else None
    return (part, found[2], suffix) if found and part else None


def _split_by_names(listing: Listing, table: Table, paths: list[Any], parts: list[str]) -> Listing:
    """Match the paths of the table to the images, by the first of several keys that finds all images."""
    names = [str(name) for name in (listing.images if listing.names is None else listing.names)]
    given = [str(path).replace("\\", "/") for path in paths]
    best: tuple[int, dict[str, str], list[str]] | None = None
    for key_of_image, key_of_row in _match_keys(listing.root, os.path.dirname(table.path)):
        rows = [key_of_row(path) for path in given]
        known = dict(zip(rows, parts, strict=True))
        if len(known) < len(rows) and _contradicts(rows, parts):
            continue
        keys = [key_of_image(name) for name in names]
        matched = sum(key in known for key in keys)
        if matched and len(set(keys)) == len(set(names)) and (best is None or matched > best[0]):
            best = matched, known, keys
        if matched == len(names):
            break
    if best is None:
        twice = _contradicts(given, parts)
        reason = f"gives {twice} two parts" if twice else f"names none of the {count_text(len(names), 'image')}"
        raise DatasetError(
            f"{table.path} {reason}",
            "Keep one of its rows."
            if twice
            else f"Write paths as they are below {listing.root or 'the data set'}, such as "
            f"{_relative(listing.root)(names[0])}, not {given[0] if given else 'nothing'}.",
        )
    _, known, keys = best
    missing = [name for name, key in zip(names, keys, strict=True) if key not in known]
    if missing:
        raise DatasetError(
            f"{table.path} does not name {count_text(len(missing), 'image')} of {len(names):,}: {few(missing)}",
            "Add a row for each of them, or take them out of the data set.",
        )
    if unused := len(known.keys() - set(keys)):
        missing = sorted(known.keys() - set(keys))
        listing.notes.append(
            f"{table.path} names {count_text(unused, 'image')} that the data set does not have: {few(missing)}"
        )
    return replace(listing, split=[known[key] for key in keys])


Key = Callable[[str], str]


def _match_keys(root: str, folder: str) -> list[tuple[Key, Key]]:
    """Return pairs of keys, of an image and of a row, by which they may match: the path, the end of it, the name."""
    relative, beside = _relative(root), _relative(folder)

    def here(path: str) -> str:
        return path if is_url(path) else os.path.abspath(path)

    def there(path: str) -> str:
        return path if is_url(path) else os.path.abspath(os.path.join(folder, path))

    return [
        (relative, _relative(root)),
        (here, here),
        (here, there),
        (partial(_chain, relative, _bare), partial(_chain, beside, _bare)),
        (_tail, _tail),
        (os.path.basename, os.path.basename),
        (partial(_chain, os.path.basename, _bare), partial(_chain, os.path.basename, _bare)),
    ]


def _chain(first: Key, second: Key, text: str) -> str:
    return second(first(text))


def _relative(root: str) -> Key:
    start = os.path.join(root, "")

    def relative(path: str) -> str:
        if is_url(path):
            return path
        if root and path.startswith(start):
            path = path[len(start) :]
        return os.path.normpath(path)

    return relative


def _tail(path: str) -> str:
    """Return the folder and the file name, which is what a path of another machine has in common."""
    return "/".join(path.replace(os.sep, "/").split("/")[-2:])


def _bare(path: str) -> str:
    """Return a path without the suffix of an image."""
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in EXTENSIONS else path


def _contradicts(rows: list[str], parts: list[str]) -> str:
    """Return a name that is in several parts, or an empty string."""
    pairs = Counter(row for row, _ in set(zip(rows, parts, strict=True)))
    return next((row for row, number in pairs.items() if number > 1), "")
