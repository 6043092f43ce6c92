"""Read the text of a CSV file, with any usual separator, into columns with the line of each row."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Sequence

from ..display.quantities import count_text
from ..exceptions import DatasetError
from .columns import Table

__all__ = ["read_csv"]

SEPARATORS = ",;\t|"


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
        text = "\n" * before + "\n".join(text.split("\n")[before:])
    rows: list[list[str]] = []
    ends: list[int] = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
        for row in reader:
            rows.append(row)
            ends.append(reader.line_num)
    except csv.Error as error:
        raise DatasetError(
            f"cannot read {path}: line {reader.line_num}: {error}", "Save it as CSV in UTF-8."
        ) from error
    # A row begins in the line after the end of the previous one; few rows span several lines.
    begins = [1, *(end + 1 for end in ends)]
    numbered = [(begin, row) for begin, row in zip(begins, rows, strict=False) if begin > before and row]
    names = [name.strip() for name in numbered[0][1]] if numbered else []
    width = len(names)
    kept, lines, blank = [], [], 0
    for line, row in numbered[1:]:
        if len(row) > width and any(map(str.strip, row[width:])):
            raise DatasetError(
                f"{path} has too many values in line {line}", f"Quote values that hold {_named(separator)}."
            )
        if not any(map(str.strip, row)):
            blank += 1
            continue
        kept.append(row)
        lines.append(line)
    if blank:
        notes.append(f"{count_text(blank, 'row')} without any value left out of {path}")
    positions = {name: index for index, name in enumerate(names) if name}

    def column(name: str) -> list[str]:
        index = positions[name]
        return [row[index].strip() if len(row) > index else "" for row in kept]

    return Table(path, list(filter(None, names)), column, lambda row: f"line {lines[row]}", notes)


def _separator(path: str, text: str, count_known: Callable[[Sequence[str]], int], notes: list[str]) -> tuple[str, int]:
    """Return what separates the values, and how many lines come before the header."""
    lines = [(number, line) for number, line in enumerate(io.StringIO(text), start=1) if line.strip()]
    number, line = lines[0] if lines else (0, "")
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
    comments = list(itertools.takewhile(lambda numbered: numbered[1].startswith("#"), lines))
    if comments and len(comments) < len(lines):
        below = lines[len(comments)][1]
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
