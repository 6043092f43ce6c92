"""List the cells of a column of pandas, polars or pyarrow; nested lists of numbers are arrays of pixels there.

Of a column that is typed as lists of lists of numbers, the plain lists would lose the type, which says what is white.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["column_cells"]

# Lists of numbers alone are rows, not images.
LEAST_DEPTH = 2


def column_cells(column: Any) -> list[Any]:
    """Return the cells of a column.

    Parameters
    ----------
    column : pandas.Series, polars.Series, pyarrow.Array or alike
        With ``to_pylist`` or ``to_list``.

    Returns
    -------
    list
        Cells of columns of nested lists, such as polars' ``Array(UInt8, (h, w, 3))`` and Arrow's tensors, are arrays
        of the column's type, but for those whose lists differ in length, and for missing ones.
    """
    if hasattr(getattr(column, "dtype", None), "pyarrow_dtype"):  # of pandas
        column = column.array.__arrow_array__()
    kind = _number_type(column)
    if kind is not None:
        return [_array(column[number], kind) for number in range(len(column))]
    return list(column.to_pylist() if hasattr(column, "to_pylist") else column.to_list())


def _number_type(column: Any) -> np.dtype | None:
    """Return the type of the numbers in a column of nested lists; None for any other column."""
    kind: Any = getattr(column, "type", None) if hasattr(column, "to_pylist") else getattr(column, "dtype", None)
    depth = len(kind.shape) - 1 if hasattr(kind, "extension_name") and hasattr(kind, "shape") else 0
    while (inner := getattr(kind, "value_type", None) or getattr(kind, "inner", None)) is not None:
        kind, depth = inner, depth + 1
    if depth < LEAST_DEPTH:
        return None
    try:
        found = np.dtype(kind.to_pandas_dtype() if hasattr(kind, "to_pandas_dtype") else str(kind).lower())
    except (TypeError, NotImplementedError):  # texts and dates
        return None
    return found if found.kind in "buif" else None


def _array(cell: Any, kind: np.dtype) -> Any:
    """Return a cell, a Series of polars or a scalar of Arrow, as an array; as lists where their lengths differ."""
    if cell is None or getattr(cell, "is_valid", True) is False:
        return None
    if hasattr(cell, "to_numpy") and (values := cell.to_numpy()).dtype != object:
        return values.astype(kind, copy=False)
    values = cell.as_py() if hasattr(cell, "as_py") else cell.to_list()
    try:
        return np.asarray(values, kind)
    except (TypeError, ValueError):  # their lengths differ, or some are missing
        return values
