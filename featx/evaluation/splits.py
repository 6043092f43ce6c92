"""Random splits into training and test rows, and folds of cross-validation: stratified; groups and duplicates whole."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from ..constraints import FRACTION
from ..exceptions import DatasetError, ParameterError
from .class_sizes import SmallClassError, check_counts, check_sizes
from .units import Units, content_units, count_by_group, join_groups, nearest_number

__all__ = [
    "INNER_FOLDS",
    "Split",
    "check_fraction",
    "held_out_split",
    "inner_folds",
    "outer_folds",
]

INNER_FOLDS = 3
# Random test parts of whole groups: at most `DRAWS` are tried, until `CANDIDATES` of them have every class on both
# sides. More candidates would have more even classes and be less random.
DRAWS = 100
CANDIDATES = 4

Split = tuple[np.ndarray, np.ndarray]


def held_out_split(
    y: np.ndarray,
    test_size: float,
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> Split:
    """Return stratified training and test rows, with each group on one side.

    Parameters
    ----------
    y : ndarray of shape (n,)
    test_size : float
        Fraction of the images, or their number; with groups it is met to within about half a group. The groups are
        drawn at random, so that repeated splits test different ones.
    groups : ndarray of shape (n,), default=None
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content, which stay on one side, as do groups that share an image. Without groups,
        each image is drawn once and its copies follow it.
    random_state : int, default=0

    Raises
    ------
    ParameterError
        If `test_size` is neither a fraction nor a number of images.
    DatasetError
        If the classes are too small for it.
    """
    whole = isinstance(test_size, int | np.integer) and 0 < test_size < len(y)
    if not whole:
        test_size = check_fraction(test_size)
    classes, truth = np.unique(y, return_inverse=True)
    units = content_units(truth, together)
    check_counts(units.labels, classes, 2, "a training and a test part need", once=together is not None)
    if groups is None:
        part = round(test_size * len(units.labels) / len(y)) if whole else test_size
        _check_fraction(test_size, part, units, len(classes))
        train, test = train_test_split(
            np.arange(len(units.labels)), test_size=part, stratify=units.labels, random_state=random_state
        )
        return units.rows(train), units.rows(test)
    codes = np.unique(join_groups(groups, together), return_inverse=True)[1]
    if codes.max() < 1:
        raise DatasetError(f"{_one_group(groups)}, which cannot be split", "Pass other groups, or none.")
    size = int(test_size) if whole else max(1, round(test_size * len(y)))
    test = _random_groups(truth, codes, size, np.random.default_rng(random_state))
    return np.flatnonzero(~test), np.flatnonzero(test)


def _check_fraction(test_size: float, part: float, units: Units, n_classes: int) -> None:
    """Raise SmallClassError unless both parts of a split can have an image of every class."""
    n = len(units.labels)

    def fits(part: float) -> bool:
        held = part if isinstance(part, int | np.integer) else math.ceil(part * n)
        return n_classes <= held <= n - n_classes

    if fits(part):
        return
    fractions = [number / 100 for number in range(1, 100) if fits(number / 100)]
    if fractions:
        # The one that is nearest to what was requested.
        good = min(fractions, key=lambda fraction: abs(fraction - part / n if part >= 1 else fraction - part))
        advice = f"Choose test_size={good:g} (--test-size {good:g})."
    else:
        advice = "Add images, or leave small classes out."
    raise SmallClassError(
        f"test_size={test_size} of {n:,} images does not leave one of each of the {n_classes} classes on either side",
        advice,
    )


def _one_group(groups: np.ndarray) -> str:
    """Return why there is only one group: it may be several that are joined by copies."""
    number = len(np.unique(groups))
    return (
        "all images are of one group"
        if number == 1
        else f"images that are in several groups join all {number} into one"
    )


def check_fraction(test_size: Any) -> float:
    """Return a fraction between 0 and 1, of any type of number, as a float.

    Raises
    ------
    ParameterError
        If it is not such a fraction.
    """
    FRACTION.check("test_size", test_size)
    # 0.2 in float32 is meant to be 0.2, not its exact value of 0.200000003.
    return float(str(test_size) if isinstance(test_size, np.floating) else test_size)


def _random_groups(truth: np.ndarray, codes: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """Return which rows are in a random test part of whole groups, of about this size, with every class on both sides.

    Of a few such draws it is the one with the most even shares of the classes. Where no draw has every class on both
    sides, every class is at least on the training side, if possible.
    """
    counts = count_by_group(truth, codes)
    total = counts.sum(axis=0)
    draws: list[tuple[int, float, np.ndarray]] = []
    for _ in range(DRAWS):
        order = rng.permutation(len(counts))
        taken = order[: min(nearest_number(counts, order, size), len(order) - 1)]
        tested = counts[taken].sum(axis=0)
        # A class missing from the training part counts for more than any number missing from the test part.
        lacking = (len(total) + 1) * int((tested == total).sum()) + int((tested == 0).sum())
        draws.append((lacking, float(np.abs(tested / tested.sum() - total / total.sum()).sum()), taken))
        if sum(not found for found, *_ in draws) == CANDIDATES:
            break
    return np.isin(codes, min(draws, key=lambda draw: draw[:2])[2])


def inner_folds(
    y: np.ndarray, groups: np.ndarray | None, random_state: int, together: np.ndarray | None = None
) -> list[Split]:
    """Return the folds for tuning inside training rows: three, or two where y and groups allow no more.

    Raises
    ------
    DatasetError
        If there are too few images of a class, or no split of the groups leaves every class in each training part.
    """
    classes, truth = np.unique(y, return_inverse=True)
    units = content_units(truth, together)
    groups = None if groups is None else join_groups(groups, together)
    check_counts(units.labels, classes, 2, "tuning needs", once=together is not None)
    least = int(np.bincount(units.labels).min())
    most = min(INNER_FOLDS, least, len(y) if groups is None else len(np.unique(groups)))
    for folds in range(most, 1, -1):
        splits = _folds(folds, truth, units, groups, random_state)
        if all(len(test) and len(np.unique(y[train])) == len(classes) for train, test in splits):
            return splits
    raise DatasetError("the training images are in too few groups to tune on", "Pass smaller groups, or none.")


def _folds(folds: int, truth: np.ndarray, units: Units, groups: np.ndarray | None, random_state: int) -> list[Split]:
    """Return the rows of each fold, with each group, or else each unit, on one side."""
    if groups is not None:
        grouped = StratifiedGroupKFold(folds, shuffle=True, random_state=random_state)
        return list(grouped.split(truth, truth, groups))
    plain = StratifiedKFold(folds, shuffle=True, random_state=random_state)
    return [(units.rows(train), units.rows(test)) for train, test in plain.split(units.labels, units.labels)]


def outer_folds(
    truth: np.ndarray,
    classes: np.ndarray,
    cv: int,
    groups: np.ndarray | None,
    random_state: int,
    together: np.ndarray | None = None,
) -> list[Split]:
    """Return (train rows, test rows) of each fold of a stratified cross-validation, with each group on one side.

    Raises
    ------
    ParameterError
        If `cv` is not an integer of at least 2.
    DatasetError
        If a class has too few images, or is in too few groups.
    """
    if isinstance(cv, bool) or not isinstance(cv, int | np.integer) or cv < 2:
        raise ParameterError(f"got cv={cv!r}; expected an integer of at least 2")
    units = content_units(truth, together)
    groups = None if groups is None else join_groups(groups, together)
    # The training part of a fold needs two images of a class, to tune on.
    least = max(cv, 4 if cv == 2 else 3)
    instead = _folds_instead(np.bincount(units.labels, minlength=len(classes)), cv)
    once = together is not None
    check_counts(units.labels, classes, least, f"{cv} folds need", once=once, instead=instead)
    if groups is not None:
        n_groups = np.array([len(np.unique(groups[truth == number])) for number in range(len(classes))])
        check_sizes(classes, n_groups, cv, f"{cv} folds need", what="group", instead=_folds_instead(n_groups, cv))
    return _folds(cv, truth, units, groups, random_state)


def _folds_instead(counts: np.ndarray, cv: int) -> str:
    """Return another number of folds that these numbers of images or groups of each class allow, if there is one."""
    most = int(counts.min())
    return f"cv={most} (--cv {most})" if most >= 3 and most != cv else ""
