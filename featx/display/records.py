"""The base class of small results that are parts of others: printed in short, floats rounded, arrays by their shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import numpy as np

from .named_by_package import NamedByPackage

__all__ = ["Record"]

# Of more items a list shows the first, and of more letters a text does.
MOST_ITEMS, MOST_LETTERS = 5, 200


class Record(NamedByPackage):
    """Base class of data classes whose own repr would have floats of 17 digits and whole arrays."""

    __slots__ = ()

    def __repr__(self) -> str:
        # A debugger shows objects that are still being built, and pickles hold objects of older versions.
        names = [field.name for field in dataclasses.fields(self) if hasattr(self, field.name)]  # type: ignore[arg-type]
        shown = ", ".join(f"{name}={_short(getattr(self, name))}" for name in names)
        return f"{type(self).__name__}({shown})"


def _short(value: Any) -> str:
    """Return a value as text of a length that does not depend on its size."""
    if isinstance(value, float | np.floating):
        return f"{float(value):.4g}"
    if isinstance(value, np.ndarray):
        return f"<{' x '.join(f'{n:,}' for n in value.shape) or 'one'} {value.dtype}>"
    if isinstance(value, Mapping):
        return _listed((f"{key!r}: {_short(item)}" for key, item in value.items()), len(value), "{}")
    if isinstance(value, list | tuple):
        return _listed(map(_short, value), len(value), "[]" if isinstance(value, list) else "()")
    text = repr(value)
    return text if len(text) <= MOST_LETTERS else f"{text[:MOST_LETTERS]}..."


def _listed(texts: Iterable[str], count: int, brackets: str) -> str:
    shown = list(islice(texts, MOST_ITEMS))
    more = [f"... {count:,} in all"] if count > len(shown) else []
    return brackets[0] + ", ".join([*shown, *more]) + brackets[1]
