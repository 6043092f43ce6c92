"""Texts of which few differ, such as the classes of many images, as numbers: an array takes four bytes a character."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

__all__ = ["CodedTexts"]

# How many texts are sorted at once, so that what is in memory meanwhile does not grow with their number.
TEXTS_AT_ONCE = 1 << 16


@dataclass(frozen=True, eq=False)
class CodedTexts:
    """Texts, each as the number of its value.

    Attributes
    ----------
    values : ndarray, shape (k,)
        In ascending order, each once, perhaps some without a text.
    codes : ndarray of int, shape (n,)
        The position of each text in `values`.
    """

    values: np.ndarray
    codes: np.ndarray

    @classmethod
    def of(cls, texts: Sequence[str]) -> CodedTexts:
        """Return the codes of the texts of a list."""
        places: dict[str, int] = {}
        codes = np.fromiter((places.setdefault(text, len(places)) for text in texts), np.uint32, len(texts))
        return cls(np.array(list(places), dtype=str), codes).recoded()

    @classmethod
    def of_array(cls, values: np.ndarray) -> CodedTexts:
        """Return the codes of the values of an array, which may be other than texts."""
        parts = [values[start : start + TEXTS_AT_ONCE] for start in range(0, len(values), TEXTS_AT_ONCE)]
        known = reduce(np.union1d, [np.unique(part) for part in parts], values[:0])
        size = np.min_scalar_type(len(known))
        return cls(known, np.concatenate([values[:0].astype(size), *(_codes(part, known, size) for part in parts)]))

    def recoded(self, values: Any = None) -> CodedTexts:
        """Return the codes of other values in the places of these, which need not be in order or differ."""
        known, numbers = np.unique(self.values if values is None else values, return_inverse=True)
        return CodedTexts(known, numbers.astype(np.min_scalar_type(len(known)))[self.codes])

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> CodedTexts:
        return CodedTexts(self.values, self.codes[rows])

    @property
    def used(self) -> np.ndarray:
        """The values that there are texts of."""
        return self.values[np.unique(self.codes)]

    @property
    def texts(self) -> np.ndarray:
        """All texts, as an array."""
        return self.values[self.codes]


def _codes(values: np.ndarray, known: np.ndarray, size: np.dtype[Any]) -> np.ndarray:
    return np.searchsorted(known, values).astype(size)
