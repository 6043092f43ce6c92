"""Columns of a table: which of them holds the image paths, class labels, groups, strata and the split."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..display.names import few
from ..exceptions import DatasetError, nearest
from ..images.formats import EXTENSIONS
from ..images.urls import is_url

__all__ = ["Columns", "Table", "boxes_in", "choose_columns", "count_known_names", "names_image"]

# Names that tools and people give to these columns, without case, blanks and separators.
PATHS = [
    "path", "paths", "filename", "filenames", "filepath", "file", "files", "fname", "filelocation", "image",
    "images", "imagepath", "imagename", "imagefile", "imagefilename", "imagefilepath", "imageid", "imageurl", "img",
    "imgpath", "imgname", "imgfile", "imgid", "picture", "photo", "url", "relativepath", "fullpath", "relpath",
    "abspath", "imagelocation",
]  # fmt: skip
LABELS = [
    "label", "labels", "class", "classes", "classname", "classlabel", "classid", "category", "categories",
    "categoryname", "categoryid", "target", "targets", "labelname", "labelid", "labeltext", "y", "groundtruth",
]  # fmt: skip
# Columns of these names hold a split only if their values say so.
SPLITS = ["subset", "partition", "set", "dataset", "datasplit", "isvalid", "isval", "istest"]
ALIASES = {
    "path": PATHS,
    "label": LABELS,
    "split": ["split", "splits"],
    "group": ["group", "groups"],
    "stratum": ["stratum", "strata"],
}
IMAGE_NAME = re.compile(rf"({'|'.join(map(re.escape, sorted(EXTENSIONS)))})(\s|$)", re.IGNORECASE)
BOX_COLUMNS = (
    {"xmin", "ymin"},
    {"xmax", "ymax"},
    {"x1", "y1"},
    {"bbox"},
    {"boundingbox"},
    {"roix1", "roiy1"},
    {"bboxx1"},
)


@dataclass
class Table:
    """Named columns of equal length.

    Attributes
    ----------
    path : str
        The file.
    names : list of str
    column : callable of str -> list
        The values of a column: text, but from Parquet also other types.
    where : callable of int -> str
        Where a row is in the file, such as "line 3".
    notes : list of str
    """

    path: str
    names: list[str]
    column: Callable[[str], list[Any]]
    where: Callable[[int], str]
    notes: list[str] = field(default_factory=list)


@dataclass
class Columns:
    """The table's name of each column that is used, or None.

    Attributes
    ----------
    path, label, group, stratum, split : str or None
    perhaps_split : list of str
        Columns that hold a split if all of their values are names of parts.
    notes : list of str
        Which columns of other names were taken as which.
    """

    path: str | None
    label: str | None
    group: str | None
    stratum: str | None
    split: str | None
    perhaps_split: list[str]
    notes: list[str]


def column_key(name: str) -> str:
    """Return a name without case, blanks and separators of words, by which names of columns are compared."""
    return re.sub(r"[\s_.\-:/]+", "", name).casefold()


def count_known_names(names: Sequence[str], *, more: Sequence[str | None] = ()) -> int:
    """Return how many of the names are known names of columns, or among `more`."""
    known = {alias for aliases in (*ALIASES.values(), SPLITS) for alias in aliases}
    return sum(column_key(name) in known or name in more for name in names)


def boxes_in(names: Sequence[str]) -> bool:
    """Tell whether columns give boxes in images, as in object detection."""
    found = set(map(column_key, names))
    return any(box <= found for box in BOX_COLUMNS)


def names_image(text: str) -> bool:
    """Tell whether a text is a URL or contains the file name of an image, by its suffix."""
    return bool(IMAGE_NAME.search(text)) or is_url(text)


def choose_columns(table: Table, *, path_column: str | None, label_column: str | None, other: str = "label") -> Columns:
    """Return which column holds what.

    A column of the exact name comes first, then one of the same name in other capitals, then one of another usual name.

    Parameters
    ----------
    table : Table
    path_column, label_column : str or None
        Those that the user has named.
    other : str, default="label"
        What the column next to the path holds, for the message where the columns have no names.

    Raises
    ------
    DatasetError
        If a named column does not exist, several columns may be meant, or the first line does not name the columns.
    """
    _check_header(table, other)
    notes: list[str] = []
    free = [name for name in table.names if name not in (path_column, label_column)]
    path = _named(table, path_column, "--path-column") or _found(table, free, "path", "--path-column", notes)
    label = _named(table, label_column, "--label-column") or _found(table, free, "label", "--label-column", notes)
    free = [name for name in free if name not in (path, label)]
    group, stratum, split = (_found(table, free, meaning, None, notes) for meaning in ("group", "stratum", "split"))
    perhaps = [name for name in free if split is None and column_key(name) in SPLITS]
    return Columns(path, label, group, stratum, split, perhaps, notes)


def _check_header(table: Table, other: str) -> None:
    """Refuse a first line that names an image, or one column twice."""
    images = [name for name in table.names if names_image(name)]
    if images:
        names = ["path" if name == images[0] else other for name in table.names]
        order = f", here {' and '.join(names)}" if len(names) == 2 else f", path and {other} among them"
        step = f"Write a line with their names above it{order}."
        found = IMAGE_NAME.search(images[0])
        if len(names) == 1 and found and found.end() < len(images[0]):
            step = f"Write commas or tabs between the values, and a line with their names above it, path and {other}."
        raise DatasetError(
            f"{table.path} does not name its columns: its first line has the image {images[0]}",
            step,
        )
    if twice := sorted({name for name in table.names if table.names.count(name) > 1}):
        raise DatasetError(f"{table.path} has the column {twice[0]} twice", "Rename one of them.")


def _named(table: Table, name: str | None, option: str) -> str | None:
    if name is None or name in table.names:
        return name
    alike = [known for known in table.names if column_key(known) == column_key(name)]
    if len(alike) == 1:
        return alike[0]
    hint = nearest(name, table.names)
    raise DatasetError(
        f"{table.path} has no column {name!r}, but {', '.join(table.names) or 'none'}",
        hint or f"Name one of them by `{option}`.",
    )


def _found(table: Table, names: list[str], meaning: str, option: str | None, notes: list[str]) -> str | None:
    if meaning in names:
        return meaning
    for aliases in (ALIASES[meaning][:1], ALIASES[meaning]):
        found = [name for name in names if column_key(name) in aliases]
        if len(found) > 1:
            step = f"Name one by `{option} NAME`, in Python {option[2:].replace('-', '_')}=NAME." if option else ""
            raise DatasetError(
                f"{table.path} has several columns that may be the {meaning}: {few(found, 5)}",
                step or "Rename all but one.",
            )
        if len(found) == 1:
            notes.append(f"{table.path}: the column {found[0]} is taken as the {meaning}")
            return found[0]
    return None
