"""Draw the training and test rows of every repeat of a comparison: nested training sets, stratified test sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..evaluation.class_sizes import check_counts, check_sizes
from ..evaluation.nested_subsets import nested_subsets
from ..evaluation.splits import Split, check_fraction, held_out_split
from ..evaluation.units import content_units
from ..exceptions import DatasetError, ParameterError
from .named_sizes import NamedSize, draw_named_sizes

__all__ = [
    "COMPARISON_TEST_SIZE",
    "LEAST_PER_CLASS",
    "REPEATS",
    "Repeat",
    "check_strata",
    "draw_by_percentages",
    "draw_repeats",
]

# One image of a class for tuning and one for training.
LEAST_PER_CLASS = 2
COMPARISON_TEST_SIZE = 0.25
REPEATS = 3


@dataclass(frozen=True)
class Repeat:
    """The rows of one repeat.

    Attributes
    ----------
    seed : int
    test : ndarray of int
        With test sets of the sizes' own, that of the largest training set.
    trains : list of ndarray of int
        One for each size, the smaller inside the larger.
    own_tests : list of ndarray of int or None
        One test set for each size, the smaller inside the larger; None if there is one for all.
    """

    seed: int
    test: np.ndarray
    trains: list[np.ndarray]
    own_tests: list[np.ndarray] | None = None

    def tested(self, size: int) -> np.ndarray:
        """Return the test rows of a size."""
        return self.test if self.own_tests is None else self.own_tests[size]


def draw_repeats(
    y: np.ndarray,
    *,
    train_sizes: Sequence[float | int] | None,
    test_size: float = COMPARISON_TEST_SIZE,
    given: Split | None = None,
    stratify: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    repeats: int = REPEATS,
    random_state: int = 0,
) -> list[Repeat]:
    """Return the rows of every repeat; parameters as for `compare_strategies`.

    With `given`, (training rows, test rows), every repeat tests these test rows. Images of the same content, equal in
    `together`, are on one side of every split and in the same training sets.

    Raises
    ------
    ParameterError, DatasetError
    """
    _check_repeats(repeats)
    test_size = check_fraction(test_size)
    classes, truth = np.unique(y, return_inverse=True)
    once = together is not None
    if given is None:
        units = content_units(truth, together)
        check_counts(units.labels, classes, 2 * LEAST_PER_CLASS, "a training and a test part need", once=once)
        strata = _strata(y, stratify, together)
        splits = [
            held_out_split(strata, test_size, groups=groups, together=together, random_state=random_state + repeat)
            for repeat in range(repeats)
        ]
        counts = _counts(train_sizes, len(y), test_size, {len(train) for train, _ in splits})
    else:
        rows = given[0]
        units = content_units(truth[rows], None if together is None else together[rows])
        check_counts(units.labels, classes, LEAST_PER_CLASS, "tuning needs", once=once)
        splits = [given] * repeats
        counts = _counts(train_sizes, len(given[0]), 0.0, {len(given[0])})
    drawn = []
    for repeat, (train, test) in enumerate(splits):
        sizes = [len(train) if count is None else min(count, len(train)) for count in counts]
        inside = None if groups is None else groups[train]
        alike = None if together is None else together[train]
        subsets = nested_subsets(y[train], sizes, groups=inside, together=alike, random_state=random_state + repeat)
        trains = [train[subset] for subset in subsets]
        for rows in trains:
            _check_classes(truth, classes, rows, train, together)
        drawn.append(Repeat(random_state + repeat, test, trains))
    return drawn


def draw_by_percentages(
    y: np.ndarray,
    sizes: Sequence[NamedSize],
    *,
    stratify: np.ndarray | None,
    groups: np.ndarray | None,
    together: np.ndarray | None,
    repeats: int,
    random_state: int,
) -> list[Repeat]:
    """Return the rows of every repeat by percentages of all images; see `draw_named_sizes`."""
    _check_repeats(repeats)
    classes, truth = np.unique(y, return_inverse=True)
    units = content_units(truth, together)
    check_counts(units.labels, classes, LEAST_PER_CLASS + 1, "a training and a test part need",
                 once=together is not None)  # fmt: skip
    strata, drawn = _strata(y, stratify, together), []
    one_test = len({size.test for size in sizes}) == 1
    for seed in range(random_state, random_state + repeats):
        parts = draw_named_sizes(strata, sizes, groups=groups, together=together, random_state=seed)
        for rows, _ in parts:
            _check_classes(truth, classes, rows, np.arange(len(y)), together)
        tests = [test for _, test in parts]
        drawn.append(Repeat(seed, tests[-1], [rows for rows, _ in parts], None if one_test else tests))
    return drawn


def _check_repeats(repeats: int) -> None:
    if isinstance(repeats, bool) or not isinstance(repeats, int | np.integer) or repeats < 1:
        raise ParameterError(f"got repeats={repeats!r}; expected a positive integer")


def _strata(y: np.ndarray, stratify: np.ndarray | None, together: np.ndarray | None) -> np.ndarray:
    """Return the labels by which test sets are stratified: the classes, or finer labels inside them."""
    if stratify is None:
        return y
    check_strata(stratify, len(y))
    strata = np.array([f"{label}, {finer}" for label, finer in zip(y, stratify, strict=True)])
    names, numbers = np.unique(strata, return_inverse=True)
    counts = np.bincount(content_units(numbers, together).labels, minlength=len(names))
    check_sizes(names, counts, 2, "a training and a test part need", kind="stratum", once=together is not None)
    return strata


def check_strata(strata: np.ndarray, n: int) -> None:
    if len(strata) != n:
        raise ParameterError(f"got {len(strata)} labels to stratify by for {n} images", "Pass one for each.")


def _counts(train_sizes: Sequence[float | int] | None, n: int, test_size: float, left: set[int]) -> list[int | None]:
    """Return the training sizes in increasing order; None stands for all where repeats leave different numbers."""
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
        # Whole images and whole groups meet a fraction roughly, so the largest one means all that the test set leaves.
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


def _check_classes(
    truth: np.ndarray, classes: np.ndarray, rows: np.ndarray, pool: np.ndarray, together: np.ndarray | None
) -> None:
    def counts(rows: np.ndarray) -> np.ndarray:
        labels = content_units(truth[rows], None if together is None else together[rows]).labels
        return np.bincount(labels, minlength=len(classes))

    found, left = counts(rows), int(counts(pool).min())
    # Every subset holds the share of each class to within one image.
    enough = -(-LEAST_PER_CLASS * len(pool) // left) if left >= LEAST_PER_CLASS else 0
    try:
        check_sizes(classes, found, LEAST_PER_CLASS, f"tuning needs, among the {len(rows):,} to train on",
                    once=together is not None)  # fmt: skip
    except DatasetError as error:
        if enough > len(rows):
            raise DatasetError(error.message, f"Train on {enough:,} or more images.") from None
        raise
