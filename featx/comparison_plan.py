"""A labelled data set and training sizes go in; the training and test rows of every repeat come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .data_split import DataSplit, split_data
from .datasets import ImageDataset
from .exceptions import DatasetError, ParameterError
from .notes import note_once
from .splits import Split, check_counts, held_out_split, nested_subsets

__all__ = ["ComparisonPlan", "Repeat", "plan_comparison", "plan_repeats"]

# One image of a class to tune on and one to train on.
LEAST = 2
TEST_SIZE = 0.25
REPEATS = 3


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


@dataclass(frozen=True)
class ComparisonPlan:
    """The rows of a comparison.

    Attributes
    ----------
    repeats : list of Repeat
    split : DataSplit or None
        Whose test set is that of every repeat, if one is given.
    finer : bool
        Whether random test sets are stratified by more than the class.
    grouped : bool
        Whether there are groups.
    """

    repeats: list[Repeat]
    split: DataSplit | None
    finer: bool
    grouped: bool

    @property
    def notes(self) -> list[str]:
        """What to know of a given split."""
        return [] if self.split is None else self.split.notes

    def protocol(self, n_test: int) -> str:
        """Return how the rows came about, in words."""
        repeats, inside = len(self.repeats), "smaller training sets lie inside larger ones"
        if self.split is None:
            return (
                f"{repeats} random split{'s' if repeats > 1 else ''} with {n_test:,} test images"
                f"{' each' if repeats > 1 else ''}, stratified by class{' and finer labels' if self.finer else ''}"
                f"{', whole groups on one side' if self.grouped else ''}; the test images are the same for every "
                f"strategy and size, and {inside}"
            )
        parts = "training and validation parts" if len(self.split.validation) else "training images"
        again = ""
        if repeats > 1:
            again = (
                f"; the {repeats} repeats redraw the training images only, and where all are trained on, the seeds "
                "alone"
            )
        return (
            f"one given {self.split.described}, the same for every strategy and size; at most all "
            f"{len(self.split.fitted):,} of the {parts} are trained on, and {inside}{again}"
        )


def plan_comparison(
    dataset: ImageDataset,
    *,
    train_sizes: Sequence[float | int] | None = None,
    test_size: float | None = None,
    stratify: np.ndarray | None = None,
    repeats: int | None = None,
    random_state: int = 0,
) -> ComparisonPlan:
    """Return the rows of a comparison of a data set that is joined with its test set, if it has one.

    Parameters
    ----------
    dataset : ImageDataset
        With labels.
    train_sizes, test_size, stratify, repeats, random_state
        As for `compare_strategies`.

    Raises
    ------
    ParameterError, DatasetError
    """
    labels = np.asarray(dataset.labels)
    if dataset.split is not None:
        if stratify is not None:
            note_once("stratify has no effect: one test set is given")
        split = split_data(dataset)
        plan = plan_repeats(
            labels,
            train_sizes=train_sizes,
            given=(split.fitted, split.test),
            groups=dataset.groups,
            repeats=1 if repeats is None else repeats,
            random_state=random_state,
        )
        return ComparisonPlan(plan, split, False, dataset.groups is not None)
    finer = dataset.strata if stratify is None else np.asarray(stratify)
    plan = plan_repeats(
        labels,
        train_sizes=train_sizes,
        test_size=TEST_SIZE if test_size is None else test_size,
        stratify=finer,
        groups=dataset.groups,
        repeats=REPEATS if repeats is None else repeats,
        random_state=random_state,
    )
    return ComparisonPlan(plan, None, finer is not None, dataset.groups is not None)


def plan_repeats(
    y: np.ndarray,
    *,
    train_sizes: Sequence[float | int] | None,
    test_size: float = TEST_SIZE,
    given: Split | None = None,
    stratify: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    repeats: int = REPEATS,
    random_state: int = 0,
) -> list[Repeat]:
    """Return the rows of every repeat; parameters as for `compare_strategies`.

    With `given`, (rows to train on, rows to test on), nothing is tested but these.

    Raises
    ------
    ParameterError, DatasetError
    """
    if isinstance(repeats, bool) or not isinstance(repeats, int | np.integer) or repeats < 1:
        raise ParameterError(f"got repeats={repeats!r}; expected a positive integer")
    if isinstance(test_size, bool) or not isinstance(test_size, float | int | np.floating) or not 0 < test_size < 1:
        raise ParameterError(f"got test_size={test_size!r}; expected a fraction between 0 and 1")
    classes, truth = np.unique(y, return_inverse=True)
    if given is None:
        check_counts(truth, classes, 2 * LEAST, "images for a training and a test part")
        strata = _strata(y, stratify)
        splits = [
            held_out_split(strata, test_size, groups=groups, random_state=random_state + repeat)
            for repeat in range(repeats)
        ]
        counts = _counts(train_sizes, len(y), test_size, {len(train) for train, _ in splits})
    else:
        check_counts(truth[given[0]], classes, LEAST, "images to train on")
        splits = [given] * repeats
        counts = _counts(train_sizes, len(given[0]), 0.0, {len(given[0])})
    plan = []
    for repeat, (train, test) in enumerate(splits):
        sizes = [len(train) if count is None else min(count, len(train)) for count in counts]
        inside = None if groups is None else groups[train]
        subsets = nested_subsets(y[train], sizes, groups=inside, random_state=random_state + repeat)
        trains = [train[subset] for subset in subsets]
        for rows in trains:
            _check_classes(truth, classes, rows, train)
        plan.append(Repeat(random_state + repeat, test, trains))
    return plan


def _strata(y: np.ndarray, stratify: np.ndarray | None) -> np.ndarray:
    """Return what the test split is stratified by: the classes, or the finer labels inside them."""
    if stratify is None:
        return y
    if len(stratify) != len(y):
        raise ParameterError(f"got {len(stratify)} labels to stratify by for {len(y)} images", "Pass one for each.")
    return np.array([f"{label}, {finer}" for label, finer in zip(y, stratify, strict=True)])


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
        if fraction and size > 1 and not test_size:
            raise ParameterError(
                f"got the training size {size:g}, a fraction of the {n:,} images to train on; the most is 1",
                "Choose a smaller one, or leave train_sizes out for all of them.",
            )
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


def _check_classes(truth: np.ndarray, classes: np.ndarray, rows: np.ndarray, pool: np.ndarray) -> None:
    counts = np.bincount(truth[rows], minlength=len(classes))
    if counts.min() >= LEAST:
        return
    scarce = int(np.argmin(counts))
    left = np.bincount(truth[pool], minlength=len(classes)).min()
    # Every subset holds of each class its share to within one image.
    enough = -(-LEAST * len(pool) // int(left)) if left >= LEAST else 0
    raise DatasetError(
        f"class {str(classes[scarce])!r} has {counts[scarce]} of the {LEAST} images that it needs among the "
        f"{len(rows):,} to train on",
        f"Train on {enough:,} or more." if enough > len(rows) else "Add images of it, or leave the class out.",
    )
