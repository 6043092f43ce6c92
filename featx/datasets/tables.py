"""Read a table file, CSV with any usual separator, JSON Lines or Parquet, into named columns of values."""

from __future__ import annotations

import codecs
import json
import os
import re
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from ..exceptions import DatasetError
from .columns import Table
from .csv_tables import read_csv
from .parquet_tables import read_parquet

__all__ = ["TABLE_SUFFIXES", "read_table"]

TEXT_SUFFIXES = (".csv", ".tsv", ".txt")
JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
PARQUET_SUFFIXES = (".parquet", ".pq")
TABLE_SUFFIXES = TEXT_SUFFIXES + JSON_LINES_SUFFIXES + PARQUET_SUFFIXES
LINE = re.compile(r"[^\n]*\n|[^\n]+")
SPREADSHEET_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods", ".numbers")

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_table(path: str, count_known: Callable[[Sequence[str]], int]) -> Table:
    """Read a file of rows.

    Parameters
    ----------
    path : str
    count_known : callable of sequence of str -> int
        Counts the known names among names of columns. The separator is the one that gives the most.

    Raises
    ------
    DatasetError
        If it cannot be read; the message names the line.
    """
    suffix = os.path.splitext(path)[1].lower()
    if suffix in PARQUET_SUFFIXES:
        return read_parquet(path)
    text = _text(path, suffix)
    return _read_json_lines(path, text) if suffix in JSON_LINES_SUFFIXES else read_csv(path, text, count_known)


def _text(path: str, suffix: str) -> str:
    """Return the text of a file, whose bytes are not kept.

    Raises
    ------
    DatasetError
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
    if suffix in SPREADSHEET_SUFFIXES or data.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise DatasetError(f"{path} is a spreadsheet", "Save it as CSV in UTF-8 and pass that file.")
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        raise DatasetError(f"cannot read {path}: {error}", "Save it as CSV in UTF-8.") from error
    if "\0" in text.partition("\n")[0]:
        raise DatasetError(f"cannot read {path}: its first line is not text in UTF-8", "Save it as CSV in UTF-8.")
    return text


def _read_json_lines(path: str, text: str) -> Table:
    """Read the text of a JSON Lines file, such as metadata.jsonl of Hugging Face.

    Raises
    ------
    DatasetError
    """
    columns: dict[str, list[Any]] = {}
    lines = array("q")
    for number, found in enumerate(LINE.finditer(text), start=1):
        if line := found[0].strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DatasetError(
                    f"cannot read {path}: line {number}: {error}", "Write one JSON object a line."
                ) from error
            if not isinstance(row, dict):
                raise DatasetError(f"{path} has no object in line {number}", "Write a JSON object a line.")
            for name, value in row.items():
                values = columns.setdefault(name, [])
                values.extend([None] * (len(lines) - len(values)))
                values.append(value)
            lines.append(number)
    for values in columns.values():
        values.extend([None] * (len(lines) - len(values)))

    def column(name: str) -> list[Any]:
        for line, value in zip(lines, columns[name], strict=True):
            if isinstance(value, list | dict):
                raise DatasetError(
                    f"{path} has {'a list' if isinstance(value, list) else 'an object'} as {name} in line {line}; "
                    "expected text or a number",
                    "Name another column, or write one class for each image.",
                )
        return ["" if value is None else str(value).strip() for value in columns[name]]

    return Table(path, list(columns), column, lambda row: f"line {lines[row]}")
