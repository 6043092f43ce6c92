"""The validation split of early stopping: hold out a stratified part of the training images, or check given ones."""

from __future__ import annotations

import math
from collections.abc import Sized
from typing import Any

import numpy as np
from sklearn.utils.validation import check_consistent_length, column_or_1d

from ..evaluation.class_sizes import SmallClassError, check_counts
from ..evaluation.splits import Split, check_fraction, held_out_split
from ..evaluation.units import content_units
from ..exceptions import DatasetError, ParameterError
from ..images.labels import plain_labels

__all__ = ["NO_EARLY_STOPPING", "hold_out_validation", "validation_targets"]

# What messages name as the way to train without a validation part.
NO_EARLY_STOPPING = "early_stopping=False (--no-early-stopping)"


def hold_out_validation(
    targets: np.ndarray,
    classes: np.ndarray,
    *,
    fraction: float,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> Split:
    """Return the rows to train on and a stratified part of them to validate on, whole groups on one side.

    Parameters
    ----------
    targets : ndarray of int, shape (n,)
        Class numbers.
    classes : ndarray
    fraction : float
        At least one image of each class is in each part.
    groups : ndarray of shape (n,), default=None
    together : ndarray of int, shape (n,), default=None
        Equal for images of the same content, which are all in one part.
    random_state : int, default=0

    Raises
    ------
    DatasetError
        If there are too few images, or groups, of a class.
    """
    fraction = check_fraction(fraction)
    units, once = content_units(targets, together), together is not None
    n, n_classes = len(units.labels), len(classes)
    check_counts(units.labels, classes, 2, "training and validation need", once=once, instead=NO_EARLY_STOPPING)
    if groups is not None:
        train, validation = held_out_split(
            targets, fraction, groups=groups, together=together, random_state=random_state
        )
        if len(missing := np.setdiff1d(targets, targets[train])):
            raise DatasetError(
                f"class {str(classes[missing[0]])!r} lies in too few groups to be trained and validated on",
                f"Pass other groups, or use {NO_EARLY_STOPPING}.",
            )
        return train, validation
    size = max(math.ceil(fraction * n), n_classes)
    if n - size < n_classes:
        raise SmallClassError(
            f"{n} images of {n_classes} classes are too few for a validation part{', copies counted once' * once}",
            f"Add images, or use {NO_EARLY_STOPPING}.",
        )
    rows = round(size * len(targets) / n)
    return held_out_split(targets, rows, together=together, random_state=random_state)


def validation_targets(images: Sized, y_val: Any, classes: np.ndarray) -> np.ndarray:
    """Return the class numbers of images to validate on that were passed to fit.

    Raises
    ------
    ParameterError
        If one of them has a label that is not a class.
    """
    labels = column_or_1d(plain_labels(y_val, name="y_val"))
    check_consistent_length(images, labels)
    # Texts and numbers are not compared.
    known = set(classes.tolist())
    if unknown := [label for label in labels.tolist() if label not in known]:
        raise ParameterError(f"got {str(unknown[0])!r} in y_val, which is not a class of y", "Leave those images out.")
    return np.searchsorted(classes, labels)
