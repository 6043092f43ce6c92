"""Labels y of a classifier -> the classes in sorted order and the class number of each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length

from ..exceptions import DatasetError
from .labels import plain_labels

__all__ = ["check_labels"]


def check_labels(images: Sequence[Any] | np.ndarray, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes in sorted order and the class number of each image.

    Raises
    ------
    ValueError
        If y is missing, continuous, of another length, or holds None or NaN, which are counted.
    DatasetError
        If there is only one class; it is a ValueError too.
    """
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None: pass the labels.")
    labels = column_or_1d(plain_labels(y, name="y"), warn=True)
    if labels.dtype.kind == "f":
        assert_all_finite(labels, input_name="y")
    check_consistent_length(images, labels)
    check_classification_targets(labels)
    classes, targets = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise DatasetError(f"there is only one class, {str(classes[0])!r}", "A classifier needs at least two.")
    return classes, targets
