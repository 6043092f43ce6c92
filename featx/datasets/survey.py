"""Survey a labelled data set for leakage (duplicates, shared groups) and doubtful classes, before anything is computed.

Images of one group, or of the same content, in both the training and the test part of a given split make the figures
too good. Shared groups are refused, because only the user can part them; copies of test images are left out of the
training part. Copies on one side do no harm as long as every split that is drawn keeps them together, so they are
counted, marked and kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..display.names import few
from ..evaluation.class_sizes import list_sizes
from ..evaluation.units import content_units, same_content
from ..exceptions import DatasetError, ParameterError
from .class_names import check_class_names
from .dataset import ImageDataset
from .split import check_parts
from .split_names import PARTS

__all__ = ["Survey", "small_classes", "survey"]

# Images, groups or classes that a message names.
NOT_EXACT = "`featx audit` also finds those that are not exact"
MOST_SHOWN = 3


@dataclass(frozen=True)
class Survey:
    """What a survey leaves of a data set, and what it found.

    Attributes
    ----------
    dataset : ImageDataset
        The images that are left, with copies marked in `together`.
    rows : ndarray of int
        The rows of these images in the data set that was surveyed.
    notes : list of str
        What was found.
    """

    dataset: ImageDataset
    rows: np.ndarray
    notes: list[str]


def survey(
    dataset: ImageDataset,
    keys: Sequence[Any] | None = None,
    *,
    validation_apart: bool = False,
    min_images: int = 1,
) -> Survey:
    """Check a data set, joined with its test set, for leakage and doubtful classes.

    Parameters
    ----------
    dataset : ImageDataset
        With labels.
    keys : sequence of (bytes or any other object), default=None
        The key of the content of each image, anything but bytes where it is not known; see `image_keys`. Without keys
        only names, groups and numbers are checked.
    validation_apart : bool, default=False
        Whether the validation part of a given split is not trained on. Without a test part it is tested on in any case.
    min_images : int, default=1
        Classes with fewer different images to fit on are left out. With a given split, the training part counts.

    Raises
    ------
    ParameterError
        If `min_images` is not a positive integer.
    DatasetError
        If a group is both in the training and in the test part, copies leave nothing of a class to train on, or
        `min_images` leaves fewer than two classes.
    """
    if isinstance(min_images, bool) or not isinstance(min_images, int | np.integer) or min_images < 1:
        raise ParameterError(f"got min_images={min_images!r}; expected a positive integer")
    labels = np.asarray(dataset.labels)
    notes = check_class_names(labels)
    if dataset.split is not None:
        check_parts(np.asarray(dataset.split))
    roles = _roles(dataset.split, validation_apart)
    if dataset.groups is not None and roles is not None:
        notes += _check_groups(np.asarray(dataset.groups), roles)
    rows = np.arange(len(dataset))
    together = None if keys is None else same_content(keys)
    if together is not None:
        notes += _labelled_twice(dataset, together)
        if roles is not None:
            rows, found = _without_copies(dataset, roles, together)
            notes += found
    left = replace(dataset, together=together).take(rows)
    kept, found = _without_small(left, min_images, validation_apart)
    left, rows, notes = left.take(kept), rows[kept], [*notes, *found]
    if left.together is not None:
        notes += _repeated(left)
        if len(np.unique(left.together)) == len(left):
            left = replace(left, together=None)
    return Survey(left, rows, notes)


def _roles(split: np.ndarray | None, validation_apart: bool) -> np.ndarray | None:
    """Return how each image of a given split is used, in the words of `PARTS`."""
    if split is None:
        return None
    roles = np.asarray(split)
    if not (roles == "test").any():
        return np.where(roles == "validation", "test", roles)
    return roles if validation_apart else np.where(roles == "validation", "training", roles)


def _check_groups(groups: np.ndarray, roles: np.ndarray) -> list[str]:
    """Refuse groups that are also in the test part; return a note on groups in both training and validation."""
    for part in ("training", "validation"):
        if shared := _shared_groups(groups, roles, part, "test"):
            raise DatasetError(shared, "Move each group to one part, or rename groups that only share a name.")
    shared = _shared_groups(groups, roles, "training", "validation")
    return [f"{shared}; training stops by images that are like those it has seen"] if shared else []


def _shared_groups(groups: np.ndarray, roles: np.ndarray, first: str, second: str) -> str:
    inside = [groups[roles == role] for role in (first, second)]
    names = np.intersect1d(*inside)
    if not len(names):
        return ""
    sizes = [[int((some == name).sum()) for some in inside] for name in names[:MOST_SHOWN]]
    listed = [f"{str(name)!r} ({one:,} and {other:,})" for name, (one, other) in zip(names, sizes, strict=False)]
    number = "one group has" if len(names) == 1 else f"{len(names):,} groups have"
    verbs = {"training": "train", "validation": "validate", "test": "test"}
    return f"{number} images both to {verbs[first]} on and to {verbs[second]} on: {few(listed, total=len(names))}"


def _labelled_twice(dataset: ImageDataset, together: np.ndarray) -> list[str]:
    labels = np.asarray(dataset.labels)
    contents = np.unique(together[labels != labels[together]])
    if not len(contents):
        return []
    texts = []
    for content in contents[:MOST_SHOWN]:
        rows = np.flatnonzero(together == content)
        # One image of each class first.
        firsts = rows[np.sort(np.unique(labels[rows], return_index=True)[1])]
        named: dict[str, list[str]] = {}
        for row in [*firsts, *rows]:
            named.setdefault(dataset.names[row], []).append(repr(str(labels[row])))
        named_classes = [f"{name} is {' and '.join(dict.fromkeys(found))}" for name, found in named.items()]
        texts.append(_few_of(named_classes, " and "))
    number = "one image is" if len(contents) == 1 else f"{len(contents):,} images are"
    return [
        f"{number} in more than one class: {few(texts, between='; ', total=len(contents))}; a label of each is "
        "wrong, or classes do not exclude each other"
    ]


def _without_copies(dataset: ImageDataset, roles: np.ndarray, together: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return the rows of a given split without copies of images in a later part, and notes on those."""
    rank = np.array([PARTS.index(role) for role in roles])
    last = np.full(len(rank), -1)
    np.maximum.at(last, together, rank)
    left = rank == last[together]
    notes = []
    for index, part in enumerate(PARTS):
        rows = np.flatnonzero(~left & (rank == index))
        if not len(rows):
            continue
        later = [int(np.flatnonzero((together == together[row]) & left)[0]) for row in rows[:MOST_SHOWN]]
        pairs = zip(rows.tolist(), later, strict=False)
        listed = [f"{dataset.names[row]} (in the {roles[other]} part: {dataset.names[other]})" for row, other in pairs]
        number = f"one {part} image is a copy" if len(rows) == 1 else f"{len(rows):,} {part} images are copies"
        of = "test images" if index == 1 or "validation" not in roles else "validation or test images"
        notes.append(f"{number} of {of}, left out of {part}: {few(listed, total=len(rows))}; {NOT_EXACT}")
    labels, fitted = np.asarray(dataset.labels), rank == 0
    if len(gone := np.setdiff1d(labels[fitted], labels[fitted & left])):
        named = few([repr(str(name)) for name in gone])
        raise DatasetError(
            f"every training image of {'class' if len(gone) == 1 else 'the classes'} {named} is to be tested on too",
            "Remove these copies from the test images, or train on others.",
        )
    return np.flatnonzero(left), notes


def small_classes(dataset: ImageDataset, least: int, *, validation_apart: bool = False) -> dict[str, int]:
    """Return the classes with fewer than `least` different images to fit on, with their numbers.

    Parameters
    ----------
    dataset : ImageDataset
        With labels; `together` marks its copies.
    least : int
    validation_apart : bool, default=False
        As for `survey`.
    """
    classes, truth = np.unique(np.asarray(dataset.labels), return_inverse=True)
    roles, together = _roles(dataset.split, validation_apart), dataset.together
    fitted = np.arange(len(truth)) if roles is None else np.flatnonzero(roles == "training")
    units = content_units(truth[fitted], None if together is None else together[fitted])
    counts = np.bincount(units.labels, minlength=len(classes))
    return {classes[code]: int(counts[code]) for code in np.flatnonzero(counts < least)}


def _without_small(dataset: ImageDataset, min_images: int, validation_apart: bool) -> tuple[np.ndarray, list[str]]:
    """Return the rows of classes with enough different images to fit on, and a note on the other classes."""
    rows = np.arange(len(dataset))
    small = small_classes(dataset, min_images, validation_apart=validation_apart) if min_images > 1 else {}
    if not small:
        return rows, []
    left = len(dataset.classes) - len(small)
    sizes = list_sizes(list(small), np.array(list(small.values())))
    if left < 2:
        raise DatasetError(
            f"min_images={min_images} leaves {left} of {len(dataset.classes)} classes; too small are {sizes}",
            "Choose a smaller one.",
        )
    number = "one class" if len(small) == 1 else f"{len(small):,} classes"
    note = f"{number} with fewer than {min_images} images left out: {sizes}"
    return rows[~np.isin(np.asarray(dataset.labels), list(small))], [note]


def _repeated(dataset: ImageDataset) -> list[str]:
    """Return a note on copies with the same label."""
    labels, contents = np.asarray(dataset.labels), np.asarray(dataset.together)
    _, first, codes = np.unique(contents, return_index=True, return_inverse=True)
    mixed = codes[labels != labels[first[codes]]]
    repeats = np.setdiff1d(np.flatnonzero(~np.isin(codes, mixed)), first)
    if not len(repeats):
        return []
    several = list(dict.fromkeys(codes[repeats].tolist()))
    listed = []
    for code in several[:MOST_SHOWN]:
        names = Counter(dataset.names[row] for row in np.flatnonzero(codes == code).tolist())
        listed.append(_few_of([name if n == 1 else f"{name} ({n} times)" for name, n in names.items()], " = "))
    number = "one image repeats" if len(repeats) == 1 else f"{len(repeats):,} images repeat"
    return [
        f"{number} another: {few(listed, total=len(several))}; copies stay on one side of every split that is "
        f"drawn, and each counts in the figures; {NOT_EXACT}"
    ]


def _few_of(texts: Sequence[str], mark: str) -> str:
    """Return the first of some texts and the number of the others, but never for one: its number would be as long."""
    shown = texts if len(texts) <= MOST_SHOWN + 1 else texts[:MOST_SHOWN]
    return mark.join(shown) + (f" and {len(texts) - len(shown):,} more" if len(shown) < len(texts) else "")
