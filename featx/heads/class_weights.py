"""Class weights: "balanced" or a mapping of labels -> the weight of each class, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from ..exceptions import ParameterError

__all__ = ["class_weights"]


def class_weights(class_weight: Any, classes: np.ndarray, targets: np.ndarray) -> tuple[float, ...] | None:
    """Return a weight for each class; "balanced" is n / (k * images of the class), as in scikit-learn.

    Parameters
    ----------
    class_weight : "balanced", mapping or None
    classes : ndarray of shape (k,)
        The labels, by class number.
    targets : ndarray of int, shape (n,)
        Class numbers.

    Raises
    ------
    ParameterError
        If a label is not a class, or a weight is negative or not a number, or all weights are 0.
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, Mapping):
        if unknown := [label for label in class_weight if label not in classes]:
            raise ParameterError(f"got class_weight for {unknown[0]!r}, which is not a class", "Use labels of y.")
        for value in class_weight.values():
            if not _is_number(value) or not 0 <= value < math.inf:
                raise ParameterError(f"got {value!r} in class_weight; expected numbers that are not negative")
        weights = [float(class_weight.get(label, 1.0)) for label in classes.tolist()]
        if not any(weights):
            raise ParameterError(f"got class_weight={class_weight!r}; expected a class whose weight is above 0")
        return tuple(weights)
    if isinstance(class_weight, str) and class_weight == "balanced":
        return tuple(compute_class_weight(class_weight, classes=np.arange(len(classes)), y=targets).tolist())
    raise ParameterError(
        f"got class_weight={class_weight!r}; expected 'balanced', a mapping of label to weight, or None"
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
