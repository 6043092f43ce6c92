"""Labels and training sizes go in; the training and test rows of every repeat come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .class_sizes import check_counts, check_sizes
from .exceptions import DatasetError, ParameterError
from .splits import held_out_split, nested_subsets
from .units import content_units

__all__ = ["Repeat", "plan_repeats"]

# One image of a class to tune on and one to train on.
LEAST = 2


@dataclass(frozen=True)
class Repeat:
    """The rows of one repeat.

    Attributes
    ----------
    seed : int
    test : ndarray of int
    trains : list of ndarray of int
        One for each size, the smaller ones inside the larger ones.
    """

    seed: int
    test: np.ndarray
    trains: list[np.ndarray]


def plan_repeats(
    y: np.ndarray,
    *,
    train_sizes: Sequence[float | int] | None,
    test_size: float,
    stratify: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    repeats: int = 3,
    random_state: int = 0,
) -> list[Repeat]:
    """Return the rows of every repeat; parameters as for `compare_strategies`.

    Images of the same content, equal in `together`, are on one side of every split and in the same training sets.

    Raises
    ------
    ParameterError, DatasetError
    """
    if isinstance(repeats, bool) or not isinstance(repeats, int | np.integer) or repeats < 1:
        raise ParameterError(f"got repeats={repeats!r}; expected a positive integer")
    if isinstance(test_size, bool) or not isinstance(test_size, float | int | np.floating) or not 0 < test_size < 1:
        raise ParameterError(f"got test_size={test_size!r}; expected a fraction between 0 and 1")
    classes, truth = np.unique(y, return_inverse=True)
    once = together is not None
    check_counts(
        content_units(truth, together).labels, classes, 2 * LEAST, "a training and a test part need", once=once
    )
    strata = _strata(y, stratify, together)
    splits = [
        held_out_split(strata, test_size, groups=groups, together=together, random_state=random_state + repeat)
        for repeat in range(repeats)
    ]
    left = {len(train) for train, _ in splits}
    counts = _counts(train_sizes, len(y), test_size, left)
    plan = []
    for repeat, (train, test) in enumerate(splits):
        sizes = [len(train) if count is None else min(count, len(train)) for count in counts]
        inside = None if groups is None else groups[train]
        alike = None if together is None else together[train]
        subsets = nested_subsets(y[train], sizes, groups=inside, together=alike, random_state=random_state + repeat)
        trains = [train[subset] for subset in subsets]
        for rows in trains:
            _check_classes(truth, classes, rows, train, together)
        plan.append(Repeat(random_state + repeat, test, trains))
    return plan


def _strata(y: np.ndarray, stratify: np.ndarray | None, together: np.ndarray | None) -> np.ndarray:
    """Return what the test split is stratified by: the classes, or the finer labels inside them."""
    if stratify is None:
        return y
    if len(stratify) != len(y):
        raise ParameterError(f"got {len(stratify)} labels to stratify by for {len(y)} images", "Pass one for each.")
    strata = np.array([f"{label}, {finer}" for label, finer in zip(y, stratify, strict=True)])
    names, numbers = np.unique(strata, return_inverse=True)
    counts = np.bincount(content_units(numbers, together).labels, minlength=len(names))
    check_sizes(names, counts, 2, "a training and a test part need", kind="stratum", once=together is not None)
    return strata


def _counts(train_sizes: Sequence[float | int] | None, n: int, test_size: float, left: set[int]) -> list[int | None]:
    """Return the increasing numbers of training images; None stands for all where the repeats leave not as many."""
    most = min(left)
    every = most if len(left) == 1 else None
    if train_sizes is None:
        return [every]
    if isinstance(train_sizes, str) or not isinstance(train_sizes, Sequence | np.ndarray) or not len(train_sizes):
        raise ParameterError(f"got train_sizes={train_sizes!r}; expected fractions or counts", "Pass [0.1, 0.3].")
    counts: list[int | None] = []
    for size in train_sizes:
        if isinstance(size, bool) or not isinstance(size, int | float | np.integer | np.floating) or not size > 0:
            raise ParameterError(f"got the training size {size!r}; expected a fraction or a count of images")
        fraction = isinstance(size, float | np.floating)
        # Whole images and whole groups meet a fraction roughly, so what the test set leaves is what it comes to.
        if fraction and size > 1 - test_size + 1e-9:
            raise ParameterError(
                f"got the training size {size:g}, a fraction of all {n:,} images of which the test set takes "
                f"{test_size:g}; the most is {1 - test_size:g}",
                "Choose a smaller one, or leave train_sizes out for all that the test set leaves.",
            )
        if not fraction and size > most:
            raise ParameterError(
                f"got the training size {size}; the most that the test set leaves is {most}", "Choose a smaller one."
            )
        whole = fraction and size > 1 - test_size - 1e-9
        counts.append(every if whole else min(most, max(1, round(size * n))) if fraction else int(size))
    return sorted(set(counts), key=lambda count: most if count is None else count)


def _check_classes(
    truth: np.ndarray, classes: np.ndarray, rows: np.ndarray, pool: np.ndarray, together: np.ndarray | None
) -> None:
    def counts(rows: np.ndarray) -> np.ndarray:
        labels = content_units(truth[rows], None if together is None else together[rows]).labels
        return np.bincount(labels, minlength=len(classes))

    found, left = counts(rows), int(counts(pool).min())
    # Every subset holds of each class its share to within one image.
    enough = -(-LEAST * len(pool) // left) if left >= LEAST else 0
    try:
        check_sizes(classes, found, LEAST, f"tuning needs, among the {len(rows):,} to train on",
                    once=together is not None)  # fmt: skip
    except DatasetError as error:
        if enough > len(rows):
            error.next_step = f"Train on {enough:,} or more images."
        raise
