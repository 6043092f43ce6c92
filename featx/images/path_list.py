"""A list of paths in little memory: the folder of several files is kept once, and no text object for each path."""

from __future__ import annotations

import os
from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import eq
from typing import Any, SupportsIndex, overload

__all__ = ["PathList"]

# How many names are one text: to look up a path takes as long as to split it.
NAMES_TOGETHER = 32


class PathList(Sequence[str]):
    """Paths that are made when they are asked for.

    A path takes the characters of its file's name and about five bytes, where a list of texts takes all characters
    and 57 bytes. It compares, adds up and is sliced as a list is, to lists, and cannot be changed.

    Parameters
    ----------
    paths : iterable of str, default=()
    """

    def __init__(self, paths: Iterable[str] = ()) -> None:
        self._starts, self._folders, self._names = [0], list[str](), list[str]()
        for folder, here in groupby(paths, _folder):
            while some := [path[len(folder) :] for path in islice(here, NAMES_TOGETHER)]:
                self._starts.append(self._starts[-1] + len(some))
                self._folders.append(folder)
                self._names.append(os.sep.join(some))

    @classmethod
    def joined(cls, parts: Iterable[PathList]) -> PathList:
        """Return the paths of several lists, one after the other, without copying their texts."""
        whole = cls()
        for part in parts:
            whole._starts += [len(whole) + start for start in part._starts[1:]]
            whole._folders += part._folders
            whole._names += part._names
        return whole

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: SupportsIndex) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: SupportsIndex | slice) -> str | list[str]:
        rows = range(len(self))[index]
        if isinstance(rows, int):
            block = bisect(self._starts, rows) - 1
            return self._folders[block] + self._names[block].split(os.sep)[rows - self._starts[block]]
        return list(islice(self._from(rows.start), len(rows))) if rows.step == 1 else [self[row] for row in rows]

    def __iter__(self) -> Iterator[str]:
        return self._from(0)

    def _from(self, row: int) -> Iterator[str]:
        """Yield the paths from one on."""
        first = bisect(self._starts, row) - 1
        skipped = row - self._starts[first]
        for block in range(first, len(self._names)):
            folder = self._folders[block]
            for name in self._names[block].split(os.sep)[skipped:]:
                yield folder + name
            skipped = 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list | PathList) and len(self) == len(other) and all(map(eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, other: Iterable[Any]) -> list[Any]:
        return [*self, *other]

    def __radd__(self, other: Iterable[Any]) -> list[Any]:
        return [*other, *self]

    def __repr__(self) -> str:
        return repr(list(self))


def _folder(path: str) -> str:
    """Return a path up to its last separator, with it."""
    return path[: path.rfind(os.sep) + 1]
