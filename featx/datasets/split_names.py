"""A name that people give to a part of a split goes in ("train", "valid", "Test_set"); which part it is comes out."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

__all__ = ["PARTS", "part_of", "part_words", "parts_of"]

PARTS = ("training", "validation", "test")

# Those of Keras, fastai, torchvision, Ultralytics, Roboflow, Hugging Face and Google's tables.
WORDS = {
    "training": ("train", "training", "trn"),
    "validation": ("val", "valid", "validation", "validate", "dev"),
    "test": ("test", "testing", "tst", "eval", "evaluation", "holdout"),
}
BY_WORD = {word: part for part, words in WORDS.items() for word in words}
NAME = re.compile(
    rf"(?:final[\W_]*|\d{{1,2}}[\W_]+)?({'|'.join(sorted(BY_WORD, key=len, reverse=True))})"
    r"(?:[\W_]*(?:set|data|dataset|images?|imgs?|split|part|samples?|folder|dir|\d{1,4}))?"
)


def part_of(name: str) -> str | None:
    """Return "training", "validation" or "test" for a name that means one of them, else None."""
    found = NAME.fullmatch(name.strip().casefold())
    return BY_WORD[found[1]] if found else None


def parts_of(names: Sequence[str]) -> dict[str, str]:
    """Return the part of each of the names beside each other that means one.

    What all names have in common does not count: the parts of ``seg_train`` and ``seg_test`` are training and test.
    """
    found = {name: part for name in names if (part := part_of(name))}
    if found or len(names) < 2:
        return found
    start, end = _shared(names), _shared([name[::-1] for name in names])
    for first, last in ((start, 0), (0, end), (start, end)):
        found = {name: part for name in names if (part := part_of(name[first : len(name) - last]))}
        if len(set(found.values())) > 1:
            return found
    return {}


def part_words(name: str) -> set[str]:
    """Return the parts that words of a name mean, as in ``train_cats`` and ``trainA``."""
    words = re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z0-9])", " ", name))
    return {part for word in words if (part := BY_WORD.get(word.casefold()))}


def _shared(names: Iterable[str]) -> int:
    """Return how many characters all names begin with, up to a character between words."""
    shared = itertools.takewhile(lambda characters: len(set(characters)) == 1, zip(*names, strict=False))
    return max((index + 1 for index, characters in enumerate(shared) if characters[0] in " _-."), default=0)
