"""A result is shown as tables and sentences; this is what a table holds, whatever draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["CLASS_NAMES", "FILE_NAMES", "Part", "Table"]

# Kinds of names: of classes and the like, which are told apart by any part of them; of files, by their end.
CLASS_NAMES, FILE_NAMES = "classes", "files"


@dataclass(frozen=True)
class Table:
    """Rows of text under named columns, with what may go where there is little room.

    Attributes
    ----------
    header : sequence of str
        The names of the columns; a name may be empty, and where all are there is no line of them.
    rows : sequence of sequence of str
        One cell for each column.
    right : collection of int
        Columns that are flush right: numbers without intervals.
    drop : sequence of int
        Columns that may be left out where there is no room for them, the first to go first.
    names : mapping of int to {"classes", "files"}
        Columns that hold names, which may be shortened: those of classes and the like, or those of files.
    pool : sequence of str
        More names of classes: a shortened name differs from all of them, too.
    named_header : bool
        Whether the columns after the first are named by classes, as those of a confusion matrix.
    title : str
        A line above the table.
    more : str
        What the table does not show, as "33 more pairs"; whoever draws it says where that is.
    stacked : sequence of str
        For each row, what stands below its first cell where there is no room for columns; by default the other cells
        with the names of their columns.
    stacked_header : str
        What stands so below the name of the first column.
    otherwise : Table, str or None
        What to show in its place where there is no room for it.
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


# A sentence may have several lines; each of them begins anew.
Part = Table | str
