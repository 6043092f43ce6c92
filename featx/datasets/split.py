"""Split a labelled data set, with or without a test set, into rows to train on, to validate on and to test on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from ..display.names import few
from ..display.notes import note_once
from ..evaluation.class_sizes import SmallClassError
from ..evaluation.data_split import UNGROUPED, DataSplit
from ..evaluation.splits import check_fraction, held_out_split
from ..exceptions import DatasetError
from ..images.failures import Failure, first_reason
from .class_names import nearest_class
from .dataset import ImageDataset
from .split_names import PARTS

__all__ = ["check_parts", "join_test", "leave_out_unreadable", "split_dataset", "unreadable_named"]

NO_LABELS = "the images have no labels"
DRAWN = "To have the rows drawn at random in place of it, pass --test-size 0.25 (test_size=0.25)."


def join_test(
    dataset: ImageDataset,
    test: ImageDataset | None = None,
    *,
    cv: int | None = None,
    test_size: float | None = None,
) -> ImageDataset:
    """Join a data set and its test set; `split` says which images belong to the test set, and they come last.

    Groups are compared by name. If only one of the two has groups, each image of the other is a group by itself.
    A split that the data set came with is replaced by `test`, `test_size` or `cv`, whichever is given; that is logged.

    Parameters
    ----------
    dataset : ImageDataset
        With labels.
    test : ImageDataset, default=None
        With labels, too. Without it `dataset` is returned. If it came with a split, its test part is the test set, or
        else its validation part.
    cv, test_size : default=None
        As for `split_dataset`.

    Raises
    ------
    DatasetError
        If labels are missing, or the test set has a class that the data set does not have.
    """
    test_size = None if test_size is None else check_fraction(test_size)
    if test is not None and test_size is not None:
        note_once(f"test_size={test_size:g} has no effect: a test set is given")
    if cv is not None and (test is not None or test_size is not None):
        note_once(f"cv={cv} has no effect: the figures come from one test set, and the tuning has folds of its own")
    if dataset.labels is None or (test is not None and test.labels is None):
        raise DatasetError(NO_LABELS, "Pass a folder of classes or a manifest with labels.")
    chosen = "the test set" if test is not None else f"test_size={test_size:g}" if test_size is not None else ""
    chosen = chosen or (f"cv={cv}" if cv is not None else "")
    if dataset.split is not None and chosen:
        note_once(f"the split that the data set came with gives way to {chosen}: its parts become one")
        dataset = replace(dataset, split=None)
    if test is None:
        return dataset
    both = (dataset, _judging(test))
    test = both[1]
    if unknown := sorted(set(test.classes) - set(dataset.classes)):
        like = nearest_class(unknown[0], dataset.classes)
        raise DatasetError(
            f"the test set has the class {unknown[0]!r}, which the training set does not have",
            "Leave those images out." if like is None else f"If it is the class {like!r}, give it that name.",
        )
    no_strata = dataset.strata is None or test.strata is None
    return ImageDataset(
        [image for part in both for image in part.images],
        [name for part in both for name in part.names],
        np.concatenate([np.asarray(part.labels) for part in both]),
        _joined_groups(both),
        [note for part in both for note in part.notes],
        None if no_strata else np.concatenate([np.asarray(part.strata) for part in both]),
        np.repeat(["training", "test"], [len(dataset), len(test)]),
    )


def split_dataset(
    dataset: ImageDataset,
    *,
    cv: int | None = None,
    test_size: float | None = None,
    validation_apart: bool = False,
    random_state: int = 0,
) -> DataSplit:
    """Return the rows that a data set is trained, validated and tested on.

    Parameters
    ----------
    dataset : ImageDataset
        With labels. Its `split`, if there is one, decides.
    cv : int, default=None
        The folds of a cross-validation, if there is neither a split nor a size.
    test_size : float, default=None
        The fraction to test on.
    validation_apart : bool, default=False
        Whether the validation part of a given split is not trained on.
    random_state : int, default=0

    Raises
    ------
    DatasetError, ParameterError
    """
    labels = np.asarray(dataset.labels)
    kept: dict[str, Any] = {"groups": dataset.groups, "together": dataset.together}
    if dataset.split is not None:
        return _given(dataset, validation_apart)
    if test_size is None:
        return DataSplit.cross_validation(labels, cv or 0, **kept, random_state=random_state)
    train, test = held_out_split(labels, test_size, **kept, random_state=random_state)
    return DataSplit.held_out(train, test, groups=dataset.groups, how=", stratified by class")


@contextmanager
def unreadable_named(failures: Sequence[Failure], step: str = "Mend or replace them.") -> Iterator[None]:
    """Have the error of a class that is too small say that images of the data set cannot be read, and what to do then.

    Parameters
    ----------
    failures : sequence of Failure
    step : str, default="Mend or replace them."
        In place of the advice to add images.
    """
    try:
        yield
    except SmallClassError as error:
        if failures:
            are = "image that cannot be read is" if len(failures) == 1 else "images that cannot be read are"
            error.next_step = f"{len(failures):,} {are} not counted. {first_reason(failures)} {step}"
        raise


def leave_out_unreadable(dataset: ImageDataset, failures: Sequence[Failure]) -> ImageDataset:
    """Return a data set without the images that cannot be read.

    Raises
    ------
    DatasetError
        If nothing is left, or nothing of a part that is needed or of a class to train on.
    """
    left = dataset.take(np.setdiff1d(np.arange(len(dataset)), [failure.index for failure in failures]))
    if not len(left):
        raise DatasetError("none of the images can be read", first_reason(failures))
    labels, lost = np.asarray(dataset.labels), np.zeros(len(dataset), dtype=bool)
    lost[[failure.index for failure in failures]] = True

    def refused(what: str, rows: np.ndarray) -> DatasetError:
        return DatasetError(f"none of the {what} can be read", first_reason([f for f in failures if rows[f.index]]))

    if dataset.split is None or left.split is None:
        for name in np.setdiff1d(labels, np.asarray(left.labels)).tolist():
            note_once(f"none of the images of class {name!r} can be read: it is left out")
        return left
    for part in np.setdiff1d(dataset.split, left.split).tolist():
        # If the validation part is gone another one is held out; the other parts cannot be replaced.
        if part != "validation" or "test" not in left.split:
            raise refused(f"images of the {part} part", dataset.split == part)
        note_once("none of the images of the validation part can be read: the split is used without it")
    training = dataset.split == "training"
    for name in np.setdiff1d(labels[training], labels[training & ~lost]).tolist():
        raise refused(f"training images of class {name!r}", training & (labels == name))
    return left


def check_parts(parts: np.ndarray) -> None:
    """Raise DatasetError unless each is one of `PARTS`."""
    if len(unknown := np.setdiff1d(parts, PARTS)):
        expected = f"expected {', '.join(PARTS)} for each image"
        raise DatasetError(f"got the part {str(unknown[0])!r} in `split`; {expected}", DRAWN)


def _given(dataset: ImageDataset, validation_apart: bool) -> DataSplit:
    """Return the rows of the parts that a data set came with."""
    labels, parts = np.asarray(dataset.labels), np.asarray(dataset.split)
    check_parts(parts)
    train, validation, test = (np.flatnonzero(parts == part) for part in PARTS)
    name, how = "test", ", the test part of the given split" if len(validation) else ""
    if not len(test):
        name, how = "validation", ", the validation part of the given split, which has no test part"
        validation, test = test, validation
    for part, rows in (("training", train), ("validation or test", test)):
        if not len(rows):
            raise DatasetError(f"the split has no {part} part", f"Add one. {DRAWN}")
    fitted = train if validation_apart else np.concatenate([train, validation])
    for part, rows in (("validation", validation), (name, test)):
        if len(unknown := np.setdiff1d(labels[rows], labels[fitted])):
            raise DatasetError(
                f"the {part} part has the class {str(unknown[0])!r}, which the training part does not have",
                f"Add images of it to the training part, or leave it out of the others. {DRAWN}",
            )
    notes = []
    if len(lacking := np.setdiff1d(labels[fitted], labels[test])):
        named = few([repr(str(label)) for label in lacking])
        classes, it = ("class", "it") if len(lacking) == 1 else ("classes", "them")
        notes.append(f"no test image is of the {classes} {named}: the figures say nothing about {it}")
    others = np.concatenate([train, validation])
    found = DataSplit.held_out(others, test, groups=dataset.groups, how=how)
    return replace(found, train=train, validation=validation, notes=notes, given=True)


def _judging(test: ImageDataset) -> ImageDataset:
    """Return the part of a test set that is tested on, if it came with a split."""
    if test.split is None:
        return test
    part = "test" if (test.split == "test").any() else "validation"
    rows = np.flatnonzero(test.split == part)
    note_once(f"the test set came with a split: its {part} part, {len(rows):,} of {len(test):,} images, judges")
    return test.take(rows)


def _joined_groups(parts: Sequence[ImageDataset]) -> np.ndarray | None:
    if all(part.groups is None for part in parts):
        return None
    alone = [np.array([f"{UNGROUPED}{number}/{row}" for row in range(len(part))]) for number, part in enumerate(parts)]
    return np.concatenate(
        [single if part.groups is None else part.groups for part, single in zip(parts, alone, strict=True)]
    )
