"""Check a model file before anything in it is loaded, and translate class names of earlier versions."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import stat
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from typing import IO, Any

from ..exceptions import ModelFileError, nearest_path

__all__ = ["check_model_file", "check_references", "classes_in", "unreadable_model", "with_current_names"]

# skops writes each object in full wherever it is held, so that files written by skops hardly expand.
MAX_EXPANSION = 10
# Modules and classes as files of earlier versions name them; files name the classes of featx without modules today.
FORMER_CLASSES = frozenset(
    [
        ("featx.augmentation", "Augmentation"),
        ("featx.finetune", "CNNFineTuneClassifier"),
        ("featx.strategies", "TunedHead"),
        ("featx.transformer", "CNNFeatureTransformer"),
        ("featx.tuned_head", "TunedHead"),
    ]
)
# Up to this many bytes, a copy of a file is kept in memory.
MAX_IN_MEMORY = 2**26


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


@contextlib.contextmanager
def with_current_names(file: IO[bytes]) -> Iterator[IO[bytes]]:
    """Return a model file itself or, if it names classes as earlier versions did, a copy with current names.

    Parameters
    ----------
    file : binary file
        Nothing in it is loaded, and only its schema is unpacked.
    """
    with zipfile.ZipFile(file) as archive:
        text = archive.read("schema.json")
    schema = json.loads(text) if b'"featx.' in text else {}
    former = [entry for entry in _entries(schema) if _class_of(entry) in FORMER_CLASSES]
    file.seek(0)
    if not former:
        yield file
        return
    for entry in former:
        entry["__module__"] = "featx"
    with tempfile.SpooledTemporaryFile(max_size=MAX_IN_MEMORY) as copy:
        shutil.copyfileobj(file, copy)
        with zipfile.ZipFile(copy, "a") as archive:
            # Of two entries with one name the last counts; the first is removed, or zipfile would warn.
            archive.filelist.remove(archive.NameToInfo.pop("schema.json"))
            archive.writestr("schema.json", json.dumps(schema))
        copy.seek(0)
        yield copy


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
    for value in _entries(schema):
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


def _entries(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield every mapping in a schema, itself included."""
    pending = [schema]
    while pending:  # not by recursion, for a file may be nested to any depth
        value = pending.pop()
        if isinstance(value, dict):
            yield value
        pending += _children(value)


def _class_of(entry: dict[str, Any]) -> tuple[str, str] | None:
    """Return the module and the class that an entry names, if it does."""
    module, kind = entry.get("__module__"), entry.get("__class__")
    return (module, kind) if isinstance(module, str) and isinstance(kind, str) else None


def _children(value: Any) -> list[Any]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [part for part in parts if isinstance(part, dict | list)]
