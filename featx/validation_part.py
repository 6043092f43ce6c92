"""The classes of training images go in; the rows to train on and those that decide when to stop training come out."""

from __future__ import annotations

import math

import numpy as np

from .exceptions import DatasetError
from .splits import Split, held_out_split

__all__ = ["hold_out_validation"]


def hold_out_validation(
    targets: np.ndarray,
    classes: np.ndarray,
    *,
    fraction: float,
    groups: np.ndarray | None = None,
    random_state: int = 0,
) -> Split:
    """Return the rows to train on and a stratified part of them to validate on, whole groups on one side.

    Parameters
    ----------
    targets : ndarray of int, shape (n,)
        Class numbers.
    classes : ndarray
    fraction : float
        At least one image of each class is on either side.
    groups : ndarray of shape (n,), default=None
    random_state : int, default=0

    Raises
    ------
    DatasetError
        If there are too few images, or groups, of a class.
    """
    counts = np.bincount(targets)
    if counts.min() < 2:
        raise DatasetError(
            f"class {str(classes[counts.argmin()])!r} has one image, too few to train on and to validate on",
            "Add images, leave the class out, or pass early_stopping=False to train without a validation part.",
        )
    if groups is not None:
        train, validation = held_out_split(targets, fraction, groups=groups, random_state=random_state)
        if len(missing := np.setdiff1d(targets, targets[train])):
            raise DatasetError(
                f"class {str(classes[missing[0]])!r} lies in too few groups to be trained and validated on",
                "Pass other groups, or early_stopping=False to train without a validation part.",
            )
        return train, validation
    size = max(math.ceil(fraction * len(targets)), len(counts))
    if len(targets) - size < len(counts):
        raise DatasetError(
            f"{len(targets)} images of {len(counts)} classes are too few for a validation part",
            "Add images, or pass early_stopping=False to train without one.",
        )
    return held_out_split(targets, size, random_state=random_state)
