"""Labels and groups go in, rows for training and testing come out."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from .exceptions import DatasetError, ParameterError

__all__ = [
    "INNER_FOLDS",
    "Split",
    "check_counts",
    "held_out_split",
    "inner_folds",
    "nested_subsets",
    "outer_folds",
]

INNER_FOLDS = 3
# Random test parts of whole groups that are looked at until so many have every class on both sides. More candidates
# would have evener classes and be less random.
DRAWS = 100
CANDIDATES = 4

Split = tuple[np.ndarray, np.ndarray]


def held_out_split(
    y: np.ndarray, test_size: float, *, groups: np.ndarray | None = None, random_state: int = 0
) -> Split:
    """Return stratified training and test rows, whole groups on one side.

    Parameters
    ----------
    y : ndarray of shape (n,)
    test_size : float
        Fraction of the images; with groups it is met to within half of a group or so. The groups are drawn at random,
        so that repeated splits test different ones.
    groups : ndarray of shape (n,), default=None
    random_state : int, default=0

    Raises
    ------
    ParameterError
    """
    whole = isinstance(test_size, int | np.integer) and 0 < test_size < len(y)
    if not (whole or 0 < test_size < 1):
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
    codes = np.unique(groups, return_inverse=True)[1]
    if codes.max() < 1:
        raise DatasetError("all images are of one group, which cannot be parted", "Pass other groups, or none.")
    size = int(test_size) if whole else max(1, round(test_size * len(y)))
    test = _random_groups(truth, codes, size, np.random.default_rng(random_state))
    return np.flatnonzero(~test), np.flatnonzero(test)


def _random_groups(truth: np.ndarray, codes: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return which rows are in a random test part of whole groups, of about this size, with every class on both sides.

    Of a few such draws it is the one whose classes have the most even shares. Where no draw has every class on both
    sides, every class is on the training side at least, if that can be.
    """
    counts = np.zeros((codes.max() + 1, truth.max() + 1), dtype=int)
    np.add.at(counts, (codes, truth), 1)
    total = counts.sum(axis=0)
    draws: list[tuple[int, float, np.ndarray]] = []
    for _ in range(DRAWS):
        order = rng.permutation(len(counts))
        taken = order[: min(_nearest(counts, order, size), len(order) - 1)]
        tested = counts[taken].sum(axis=0)
        # A class that is left to train on weighs more than any number of classes in the test part.
        lacking = (len(total) + 1) * int((tested == total).sum()) + int((tested == 0).sum())
        draws.append((lacking, float(np.abs(tested / tested.sum() - total / total.sum()).sum()), taken))
        if sum(not found for found, *_ in draws) == CANDIDATES:
            break
    return np.isin(codes, min(draws, key=lambda draw: draw[:2])[2])


def _nearest(counts: np.ndarray, order: np.ndarray, size: int) -> int:
    """Return how many groups, in this order, come nearest to a number of rows; at least one."""
    return int(np.abs(counts.sum(axis=1)[order].cumsum() - size).argmin()) + 1


def nested_subsets(
    y: np.ndarray, sizes: Sequence[int], *, groups: np.ndarray | None = None, random_state: int = 0
) -> list[np.ndarray]:
    """Return stratified subsets of rows, each smaller one inside each larger one.

    All are prefixes of one random order in which every prefix holds of each class its share to within one row.

    Parameters
    ----------
    y : ndarray of shape (n,)
    sizes : sequence of int
        Numbers of rows, in any order.
    groups : ndarray of shape (n,), default=None
        Whole groups are taken, so that sizes and shares are met to within a group or so.
    random_state : int, default=0

    Returns
    -------
    list of ndarray of int
        One for each size, the rows in increasing order.

    Raises
    ------
    ParameterError
        If a size is no integer from 1 to n.

    Notes
    -----
    The order is a Pfair schedule of the classes (Baruah, Cohen, Plaxton and Varvel 1996): the j-th of the n_c rows of
    a class comes after (j - 1) n / n_c others at the earliest and among the first j n / n_c, rounded up, at the latest.
    On one processor the earliest deadline first keeps all of these.
    """
    for size in sizes:
        whole = isinstance(size, int | np.integer) and not isinstance(size, bool)
        if not (whole and 1 <= size <= len(y)):
            raise ParameterError(f"got a subset of {size!r} rows; expected an integer from 1 to {len(y)}")
    rng = np.random.default_rng(random_state)
    truth = np.unique(y, return_inverse=True)[1]
    if groups is None:
        order = _fair_order(truth, rng)
        return [np.sort(order[:size]) for size in sizes]
    codes = np.unique(groups, return_inverse=True)[1]
    counts = np.zeros((codes.max() + 1, truth.max() + 1), dtype=int)
    np.add.at(counts, (codes, truth), 1)
    order = _fair_groups(counts, rng)
    taken = [order[: _nearest(counts, order, size)] for size in sizes]
    return [np.flatnonzero(np.isin(codes, some)) for some in taken]


def _fair_order(truth: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the rows in a random order with the classes spread evenly over it."""
    total, counts = len(truth), np.bincount(truth)
    rank = rng.permutation(len(counts))
    jobs = []
    for number in np.flatnonzero(counts):
        rows, height = rng.permutation(np.flatnonzero(truth == number)), int(counts[number])
        jobs += [
            (place * total // height, -(-(place + 1) * total // height), int(rank[number]), int(row))
            for place, row in enumerate(rows)
        ]
    jobs.sort(reverse=True)
    waiting: list[tuple[int, int, int]] = []
    order = np.empty(total, dtype=int)
    for slot in range(total):
        while jobs and jobs[-1][0] <= slot:
            heapq.heappush(waiting, jobs.pop()[1:])
        order[slot] = heapq.heappop(waiting)[2]
    return order


def _fair_groups(counts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return groups in a random order, the next always one of the class that lacks most; counts are int (g, k)."""
    kinds = counts.argmax(axis=1)
    waiting = [rng.permutation(np.flatnonzero(kinds == number)).tolist() for number in range(counts.shape[1])]
    shares, taken = counts.sum(axis=0) / counts.sum(), np.zeros(counts.shape[1])
    order = []
    for _ in range(len(counts)):
        lacking = shares * (taken.sum() + 1) - taken
        number = max((n for n, groups in enumerate(waiting) if groups), key=lambda n: lacking[n])
        order.append(waiting[number].pop())
        taken += counts[order[-1]]
    return np.array(order)


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
