"""The text of a CSV file goes in, with any usual separator; its columns come out, with the line of each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence

from .exceptions import DatasetError
from .listings import Table, count

__all__ = ["read_csv"]

SEPARATORS = ",;\t|"


def read_csv(path: str, text: str, knows: Callable[[Sequence[str]], int]) -> Table:
    """Read the text of a CSV file.

    Parameters
    ----------
    path : str
        For messages.
    text : str
    knows : callable of sequence of str -> int
        How many of these names of columns mean something. The separator is the one by which most do.

    Raises
    ------
    DatasetError
    """
    separator, before = _separator(text, knows)
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
    # A row begins in the line after the end of the one before; rows of several lines are rare.
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
    notes = [f"{count(blank, 'row')} without any value left out of {path}"] if blank else []
    places = {name: place for place, name in enumerate(names) if name}

    def column(name: str) -> list[str]:
        place = places[name]
        return [row[place].strip() if len(row) > place else "" for row in kept]

    return Table(path, list(filter(None, names)), column, lambda row: f"line {lines[row]}", notes)


def _separator(text: str, knows: Callable[[Sequence[str]], int]) -> tuple[str, int]:
    """Return what separates the values, and how many lines stand before the header."""
    lines = iter(enumerate(io.StringIO(text), start=1))
    number, line = next(((number, line) for number, line in lines if line.strip()), (0, ""))
    # Excel writes this line, and does not show it.
    told = line.strip().strip('"').lower().rstrip(",;")
    if told.startswith("sep=") or line.lower().startswith('"sep='):
        named = line.strip().strip('"')[4:5] or "\t"
        return (named if named in SEPARATORS else ","), number

    def quality(separator: str) -> tuple[int, int, int]:
        try:
            names = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            names = []
        return knows([name.strip() for name in names]), len(names), -SEPARATORS.index(separator)

    return max(SEPARATORS, key=quality), 0


def _named(separator: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}[separator]
