"""Refuse folders that hold sub-folders of the same names, and say what to type for either reading."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Mapping

from ..display.names import few, quoted
from ..exceptions import DatasetError
from .ambiguous_folders import NUMBERED_PIECE, is_generic
from .folders import Folder
from .manifest_commands import manifest_command
from .split_names import parts_of

__all__ = ["refuse_repeated"]

# Names of the pieces of one class, such as days, sessions and patients; classes have other names.
DATE = re.compile(r"(?:19|20)\d\d(?:[-_.]?\d\d(?:[-_.]?\d\d)?)?")
NUMBERED_SESSION = re.compile(
    r"(?:case|day|device|frame|month|page|patient|run|scan|seq|sequence|series|session|site|slide|subject|tile|video"
    r"|visit|week)s?[\W_]*\d+"
)
# Parts of words in several languages. They only order the suggestions.
SOUNDS_OF_TRAINING = re.compile(r"train|trn|learn|lern|entren|apprent|aprend|addestr|trein")
SOUNDS_OF_TEST = re.compile(r"(?<![a-z])(?:test|tst|valid|eval|(?:val|dev)(?![a-z])|hold|held|prue|pru\u0308f)")
# How many folders are compared with each other at most.
MOST_COMPARED = 300


def refuse_repeated(parent: Folder, chains: Mapping[str, list[Folder]] | None = None) -> None:
    """Refuse folders with the same folders inside: either the outer or the inner ones may be the classes.

    Parameters
    ----------
    parent : Folder
    chains : mapping of str -> list of Folder, default=None
        For each part of a split, its folder and those below it, down to the one whose sub-folders are compared. By
        default `parent` is that one, and there are no parts.

    Raises
    ------
    DatasetError
    """
    levels = [parent] if chains is None else [chain[-1] for chain in chains.values()]
    for level in levels:
        outer, inner = _repeated(level)
        if not outer:
            continue
        names = [folder.name for folder in outer]
        if chains is None:
            rename = ", or rename them train and test" if len(outer) == len(parent.with_images) == 2 else ""
            command = manifest_command(parent, "path label", [(parent, 2, "$2")])
            step = f"If the classes are {few(inner)}: {_fit(outer)}{rename}. If they are {few(names)}: {command}."
        else:
            depths = {len(_singles(folder)) for chain in chains.values() for folder in chain[-1].with_images}
            by_hand = "make a manifest with the columns path, label and split"
            deep = _with_parts(parent, chains, *depths) if len(depths) == 1 else by_hand
            step = (
                f"If the classes are {few(inner)}: {deep}. If they are {few(names)}: {_with_parts(parent, chains, 0)}."
            )
        raise DatasetError(
            f"{level.path} holds {few(names)}, with the folders {few(inner)} in each: it cannot be told which of them "
            "are the classes",
            step,
        )


def _with_parts(parent: Folder, chains: Mapping[str, list[Folder]], deeper: int) -> str:
    # In ./train/cat/1.png, cut at each /, the folder of the part is $2; one more folder above the classes adds one.
    rows = [(chain[-1], 2 + deeper, f'${len(chain) + 2 + deeper}, "{part}"') for part, chain in chains.items()]
    return manifest_command(parent, "path label split", rows)


def _fit(outer: list[Folder]) -> str:
    """Return the command that fits on the folder that is named like a training part, or else on the largest one.

    If there are two, it tests on the other; if neither names nor sizes tell which is which, it says so.
    """
    size = {folder: sum(len(inside.images) for inside in folder.walk()) for folder in outer}
    train, *others = sorted(outer, key=lambda folder: (_rank(folder.name), -size[folder]))
    if len(others) != 1 or not _names(others[0]) <= _names(train):
        return f"`featx fit {quoted(train.path)} -o model.skops`"
    equal = (_rank(train.name), size[train]) == (_rank(others[0].name), size[others[0]])
    command = f"`featx fit {quoted(train.path)} --test {quoted(others[0].path)} -o model.skops`"
    return command + (" (or the other way round, if that is the part to train on)" if equal else "")


def _rank(name: str) -> int:
    """Return a small number for a name that sounds like training, a large one for a name that sounds like a test."""
    plain = unicodedata.normalize("NFKD", name).casefold()
    return 2 * bool(SOUNDS_OF_TEST.search(plain)) - bool(SOUNDS_OF_TRAINING.search(plain))


def _repeated(parent: Folder) -> tuple[list[Folder], list[str]]:
    """Return the sub-folders with the same folders inside, and the names of these, if most sub-folders have them."""
    inside = {folder: names for folder in parent.with_images if not folder.images and (names := _names(folder))}
    for first, second in itertools.combinations(list(inside)[:MOST_COMPARED], 2):
        shared = inside[first] & inside[second]
        smaller, larger = sorted((inside[first], inside[second]), key=len)
        if len(shared) > 1 or (shared and smaller < larger):
            found = [folder for folder, names in inside.items() if names >= shared]
            return (found, sorted(shared)) if 2 * len(found) > len(parent.with_images) else ([], [])
    return [], []


def _singles(folder: Folder) -> list[Folder]:
    """Return a folder and the single ones inside it, such as ``images``, down to the one that may hold classes."""
    chain = [folder]
    while (only := chain[-1].only) is not None and not only.images:
        chain.append(only)
    return chain


def _names(folder: Folder) -> set[str]:
    """Return the names of the folders inside that may be classes."""
    names = [inner.name for inner in _singles(folder)[-1].with_any_images]
    parts = parts_of(names)
    return {
        name
        for name in names
        if name not in parts
        and not is_generic(name)
        and not any(piece.fullmatch(name.casefold()) for piece in (NUMBERED_PIECE, NUMBERED_SESSION, DATE))
    }
