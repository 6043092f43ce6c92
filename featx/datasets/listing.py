"""What a folder or a manifest lists: images with their columns of text, and the notes about what was left out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Listing", "Table", "count", "few", "quoted"]


@dataclass
class Listing:
    """Images as a source lists them, before they become an `ImageDataset`.

    Attributes
    ----------
    images : list
        Paths, URLs, encoded images or arrays.
    root : str
        The folder that relative names start at.
    labels, groups, strata, split : list of str, or None
    notes : list of str
    names : list of str, or None
        What messages call the images; the images themselves where they are text.
    unlabelled : (str, str), or None
        Why there are no labels, and what to do.
    """

    images: list[Any]
    root: str = ""
    labels: list[str] | None = None
    groups: list[str] | None = None
    strata: list[str] | None = None
    split: list[str] | None = None
    notes: list[str] = field(default_factory=list)
    names: list[str] | None = None
    unlabelled: tuple[str, str] | None = None


@dataclass
class Table:
    """Named columns of equal length.

    Attributes
    ----------
    path : str
        The file.
    names : list of str
    column : callable of str -> list
        The values of a column: text, but from Parquet also other types.
    where : callable of int -> str
        Where a row is in the file, such as "line 3".
    notes : list of str
    """

    path: str
    names: list[str]
    column: Callable[[str], list[Any]]
    where: Callable[[int], str]
    notes: list[str] = field(default_factory=list)


PLURALS = {"class": "classes", "hidden entry": "hidden entries"}


def count(number: int, noun: str) -> str:
    """Return "1 image" or "1,200 images"."""
    return f"{number:,} {noun if number == 1 else PLURALS.get(noun, noun + 's')}"


def few(names: Sequence[str], most: int = 3) -> str:
    """Return the first names, and how many there are beside them."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def quoted(*words: str) -> str:
    """Return names of files as a shell takes them, none of which a command takes for an option."""
    return " ".join(shlex.quote(f"./{word}" if word.startswith("-") else word) for word in words)
