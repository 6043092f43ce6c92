"""X as scikit-learn hands it over goes in, a list of images comes out.

Rows of a 2-D array are flattened images. With ``image_shape=None`` a row of s * s values is a square grey image and
one of 3 * s * s values a square RGB image; any other length is a grey strip, one pixel high.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.utils import assert_all_finite, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, validate_data

from .exceptions import DatasetError, ParameterError
from .images import ImageSource, ValueRange, wrap_images
from .notes import note_once
from .single_images import refuse_single_image

__all__ = ["check_images", "check_labels"]

# Longer rows are remarked on where nothing says that they are square images.
PLAIN_ROW = 16


def check_images(
    estimator: BaseEstimator,
    X: Any,
    *,
    reset: bool,
    image_shape: tuple[int, ...] | None = None,
    value_range: ValueRange = None,
    max_pixels: int | None = None,
) -> Sequence[ImageSource]:
    """Turn any accepted X into images.

    Parameters
    ----------
    estimator : estimator
        Whose ``n_features_in_`` is set (`reset`) or compared, for 2-D X.
    X : array-like of shape (n_samples,), (n_samples, n_values), (n_samples, h, w) or (n_samples, h, w, c)
        Paths, URLs, PIL images or arrays; a data frame of one column of paths; or numbers.
    reset : bool
        True in ``fit``.
    image_shape : tuple of int, default=None
        (h, w) or (h, w, c) of the flattened rows.
    value_range : (low, high), "minmax" or None
    max_pixels : int or None

    Raises
    ------
    ValueError
        If X is empty, one-dimensional and numeric, ragged, or holds NaN.
    ParameterError
        If X mixes kinds, or is a single image; it is a ValueError too.
    """
    options: dict[str, Any] = {"value_range": value_range, "max_pixels": max_pixels}
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    refuse_single_image(X)
    items = _items(X)
    if items is not None:
        if not items:
            raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required: pass images.")
        _note_image_shape(image_shape)
        return wrap_images(items, **options)
    array = X if hasattr(X, "dtype") or hasattr(X, "iloc") else _as_array(X)
    if getattr(array, "ndim", 0) > 2:
        _note_image_shape(image_shape)
        images = validate_data(estimator, array, reset=False, ensure_2d=False, allow_nd=True)
        return wrap_images(images, **options)
    rows = validate_data(estimator, X, reset=reset)
    shape = _row_shape(rows.shape[1], image_shape)
    if image_shape is None and rows.shape[1] > PLAIN_ROW and (shape[0] == 1 or rows.shape[0] == rows.shape[1]):
        note_once(
            f"rows of {rows.shape[1]} values are taken as images of {' x '.join(map(str, shape))}: image_shape= says "
            "what they are; a single grey image is passed as [image]"
        )
    return wrap_images(rows.reshape(-1, *shape), **options)


def check_labels(images: Sequence[ImageSource], y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes in sorted order and the class number of each image.

    Raises
    ------
    ValueError
        If y is missing, continuous, of another length, or holds NaN.
    DatasetError
        If there is only one class; it is a ValueError too.
    """
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None: pass the labels.")
    labels = column_or_1d(y, warn=True)
    if labels.dtype.kind == "f":
        assert_all_finite(labels, input_name="y")
    check_consistent_length(images, labels)
    check_classification_targets(labels)
    classes, targets = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise DatasetError(f"there is only one class, {str(classes[0])!r}", "A classifier needs at least two.")
    return classes, targets


def _note_image_shape(image_shape: tuple[int, ...] | None) -> None:
    if image_shape is not None:
        note_once(f"image_shape={image_shape!r} has no effect on these images: only rows of numbers are folded")


def _items(X: Any) -> list[Any] | None:
    """Return the images of a one-dimensional collection, or None where X is numbers."""
    if hasattr(X, "columns") and hasattr(X, "shape"):
        if X.shape[1] != 1 or not _is_text(np.asarray(X)[:1].ravel()):
            return None
        return list(np.asarray(X).ravel())
    if isinstance(X, np.ndarray) and not (X.dtype.kind in "OUT" and _is_collection(X)):
        return None
    if hasattr(X, "toarray") or not (isinstance(X, Sequence) or hasattr(X, "__array__")):
        return None
    if not isinstance(X, Sequence):
        array = np.asarray(X)
        if array.dtype.kind not in "OUT" or not _is_collection(array):
            return None
        X = array
    values = list(np.ravel(X)) if isinstance(X, np.ndarray) else list(X)
    # Hundreds of thousands of plain paths are told by their types alone.
    kinds = {"path"} if values and set(map(type, values)) == {str} else {_kind(value) for value in values}
    if kinds - {"path", "PIL image", "array"}:
        if kinds & {"path", "PIL image"}:
            raise _mixed(kinds)
        return None
    if len(kinds) > 1:
        raise _mixed(kinds)
    return values


def _mixed(kinds: set[str]) -> ParameterError:
    return ParameterError(f"got X that mixes {' and '.join(sorted(kinds))}", "Pass images of one kind.")


def _is_collection(array: np.ndarray) -> bool:
    """Tell an array of images from an object array of numbers."""
    if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] != 1):
        return False
    return array.size == 0 or _kind(array.flat[0]) in ("path", "PIL image", "array")


def _is_text(values: np.ndarray) -> bool:
    return len(values) > 0 and _kind(values[0]) == "path"


def _kind(value: Any) -> str:
    if isinstance(value, str | os.PathLike):
        return "path"
    if isinstance(value, Image.Image):
        return "PIL image"
    if getattr(value, "ndim", 0) >= 2 and hasattr(value, "__array__"):
        return "array"
    return "number" if np.ndim(value) == 0 else "row"


def _as_array(X: Any) -> Any:
    """Return nested lists as an array, so that their depth is known; others go to scikit-learn's checks as they are."""
    if not isinstance(X, Sequence):
        return np.asarray(X) if hasattr(X, "__array__") else X
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(f"X is ragged: {error}. Pass a list of arrays for images of different sizes.") from None


def _row_shape(n_values: int, image_shape: tuple[int, ...] | None) -> tuple[int, ...]:
    if image_shape is not None:
        sides = image_shape if isinstance(image_shape, Sequence) else [image_shape]
        whole = all(isinstance(side, int | np.integer) and side > 0 for side in sides)
        if not whole or len(sides) not in (2, 3):
            raise ParameterError(
                f"got image_shape={image_shape!r}; expected (height, width) or (height, width, channels)"
            )
        if math.prod(image_shape) != n_values:
            raise ParameterError(f"got image_shape={tuple(image_shape)}, which does not fit rows of {n_values} values")
        return tuple(image_shape)
    side = math.isqrt(n_values)
    if side * side == n_values:
        return side, side
    side = math.isqrt(n_values // 3)
    if 3 * side * side == n_values:
        return side, side, 3
    return 1, n_values
