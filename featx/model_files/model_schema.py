"""Check that a file is a zip of skops, and what it says of itself, before anything in it is loaded."""

from __future__ import annotations

import errno
import json
import os
import stat
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from typing import IO, Any

from ..exceptions import ModelFileError, nearest_path

__all__ = ["check_model_file", "check_references", "classes_in", "entries", "unreadable_model"]

# skops writes each object in full wherever it is held, so that files written by skops hardly expand.
MAX_EXPANSION = 10


def check_model_file(name: str) -> None:
    """Raise ModelFileError if a file does not exist or cannot be a model; nothing is loaded.

    Parameters
    ----------
    name : str
    """
    wanted = "Pass a file that `featx fit` or `featx finetune` wrote."
    if os.path.isdir(name):
        raise ModelFileError(f"{name} is a folder and not a featx model", wanted)
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):  # a pipe would block for ever
            raise OSError(errno.EINVAL, "not a regular file")
        with open(name, "rb") as file, zipfile.ZipFile(file) as archive:
            archive.getinfo("schema.json")
    except OSError as error:
        raise unreadable_model(name, error) from error
    except Exception as error:  # zipfile raises whatever the damaged bytes lead it to
        raise ModelFileError(f"{name} is not a featx model, or it is damaged", wanted) from error


def classes_in(name: str) -> list[str] | None:
    """Return the classes of the model in a file without loading it; None if there are none."""
    try:
        with zipfile.ZipFile(name) as archive:
            schema = json.loads(archive.read("schema.json"))
        return list(map(str, json.loads(json.loads(schema["content"]["featx"]["content"]))["classes"]))
    except Exception:  # whatever else the file holds
        return None


def unreadable_model(name: str, error: OSError) -> ModelFileError:
    """Return the error for a model that cannot be opened."""
    hint = "" if os.path.exists(name) else nearest_path(name)
    return ModelFileError(f"cannot read {name}: {error.strerror or error}", hint or "Check the path.")


def check_references(file: IO[bytes]) -> None:
    """Count what a file expands to when each reference is replaced by the object that it names.

    skops, and much of scikit-learn, follows every path to an object. In a chain of objects that each hold the next one
    twice, the number of paths doubles with each.

    Raises
    ------
    ValueError
        If this is more than ten times what the file holds, or an object refers to itself.
    """
    with zipfile.ZipFile(file) as archive:
        schema = json.loads(archive.read("schema.json"))
    count, definitions = 0, defaultdict(list)
    for value in entries(schema):
        count += 1
        if value.get("__id__") and value.get("__loader__") != "CachedNode":
            definitions[value["__id__"]].append(value)
    if _Expansion(definitions).of(schema) > MAX_EXPANSION * count:
        raise ValueError("its references expand to more than ten times what it holds")


class _Expansion:
    """How many parts are reached from a part; if several objects have one number, the largest counts."""

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
            for child in _children(one):  # the recursion is no deeper than that of skops
                size += self.of(child)
            largest = max(largest, size)
        if shared:
            self.sizes[number] = largest
        return largest


def entries(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a schema, itself included."""
    pending = [schema]
    while pending:  # not by recursion, for a file may be nested to any depth
        value = pending.pop()
        if isinstance(value, dict):
            yield value
        pending += _children(value)


def _children(value: Any) -> list[Any]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [part for part in parts if isinstance(part, dict | list)]
