"""Tell which part of a split (training, validation, test) the name of a folder or a value in a table means."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..display.names import few
from ..display.quantities import count_text
from ..exceptions import DatasetError
from .columns import Table, column_key

__all__ = ["PARTS", "as_parts", "part_of", "part_words", "parts_of", "read_split"]

PARTS = ("training", "validation", "test")

# The words of Keras, fastai, torchvision, Ultralytics, Roboflow, Hugging Face and Google's tables.
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
# Columns of flags, such as is_valid of fastai.
FLAGS = {"isvalid": "validation", "isval": "validation", "istest": "test"}
TRUTH = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def part_of(name: str) -> str | None:
    """Return "training", "validation" or "test" if a name means one of them, else None."""
    found = NAME.fullmatch(name.strip().casefold())
    return BY_WORD[found[1]] if found else None


def parts_of(names: Sequence[str]) -> dict[str, str]:
    """Return the part that each name means, of the names of sibling folders; those that mean none are left out.

    What all names have in common is ignored: ``seg_train`` and ``seg_test`` mean training and test.
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


def as_parts(column: str, values: Sequence[Any]) -> list[str | None]:
    """Return "training", "validation" or "test" for each value of a column, or None."""
    if flag := FLAGS.get(column_key(column)):
        meaning = {None: None, True: flag, False: "training"}
        known = {value: meaning[TRUTH.get(value.casefold())] for value in set(map(str, values))}
    else:
        known = {value: part_of(value) for value in set(map(str, values))}
    return [known[str(value)] for value in values]


def read_split(table: Table, column: str) -> list[str]:
    """Return the part of each row, by a column whose name says that it holds a split.

    Raises
    ------
    DatasetError
        If a value is blank or does not mean a part.
    """
    values = table.column(column)
    parts = as_parts(column, values)
    wrong = [row for row, part in enumerate(parts) if part is None]
    if not wrong:
        return [part for part in parts if part is not None]
    where = table.where(wrong[0])
    if not str(values[wrong[0]]):
        more = f" and {count_text(len(wrong) - 1, 'more row')}" if len(wrong) > 1 else ""
        raise DatasetError(f"{table.path} has no {column} in {where}{more}", "Fill it in or remove the row.")
    others = sorted({str(values[row]) for row in wrong})
    raise DatasetError(
        f"{table.path} has {few([repr(value) for value in others])} as {column}, first in {where}; expected train, val "
        "or test",
        "Write one of these in every row; or rename the column, to `group` if images with the same value are to stay "
        "together.",
    )


def _shared(names: Iterable[str]) -> int:
    """Return how many characters all names begin with, up to a character between words."""
    shared = itertools.takewhile(lambda characters: len(set(characters)) == 1, zip(*names, strict=False))
    return max((index + 1 for index, characters in enumerate(shared) if characters[0] in " _-."), default=0)
