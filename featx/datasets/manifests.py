"""Read a manifest, a table of images with their class labels, groups, strata and split."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from functools import partial
from typing import Any

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError, nearest_path
from ..images.urls import is_url, redacted
from .columns import Columns, Table, boxes_in, choose_columns, column_key, count_known_names
from .listing import Listing
from .manifest_paths import locate_images
from .split_names import as_parts, read_split
from .tables import read_table

__all__ = ["list_manifest"]

DECIMAL = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
WHOLE_NUMBER = re.compile(r"^([+-]?\d+)\.0*$")


def list_manifest(
    path: str, *, labelled: bool, path_column: str | None = None, label_column: str | None = None
) -> Listing:
    """Return what a manifest lists.

    Parameters
    ----------
    path : str
    labelled : bool
        Whether labels are required.
    path_column, label_column : str, default=None
        Its columns of images and of classes, where the usual names do not say which they are.

    Raises
    ------
    DatasetError
        If it cannot be read as a manifest; the message names the column and the line.
    """
    if not os.path.isfile(path):
        step = nearest_path(path) or "Pass a manifest with the columns path and label."
        raise DatasetError(f"{path} does not exist", step)
    table = read_table(path, partial(count_known_names, more=(path_column, label_column)))
    columns = choose_columns(table, path_column=path_column, label_column=label_column)
    if not table.names:
        raise DatasetError(f"{path} is empty; expected the columns path and label", "Write a row for each image.")
    if columns.path is None:
        raise DatasetError(
            f"{path} has the columns {', '.join(table.names) or '(none)'}; expected path and label",
            "Name the column of image files by `--path-column NAME`, in Python path_column=NAME.",
        )
    notes = table.notes + columns.notes
    cells = _filled(table, columns.path, "path")
    if not cells:
        raise DatasetError(f"{path} lists no image", "Add a row for each image.")
    images, names = _images(table, cells, notes)
    groups, strata = (
        None if name is None else _texts(table, name, meaning, notes)
        for name, meaning in ((columns.group, "group"), (columns.stratum, "stratum"))
    )
    labels = None
    if columns.label is not None:
        try:
            labels = _labels(table, columns.label, cells, notes, named=label_column is not None)
        except DatasetError as error:
            if labelled:
                raise
            notes.append(f"without labels: {error.message}")
    split = _split(table, columns, labelled, notes)
    unlabelled = None if columns.label is not None else _no_label(table, columns)
    return Listing(images, _folder(path), labels, groups, strata, split, notes, names, unlabelled)


def _folder(path: str) -> str:
    # Never empty, so that no path looks like an option or a sample.
    return os.path.dirname(path) or "."


def _filled(table: Table, column: str, meaning: str) -> list[Any]:
    """Return the values of a column; refuse blank ones."""
    values = table.column(column)
    blank = [row for row, value in enumerate(values) if not value]
    if blank:
        more = f" and {count_text(len(blank) - 1, 'more row')}" if len(blank) > 1 else ""
        raise DatasetError(
            f"{table.path} has no {meaning} in {table.where(blank[0])}{more}", "Fill it in or remove the row."
        )
    return values


def _texts(table: Table, column: str, meaning: str, notes: list[str]) -> list[str]:
    """Return the values of a column as text; refuse blank ones, and write whole numbers without ``.0``.

    pandas writes ``.0`` where a column of whole numbers has a missing value: perhaps in one file of a data set only.
    """
    values = _filled(table, column, meaning)
    if not all(isinstance(value, str) for value in values):
        row = next(row for row, value in enumerate(values) if not isinstance(value, str))
        raise DatasetError(
            f"{table.path} has no text or number as {column} in {table.where(row)}, but {type(values[row]).__name__}",
            f"Name another column as the {meaning}, or write it as text.",
        )
    if all(map(DECIMAL.fullmatch, values)):
        whole = [WHOLE_NUMBER.sub(r"\1", value) for value in values]
        if whole != values:
            notes.append(f"{table.path}: whole numbers in the column {column} are named without .0")
        return whole
    return values


def _images(table: Table, cells: list[Any], notes: list[str]) -> tuple[Sequence[Any], Sequence[str]]:
    """Return the images and what messages call them."""
    for row, cell in enumerate(cells):
        # A file of references may hold templates, which older versions of fsspec run as code.
        if isinstance(cell, str) and "reference:" in cell.lower() and is_url(cell):
            raise DatasetError(
                f"{table.path} has {redacted(cell)} in {table.where(row)}, a URL through a file of references",
                "Name the image itself.",
            )
    folder = _folder(table.path)
    paths = [cell for cell in cells if isinstance(cell, str)]
    placed = locate_images(table, paths, folder, notes)
    if len(paths) == len(cells):
        return placed, placed
    following, images, names = iter(placed), [], []
    for row, cell in enumerate(cells):
        images.append(next(following) if isinstance(cell, str) else cell)
        named = cell.get("path") if isinstance(cell, dict) else None
        names.append(images[-1] if isinstance(cell, str) else f"{table.path}[{named or row}]")
    return images, names


def _labels(table: Table, column: str, cells: list[Any], notes: list[str], *, named: bool) -> list[str]:
    """Return the class of each image; refuse several classes for an image, unless the user has named the column."""
    labels = _texts(table, column, "label", notes)
    if named:
        return labels
    paths = [cell for cell in cells if isinstance(cell, str)]
    if boxes_in(table.names) and len(set(paths)) < len(paths):
        raise DatasetError(
            f"{table.path} has columns of boxes and several rows for an image: it is a data set for object detection",
            "Cut the boxes out of the images, and list what was cut out.",
        )
    if column_key(column) in ("labels", "classes", "categories", "targets"):
        known = set(labels)
        several = [label for label in known if len(pieces := _pieces(label)) > 1 and known.issuperset(pieces)]
        if several:
            raise DatasetError(
                f"{table.path} gives several classes to an image: {column} is {min(several)!r}",
                f"featx gives each image one. If that is the name of a class: `--label-column {shlex.quote(column)}`.",
            )
    return labels


def _pieces(label: str) -> list[str]:
    return label.replace(",", " ").replace(";", " ").replace("|", " ").split()


def _split(table: Table, columns: Columns, labelled: bool, notes: list[str]) -> list[str] | None:
    if columns.split is not None:
        try:
            return read_split(table, columns.split)
        except DatasetError as error:
            if labelled:
                raise
            notes.append(f"without a split: {error.message}")
            return None
    for column in columns.perhaps_split:
        parts = as_parts(column, table.column(column))
        if None not in parts and len(set(parts)) > 1:
            notes.append(f"{table.path}: the column {column} is taken as the split")
            return [part for part in parts if part is not None]
    return None


def _no_label(table: Table, columns: Columns) -> tuple[str, str]:
    """Return why a manifest has no labels, and what to do."""
    used = (columns.path, columns.group, columns.stratum, columns.split)
    others = [name for name in table.names if name not in used]
    flags = [
        name for name in others if set(map(str, _values(table, name))) <= {"0", "1", "0.0", "1.0", "True", "False"}
    ]
    if len(flags) > 1:
        ones = [
            sum(row in ("1", "1.0", "True") for row in rows)
            for rows in zip(*(map(str, table.column(f)) for f in flags), strict=True)
        ]
        step = (
            "Write the name of each row's class in one column, label."
            if set(ones) == {1}
            else "featx gives each image one class: keep the rows with one, and write its name in a column label."
        )
        kind = "one for each class" if set(ones) == {1} else "several classes to an image"
        return f"{table.path} has columns of 0 and 1 in place of a label ({few(flags)}), {kind}", step
    return (
        f"{table.path} has no labels, but the columns {', '.join(table.names)}",
        "Name the column of classes by `--label-column NAME`, in Python label_column=NAME."
        if others
        else "Add a column label, or make one sub-folder a class.",
    )


def _values(table: Table, name: str) -> list[Any]:
    try:
        return table.column(name)
    except DatasetError:  # of a type that cannot be a label
        return ["?"]
