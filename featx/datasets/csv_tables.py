"""Read the text of a CSV file, with any usual separator, into columns with the line of each row."""

from __future__ import annotations

import csv
import re
from array import array
from collections.abc import Callable, Iterator, Sequence

from ..display.quantities import count_text
from ..exceptions import DatasetError
from .columns import Table

__all__ = ["read_csv"]

SEPARATORS = ",;\t|"
LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
# How many different values are looked for again, in order to keep one copy of each.
MOST_SHARED = 1 << 16


def read_csv(path: str, text: str, count_known: Callable[[Sequence[str]], int]) -> Table:
    """Read the text of a CSV file.

    Parameters
    ----------
    path : str
        For messages.
    text : str
    count_known : callable of sequence of str -> int
        Counts the known names among names of columns. The separator is the one that gives the most.

    Raises
    ------
    DatasetError
    """
    notes: list[str] = []
    separator, before = _separator(path, text, count_known, notes)
    if before:
        # A quote in a comment does not start a value.
        text = "\n" * before + text.split("\n", before)[before]
    # Columns and not rows: a list for each row takes more memory than the text.
    columns: list[list[str]] | None = None
    names: list[str] = []
    lines = array("q")
    shared: dict[str, str] = {}
    end = blank = 0
    reader = csv.reader(_lines(text), delimiter=separator, strict=True, skipinitialspace=True)
    try:
        for row in reader:
            # A row begins in the line after the end of the previous one; few rows span several lines.
            line, end = end + 1, reader.line_num
            if line <= before or not row:
                continue
            if columns is None:
                names = [name.strip() for name in row]
                columns = [[] for _ in names]
                continue
            if len(row) > len(names) and any(map(str.strip, row[len(names) :])):
                raise DatasetError(
                    f"{path} has too many values in line {line}", f"Quote values that hold {_named(separator)}."
                )
            if not any(map(str.strip, row)):
                blank += 1
                continue
            lines.append(line)
            cells = row[: len(names)] + [""] * (len(names) - len(row))
            for values, cell in zip(columns, cells, strict=True):
                value = cell.strip()
                # Classes, groups and parts are the same few words again and again.
                if (known := shared.get(value)) is None and len(shared) < MOST_SHARED:
                    shared[value] = value
                values.append(value if known is None else known)
    except csv.Error as error:
        raise DatasetError(
            f"cannot read {path}: line {reader.line_num}: {error}", "Save it as CSV in UTF-8."
        ) from error
    if blank:
        notes.append(f"{count_text(blank, 'row')} without any value left out of {path}")
    found = {name: values for name, values in zip(names, columns or [], strict=True) if name}

    def column(name: str) -> list[str]:
        return list(found[name])

    return Table(path, list(filter(None, names)), column, lambda row: f"line {lines[row]}", notes)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines with their ends; `io.StringIO` would hold the text once more, with four bytes a character."""
    return (found[0] for found in LINE.finditer(text))


def _top(text: str) -> Iterator[tuple[int, str]]:
    """Yield the numbers and texts of the first lines that are not blank: those that begin with #, and one more."""
    for number, found in enumerate(re.finditer(r"[^\n]*\n|[^\n]+", text), start=1):
        if (line := found[0]).strip():
            yield number, line
            if not line.startswith("#"):
                return


def _separator(path: str, text: str, count_known: Callable[[Sequence[str]], int], notes: list[str]) -> tuple[str, int]:
    """Return what separates the values, and how many lines come before the header."""
    top = list(_top(text))
    number, line = top[0] if top else (0, "")
    # Excel writes this line and hides it.
    declared = line.strip().strip('"').lower().rstrip(",;")
    if declared.startswith("sep=") or line.lower().startswith('"sep='):
        named = line.strip().strip('"')[4:5] or "\t"
        return (named if named in SEPARATORS else ","), number

    def names(line: str, separator: str) -> list[str]:
        try:
            return [name.strip() for name in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
        except csv.Error:
            return []

    def quality(line: str, separator: str) -> tuple[int, int, int]:
        found = names(line, separator)
        return count_known(found), len(found), -SEPARATORS.index(separator)

    def best(line: str) -> str:
        return max(SEPARATORS, key=lambda separator: quality(line, separator))

    def known(line: str) -> int:
        return quality(line, best(line))[0]

    before = 0
    comments = [numbered for numbered in top if numbered[1].startswith("#")]
    if comments and len(comments) < len(top):
        below = top[-1][1]
        # The names may be in the last of these lines.
        if known(below) > 0 and all(known(line) <= known(below) for _, line in comments):
            before, line = comments[-1][0], below
            notes.append(f"{count_text(len(comments), 'line')} that {_begin(comments)} with # left out of {path}")
    separator = best(line)
    if count_known(words := names(line.strip(), " ")) > max(1, known(line)):
        raise DatasetError(
            f"{path} separates its values by blanks ({' '.join(words)})",
            'Save it as CSV: `write.csv(table, "table.csv", row.names = FALSE)` in R, '
            '`table.to_csv("table.csv", index=False)` in pandas.',
        )
    return separator, before


def _begin(comments: Sequence[object]) -> str:
    return "begins" if len(comments) == 1 else "begin"


def _named(separator: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}[separator]
