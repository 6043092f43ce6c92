"""Validate the X of an estimator and turn it into images, as scikit-learn's `validate_data` does for numbers.

Rows of a 2-D array are flattened images. With ``image_shape=None``, a row of s * s values is a square grey image and
one of 3 * s * s values a square RGB image; a row of any other length is a grey strip, one pixel high.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from ..constraints import check_values
from ..display.notes import note_once
from ..exceptions import ParameterError
from .cells import array_of
from .containers import cells_of
from .labels import missing_cells_error
from .single_images import refuse_single_image
from .sources import ImageSource, ValueRange, wrap_images

__all__ = ["check_images"]

# For longer rows, a note says which shape was guessed.
SHORT_ROW = 16
CHANNELS = (1, 3, 4)


def check_images(
    estimator: BaseEstimator,
    X: Any,
    *,
    reset: bool,
    image_shape: tuple[int, ...] | None = None,
    value_range: ValueRange = None,
    max_pixels: int | None = None,
) -> Sequence[ImageSource]:
    """Turn any supported X into images.

    Parameters
    ----------
    estimator : estimator
        Its ``n_features_in_`` is set (`reset`) or compared, for 2-D X.
    X : array-like of shape (n_samples,), (n_samples, n_values), (n_samples, h, w) or (n_samples, h, w, c)
        Images of any kind that `read_image` takes, in a list, an array, a Series or other column, or a frame of one
        column, of pandas, polars or pyarrow; or numbers. None, NaN, NaT, ``pd.NA`` and "" are missing images, which
        raise unless the estimator has ``on_error="skip"``.
    reset : bool
        True in ``fit``.
    image_shape : tuple of int, default=None
        Shape of the flattened images: (h, w), (h, w, c) or (c, h, w); if both could be meant, the channels are last.
    value_range : (low, high), "minmax" or None
    max_pixels : int or None

    Raises
    ------
    ValueError
        If X is empty, one-dimensional and numeric, ragged, or holds NaN.
    ParameterError
        If X is a single image, has more than one column, no order or no numbered items, contains something that is
        not an image, or lacks images; the message names the type, and the row or column. It is a ValueError too.
    """
    options: dict[str, Any] = {"value_range": value_range, "max_pixels": max_pixels}
    if reset:
        for name in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(name, None)
    check_values({"image_shape": image_shape})
    refuse_single_image(X)
    # Of a tensor with a gradient, on another device or in bfloat16, the values are taken.
    X = array_of(X) if hasattr(X, "detach") else X
    if (found := cells_of(X)) is not None:
        cells, missing = found
        if not cells:
            raise ValueError("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required: pass images.")
        if missing and getattr(estimator, "on_error", "raise") != "skip":
            rows = _with_index(X, missing)
            raise missing_cells_error("image", "X", rows, len(cells), hasattr(estimator, "on_error"))
        _note_image_shape(image_shape)
        return wrap_images(cells, **options)
    array = X if hasattr(X, "dtype") or hasattr(X, "iloc") else _as_array(X)
    if getattr(array, "ndim", 0) > 2:
        _note_image_shape(image_shape)
        _refuse_channels_first(array)
        images = validate_data(estimator, array, reset=False, ensure_2d=False, allow_nd=True)
        return wrap_images(images, **options)
    return wrap_images(_reshaped(validate_data(estimator, X, reset=reset), image_shape), **options)


def _with_index(X: Any, rows: list[int]) -> list[Any]:
    """Return rows with their names in the index of pandas, which tell them where X is a part of a table."""
    index: Any = getattr(X, "index", None)
    if not hasattr(index, "tolist"):  # a list has a method of this name
        return rows
    return [row if index[row] == row else f"{row} (index {index[row]!s:.40})" for row in rows]


def _note_image_shape(image_shape: tuple[int, ...] | None) -> None:
    if image_shape is not None:
        note_once(f"image_shape={image_shape!r} has no effect on these images: only rows of numbers are reshaped")


def _as_array(X: Any) -> Any:
    """Return nested lists as an array, so that their depth is known; leave anything else to scikit-learn's checks."""
    if not isinstance(X, Sequence):
        return array_of(X) if hasattr(X, "__array__") else X
    try:
        return np.asarray(X)
    except ValueError as error:
        raise ValueError(f"X is ragged: {error}. Pass a list of arrays for images of different sizes.") from None


def _refuse_channels_first(array: Any) -> None:
    shape = tuple(array.shape)
    if len(shape) == 4 and shape[3] not in CHANNELS and shape[1] in CHANNELS:
        raise ParameterError(
            f"got X of shape {shape}, whose channels come first",
            "Pass (n, h, w, channels): X.transpose(0, 2, 3, 1), of a tensor X.permute(0, 2, 3, 1).",
        )


def _reshaped(rows: np.ndarray, image_shape: tuple[int, ...] | None) -> np.ndarray:
    """Return rows of values as images of shape (n, h, w) or (n, h, w, c)."""
    n_rows, n_values = rows.shape
    if image_shape is None:
        shape = _guessed_shape(n_values)
        if n_values > SHORT_ROW and (shape[0] == 1 or n_rows == n_values):
            note_once(
                f"rows of {n_values} values are taken as images of {' x '.join(map(str, shape))}: image_shape= says "
                "what they are; a single grey image is passed as [image]"
            )
        elif n_values > SHORT_ROW and len(shape) == 3:
            note_once(
                f"rows of {n_values} values are taken as images of {' x '.join(map(str, shape))}, with the channels of "
                f"each pixel side by side: image_shape=(3, {shape[0]}, {shape[1]}) says that one channel comes after "
                "the other, as in CIFAR's files"
            )
        return rows.reshape(-1, *shape)
    sides = tuple(image_shape)
    if math.prod(sides) != n_values:
        raise ParameterError(f"got image_shape={sides}, which does not fit rows of {n_values} values")
    images = rows.reshape(-1, *sides)
    first = len(sides) == 3 and sides[2] not in CHANNELS and sides[0] in CHANNELS
    return images.transpose(0, 2, 3, 1) if first else images


def _guessed_shape(n_values: int) -> tuple[int, ...]:
    side = math.isqrt(n_values)
    if side * side == n_values:
        return side, side
    side = math.isqrt(n_values // 3)
    if 3 * side * side == n_values:
        return side, side, 3
    return 1, n_values
