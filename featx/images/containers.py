"""List the cells of X, whatever its container: a list, array, Series, column or frame of any library.

Lists, arrays, columns and frames of one column are accepted, of pandas, polars, pyarrow and anything else that has a
length and numbered items. Iterators, sets and frames of several columns are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from itertools import islice
from typing import Any, NoReturn

import numpy as np

from ..exceptions import ParameterError
from .cells import IMAGE_KINDS, array_of, cell_kind, is_missing
from .columns import column_cells
from .path_list import PathList

__all__ = ["cells_of", "first_few"]

# Of a frame of several columns, as many rows say what each of them holds.
FIRST = 100
EXPECTED_CELL = "expected a path, a URL, a PIL image, an array or the bytes of a file in each row"


def cells_of(X: Any) -> tuple[list[Any], list[int]] | None:
    """Return the cells of a one-dimensional collection of images, and the indices of those that are missing.

    None stands for X of numbers, such as rows of flattened images.

    Returns
    -------
    cells : list
        None for each missing one.
    missing : list of int

    Raises
    ------
    ParameterError
        If X is neither a collection of images nor numbers; the message names the type, and the row or column.
    """
    values = _values(X)
    if values is None:
        return None
    # Hundreds of thousands of plain paths are recognised by their types alone.
    if set(map(type, values)) == {str}:
        missing = [i for i, value in enumerate(values) if not value] if "" in values else []
    else:
        kinds = [cell_kind(value) for value in values]
        found = set(kinds)
        if found and found <= {"number", "row"}:
            if "row" in found and _is_file_content(next(value for value in values if cell_kind(value) == "row")):
                raise _not_an_image_error(values[0], "row", 0, X)
            if isinstance(X, Sequence) and found != {"number"}:
                return None
            _refuse_numbers(values, kinds[0])
        for row, kind in enumerate(kinds):
            if kind not in IMAGE_KINDS and kind != "missing":
                raise _not_an_image_error(values[row], kind, row, X)
        if isinstance(X, np.ndarray) and X.dtype.kind == "S" and "file's bytes" in found:
            raise ParameterError(
                "got the bytes of files in an array of fixed width, which loses the zeros at their ends",
                "Pass them in a list, or in an array of dtype=object.",
            )
        missing = [i for i, kind in enumerate(kinds) if kind == "missing"]
    gaps = set(missing)
    return ([None if i in gaps else value for i, value in enumerate(values)] if gaps else values), missing


def first_few(rows: Sequence[Any], most: int = 3) -> str:
    """Return the first few rows or names as text, and how many more there are."""
    return ", ".join(map(str, rows[:most])) + (f" and {len(rows) - most:,} more" if len(rows) > most else "")


def _values(X: Any) -> list[Any] | None:
    if isinstance(X, np.ndarray):
        return _of_array(X)
    if hasattr(X, "collect") or (hasattr(X, "compute") and not hasattr(X, "__len__")):
        how = "collect" if hasattr(X, "collect") else "compute"
        raise ParameterError(f"got X of type {type(X).__name__}, which is not computed yet", f"Pass X.{how}().")
    if columns := _columns(X):
        return _of_frame(X, columns)
    if hasattr(X, "to_pylist") or (hasattr(X, "dtype") and hasattr(X, "to_list")):
        return column_cells(X)
    if isinstance(X, list | tuple | PathList):
        return list(X)
    if hasattr(X, "toarray"):
        return None
    if hasattr(X, "__array__") and not isinstance(X, Sequence):
        return _of_array(array_of(X))
    _refuse_container(X)
    first = X[0] if len(X) else None
    if (kind := cell_kind(first)) in ("pair", "other"):
        raise _not_an_image_error(first, kind, 0, X)
    return [X[i] for i in range(len(X))]


def _of_array(array: np.ndarray) -> list[Any] | None:
    if array.dtype.names:
        raise ParameterError(
            f"got an array with the fields {first_few(array.dtype.names)}; expected one column of images",
            f"Pass one of them, such as X[{array.dtype.names[0]!r}].",
        )
    if array.dtype.kind not in "OUSTV" or array.ndim not in (1, 2):
        return None
    if array.ndim == 2 and array.shape[1] != 1:
        images = [i for i, cell in enumerate(array[:1].ravel()) if cell_kind(cell) in IMAGE_KINDS]
        if images:
            raise ParameterError(
                f"got an array of {array.shape[1]} columns; expected one column of images", f"Pass X[:, {images[0]}]."
            )
        return None
    # An object array of numbers is for scikit-learn's checks.
    if array.ndim == 2 and array.size and all(cell_kind(cell) in ("number", "missing") for cell in array.flat):
        return None
    return list(array.ravel().tolist() if array.dtype.kind != "O" else array.ravel())


def _columns(X: Any) -> list[Any]:
    """Return the names of the columns of a frame; an empty list for anything else."""
    if hasattr(X, "column_names") and hasattr(X, "column"):  # pyarrow
        return list(X.column_names)
    return list(X.columns) if hasattr(X, "columns") and hasattr(X, "shape") else []


def _of_frame(X: Any, names: list[Any]) -> list[Any] | None:
    arrow = hasattr(X, "column_names")
    kinds = {}
    for index in range(len(names)):
        column = X.column(index) if arrow else X.iloc[:, index] if hasattr(X, "iloc") else X[names[index]]
        values = column_cells(column if len(names) == 1 else column[:FIRST])
        known = next((value for value in values if not is_missing(value)), None)
        kinds[index] = cell_kind(known) if known is not None else "missing"
        if len(names) == 1:
            if kinds[0] == "number":
                raise ParameterError(
                    f"got a frame of one column of numbers, {names[0]}; expected one column of images",
                    "Pass the column of the images; for flattened images, one column for each pixel.",
                )
            return values or None
    images = [names[index] for index, kind in kinds.items() if kind in IMAGE_KINDS or kind == "pair"]
    if not images:
        return None
    name = images[0]
    which = f"X.select([{name!r}])" if arrow else f"X[[{name!r}]]"
    if names.count(name) > 1:
        which = f"X.iloc[:, [{names.index(name)}]]"
    raise ParameterError(
        f"got a frame of {len(names)} columns, {', '.join(map(str, names[:6]))}{', ...' if len(names) > 6 else ''}; "
        "expected one column of images",
        f"Pass {which}.",
    )


def _refuse_container(X: Any) -> None:
    """Raise a ParameterError unless X has a length and numbered items."""
    name = type(X).__name__
    what = f"got X of type {name}"
    if isinstance(X, Mapping) or hasattr(X, "column_names"):
        keys = list(X if isinstance(X, Mapping) else X.column_names)
        likely = next((key for key in ("image", "img", "path", "file") if key in keys), keys[0] if keys else None)
        step = f"Pass one of them, such as X[{likely!r}]." if keys else "Pass a list of images."
        raise ParameterError(f"{what} with {'the columns ' if keys else 'no columns'}{first_few(keys)}", step)
    if isinstance(X, Set) and not hasattr(X, "__getitem__"):
        raise ParameterError(f"{what}, which has no order", "Pass sorted(X), and the labels in the same order.")
    if hasattr(X, "dataset") and hasattr(X, "batch_size"):
        raise ParameterError(
            f"{what}, whose images are batched and perhaps normalised already",
            "Pass its data set's images: [image for image, _ in X.dataset], before they are turned into tensors.",
        )
    if hasattr(X, "__getitem__") and hasattr(X, "__len__"):
        return
    if isinstance(X, Iterable):
        raise ParameterError(
            f"{what}, which has no numbered items",
            "Pass list(X), or [image for image, _ in X] if it yields pairs.",
        )
    raise ParameterError(f"{what}, which is not a collection of images", "Pass a list of images.")


def _refuse_numbers(values: list[Any], kind: str) -> NoReturn:
    n, name = len(values), type(values[0]).__name__
    if kind == "row" and len(values[0]) and cell_kind(values[0][0]) == "row":
        raise ParameterError(
            f"got a column of {n:,} nested lists of numbers ({name}), which do not say what is white",
            "Make an array of each: X.map(lambda cell: np.array(cell, np.uint8)) in pandas, an Array in polars.",
        )
    if kind == "row":
        raise ParameterError(f"got a column of {n:,} rows of numbers ({name})", "Pass an array of them: np.stack(X).")
    raise ParameterError(
        f"got a 1D array of {n:,} numbers ({name}) as X; {EXPECTED_CELL}",
        "A flattened image is one row of a 2-D array: np.reshape(X, (1, -1)).",
    )


def _not_an_image_error(value: Any, kind: str, row: int, X: Any) -> ParameterError:
    """Return the error for a cell that is not an image; its content is not shown."""
    name = type(value).__name__
    steps = {
        "pair": "Pass the images alone: [image for image, _ in X].",
        "open file": "Pass its path, or its content: file.read().",
        "number": "Pass one image for each sample.",
        "row": "Pass rows of numbers as a 2-D array of their own.",
        "other": "Pass one image for each sample.",
    }
    step = steps[kind]
    if kind == "pair" and hasattr(X, "samples"):
        step = "Pass the files: [path for path, _ in X.samples]."
    if hasattr(value, "as_py"):
        step = "Pass cell.as_py() for each, or the column as it is."
    if kind == "other" and isinstance(value, Mapping):
        held = [key for key, cell in islice(value.items(), 20) if cell_kind(cell) in IMAGE_KINDS]
        if held:
            step = f"Pass X[{held[0]!r}], or [row[{held[0]!r}] for row in X]."
    if kind == "row" and _is_file_content(value):
        step = "It is the content of a file: pass bytes(x), or decode it."
    if kind == "pair" and len(value) != 2:
        step = "Pass the images alone: [row[0] for row in X]."
    length = f" with {len(value):,} items" if kind in ("row", "pair") else ""
    return ParameterError(f"got a value of type {name}{length} in row {row} of X; {EXPECTED_CELL}", step)


def _is_file_content(row: Any) -> bool:
    """Return whether numbers are the bytes of a file, as `np.fromfile` and torchvision's `read_file` return them."""
    if getattr(row, "ndim", 0) != 1 or not str(getattr(row, "dtype", "")).endswith("uint8"):
        return False
    return bytes(row[:8].tolist()).startswith((b"\xff\xd8\xff", b"\x89PNG\r\n", b"RIFF", b"GIF8", b"II*\0", b"MM\0*"))
