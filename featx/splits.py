"""Labels and groups go in, rows for training and testing come out."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from .exceptions import DatasetError, ParameterError

__all__ = ["INNER_FOLDS", "Split", "check_counts", "held_out_split", "inner_folds", "outer_folds"]

INNER_FOLDS = 3

Split = tuple[np.ndarray, np.ndarray]


def held_out_split(
    y: np.ndarray, test_size: float, *, groups: np.ndarray | None = None, random_state: int = 0
) -> Split:
    """Return stratified training and test rows, whole groups on one side.

    Parameters
    ----------
    y : ndarray of shape (n,)
    test_size : float
        Fraction of the images; with groups it is met roughly.
    groups : ndarray of shape (n,), default=None
    random_state : int, default=0

    Raises
    ------
    ParameterError
    """
    if not 0 < test_size < 1:
        raise ParameterError(f"got test_size={test_size}; expected a fraction between 0 and 1")
    classes, truth = np.unique(y, return_inverse=True)
    check_counts(truth, classes, 2, "images for a training and a test part")
    if groups is None:
        try:
            train, test = train_test_split(
                np.arange(len(y)), test_size=test_size, stratify=truth, random_state=random_state
            )
        except ValueError as error:
            raise ParameterError(f"got test_size={test_size}: {error}", "Choose another fraction.") from error
        return np.sort(train), np.sort(test)
    # Folds of the wanted size, of which one is the test part: the splitter that keeps classes and groups together.
    folds = max(2, round(1 / min(test_size, 1 - test_size)))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=random_state)
    large, small = next(splitter.split(truth, truth, groups))
    return (large, small) if test_size <= 0.5 else (small, large)


def inner_folds(y: np.ndarray, groups: np.ndarray | None, random_state: int) -> list[Split]:
    """Return the folds to tune on inside training rows: three, or two where that is all that y and groups allow.

    Raises
    ------
    DatasetError
        If the groups cannot be parted so that every class is left to train on.
    """
    classes, counts = np.unique(y, return_counts=True)
    most = min(INNER_FOLDS, int(counts.min()), len(y) if groups is None else len(np.unique(groups)))
    for folds in range(most, 1, -1):
        splits = list(_splitter(folds, groups, random_state).split(y, y, groups))
        if all(len(test) and len(np.unique(y[train])) == len(classes) for train, test in splits):
            return splits
    raise DatasetError(
        "the training images lie in too few groups to tune on", "Use more folds, smaller groups, or no groups."
    )


def _splitter(folds: int, groups: np.ndarray | None, random_state: int) -> Any:
    kind = StratifiedKFold if groups is None else StratifiedGroupKFold
    return kind(folds, shuffle=True, random_state=random_state)


def outer_folds(
    truth: np.ndarray, classes: np.ndarray, cv: int, groups: np.ndarray | None, random_state: int
) -> list[Split]:
    """Return (train rows, test rows) of each fold of a stratified cross-validation, whole groups on one side.

    Raises
    ------
    ParameterError
        If `cv` is no integer of at least 2.
    DatasetError
        If a class has too few images, or lies in too few groups.
    """
    if isinstance(cv, bool) or not isinstance(cv, int | np.integer) or cv < 2:
        raise ParameterError(f"got cv={cv!r}; expected an integer of at least 2")
    # The training part of a fold needs two images of a class, to tune on.
    check_counts(truth, classes, max(cv, 4 if cv == 2 else 3), f"images, the fewest that {cv} folds can do with")
    if groups is not None:
        per_class_groups = [len(np.unique(groups[truth == number])) for number in range(len(classes))]
        if min(per_class_groups) < cv:
            name = classes[int(np.argmin(per_class_groups))]
            raise DatasetError(
                f"class {str(name)!r} lies in {min(per_class_groups)} groups, fewer than the {cv} folds",
                f"Use at most {min(per_class_groups)} folds, or other groups.",
            )
    return list(_splitter(cv, groups, random_state).split(truth, truth, groups))


def check_counts(truth: np.ndarray, classes: np.ndarray, least: int, what: str) -> None:
    """Raise DatasetError unless there are two classes with at least so many images each."""
    if len(classes) < 2:
        raise DatasetError(f"there is only one class, {str(classes[0])!r}", "A classifier needs at least two.")
    counts = np.bincount(truth, minlength=len(classes))
    if counts.min() < least:
        name = str(classes[int(np.argmin(counts))])
        raise DatasetError(
            f"class {name!r} has {counts.min()} of {least} {what}",
            "Add images, leave the class out, or use fewer folds (cv=3).",
        )
