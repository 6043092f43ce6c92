"""The values of a column go in; the part of a split that each row belongs to comes out, or which value says none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..exceptions import DatasetError
from .columns import column_key
from .listing import Table, count, few
from .split_names import part_of

__all__ = ["as_parts", "read_split"]

# fastai's column is_valid, and its like.
FLAGS = {"isvalid": "validation", "isval": "validation", "istest": "test"}
TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def as_parts(column: str, values: Sequence[Any]) -> list[str | None]:
    """Return "training", "validation" or "test" for each value, or None."""
    if flag := FLAGS.get(column_key(column)):
        meaning = {None: None, True: flag, False: "training"}
        known = {value: meaning[TRUTH.get(value.casefold())] for value in set(map(str, values))}
    else:
        known = {value: part_of(value) for value in set(map(str, values))}
    return [known[str(value)] for value in values]


def read_split(table: Table, column: str) -> list[str]:
    """Return the part of each row by a column whose name says that it holds a split.

    Raises
    ------
    DatasetError
        If a value is blank or means no part.
    """
    values = table.column(column)
    parts = as_parts(column, values)
    wrong = [row for row, part in enumerate(parts) if part is None]
    if not wrong:
        return [part for part in parts if part is not None]
    where = table.where(wrong[0])
    if not str(values[wrong[0]]):
        more = f" and {count(len(wrong) - 1, 'more row')}" if len(wrong) > 1 else ""
        raise DatasetError(f"{table.path} has no {column} in {where}{more}", "Fill it in or remove the row.")
    others = sorted({str(values[row]) for row in wrong})
    raise DatasetError(
        f"{table.path} has {few([repr(value) for value in others])} as {column}, first in {where}; expected train, val "
        "or test",
        "Write one of these in every row; or rename the column, to `group` if images with the same value shall stay "
        "together.",
    )
