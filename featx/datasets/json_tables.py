"""The text of a JSON Lines file goes in, an object in each line; its columns come out, with the line of each row."""

from __future__ import annotations

import json
from typing import Any

from ..exceptions import DatasetError
from .listing import Table

__all__ = ["read_json_lines"]


def read_json_lines(path: str, text: str) -> Table:
    """Read the text of a JSON Lines file, as Hugging Face's metadata.jsonl is one.

    Raises
    ------
    DatasetError
    """
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                row = json.loads(line)
            except ValueError as error:
                raise DatasetError(
                    f"cannot read {path}: line {number}: {error}", "Write a JSON object a line."
                ) from error
            if not isinstance(row, dict):
                raise DatasetError(f"{path} has no object in line {number}", "Write a JSON object a line.")
            rows.append(row)
            lines.append(number)
    names = list(dict.fromkeys(name for row in rows for name in row))

    def column(name: str) -> list[Any]:
        values = [row.get(name) for row in rows]
        for line, value in zip(lines, values, strict=True):
            if isinstance(value, list | dict):
                raise DatasetError(
                    f"{path} has {'a list' if isinstance(value, list) else 'an object'} as {name} in line {line}; "
                    "expected text or a number",
                    "Name another column, or write one class for each image.",
                )
        return ["" if value is None else str(value).strip() for value in values]

    return Table(path, names, column, lambda row: f"line {lines[row]}")
