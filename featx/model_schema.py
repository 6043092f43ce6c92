"""A model file goes in; it is refused before it is loaded if references in it expand to more than it holds."""

from __future__ import annotations

import json
import zipfile
from collections import defaultdict
from typing import Any, BinaryIO

__all__ = ["check_references"]

# skops writes each object in full wherever it is held; its own files expand to what they hold.
EXPANSION = 10


def check_references(file: BinaryIO) -> None:
    """Count what a file expands to where each reference stands for the object it names.

    skops, and much of scikit-learn, walks every way to an object. Objects that hold the next one twice have twice as
    many ways with each.

    Raises
    ------
    ValueError
        If it is more than ten times what the file holds, or an object refers to itself.
    """
    with zipfile.ZipFile(file) as archive:
        schema = json.loads(archive.read("schema.json"))
    count, definitions = 0, defaultdict(list)
    waiting = [schema]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            count += 1
            if value.get("__id__") and value.get("__loader__") != "CachedNode":
                definitions[value["__id__"]].append(value)
        waiting += _children(value)
    if _Expansion(definitions).of(schema) > EXPANSION * count:
        raise ValueError("its references expand to more than ten times what it holds")


class _Expansion:
    """How many parts are reached from a part; where a number is given to several objects, the largest counts."""

    def __init__(self, definitions: dict[Any, list[Any]]) -> None:
        self.definitions = definitions
        self.sizes: dict[Any, int | None] = {}

    def of(self, value: Any) -> int:
        number = value.get("__id__") if isinstance(value, dict) else None
        shared = number in self.definitions
        if shared and number in self.sizes:
            size = self.sizes[number]
            if size is None:
                raise ValueError("an object in it refers to itself")
            return size
        if shared:
            self.sizes[number] = None
        largest = 0
        for one in self.definitions[number] if shared else [value]:
            size = int(isinstance(one, dict))
            for child in _children(one):  # no deeper in Python's stack than skops
                size += self.of(child)
            largest = max(largest, size)
        if shared:
            self.sizes[number] = largest
        return largest


def _children(value: Any) -> list[Any]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [part for part in parts if isinstance(part, dict | list)]
