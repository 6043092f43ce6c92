"""The table class: header, rows, and what may be shortened or left out, whatever renders it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["CLASS_NAMES", "FILE_NAMES", "Part", "Table"]

# Kinds of names: those of classes and the like may differ anywhere; file names are shortened to their end.
CLASS_NAMES, FILE_NAMES = "classes", "files"


@dataclass(frozen=True)
class Table:
    """Rows of text under named columns, and what may be left out in a narrow terminal.

    Attributes
    ----------
    header : sequence of str
        The names of the columns; a name may be empty. If all are, the table has no header line.
    rows : sequence of sequence of str
        One cell for each column.
    right : collection of int
        Columns that are aligned on the right: numbers without intervals.
    drop : sequence of int
        Columns that may be left out if there is no room for them, in this order.
    names : mapping of int to {"classes", "files"}
        Columns of names, which may be shortened: names of classes and the like, or file names.
    pool : sequence of str
        More names of classes, which a shortened name must differ from.
    named_header : bool
        Whether the columns after the first are named after classes, as in a confusion matrix.
    title : str
        A line above the table.
    more : str
        What the table does not show, such as "33 more pairs"; the renderer says where to find it.
    stacked : sequence of str
        For each row, the text below its first cell if there is no room for columns; by default the other cells with
        the names of their columns.
    stacked_header : str
        The same for the header: the text below the name of the first column.
    otherwise : Table, str or None
        What to show instead if there is no room for the table.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int] = ()
    drop: Sequence[int] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    pool: Sequence[str] = ()
    named_header: bool = False
    title: str = ""
    more: str = ""
    stacked: Sequence[str] = ()
    stacked_header: str = ""
    otherwise: Table | str | None = None


# A sentence may have several lines, which are wrapped separately.
Part = Table | str
