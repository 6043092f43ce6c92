"""Validate class labels and groups: arrays that can be sorted, with one value for each image and none missing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..constraints import shown
from ..exceptions import DatasetError, ParameterError
from .cells import array_of, is_missing
from .containers import first_few

__all__ = ["check_labels", "missing_cells_error", "plain_column", "plain_labels", "unlabelled"]


def plain_labels(values: Any, *, name: str) -> np.ndarray:
    """Return labels, groups or the like as an array.

    Raises
    ------
    ParameterError
        If some are missing, have a type without an order, or have several types that cannot be compared, some of which
        NumPy would turn into texts.
    """
    if hasattr(values, "detach"):  # a tensor with a gradient, or on another device
        values = array_of(values)
    _refuse_container(values, name)
    if isinstance(values, np.ndarray) and values.dtype.kind == "T":  # NumPy's strings of any length
        values = values.ravel().tolist()
    if rows := unlabelled(values):
        raise missing_cells_error("label" if name.startswith("y") else name.rstrip("s"), name, rows, len(values))
    array = np.asarray(values)
    if array.ndim == 0:
        raise ParameterError(f"got {name}={shown(values)}; expected one for each image", "Pass a list.")
    if array.ndim != 1 and not name.startswith("y"):  # those may be a column
        raise ParameterError(f"got {name} of shape {array.shape}; expected one for each image")
    if array.dtype.kind == "c":  # in scikit-learn's words
        raise ParameterError(f"Complex data not supported: got {name} of type {array.dtype}", "Pass texts or integers.")
    if array.dtype.kind == "V":
        raise _unordered_error(name, array)
    if array.dtype.kind not in "OSU" or (array is values and array.dtype.kind == "U"):
        return array
    # NumPy would make an array of texts of a list of texts and numbers.
    items = array.ravel().tolist() if not isinstance(values, list | tuple) else values
    kinds = {str if isinstance(item, str) else type(item) for item in items}
    if len(kinds) > 1 and str in kinds:
        named = " and ".join(sorted(kind.__name__ for kind in kinds))
        raise ParameterError(f"got {name} of several types: {named}; expected one", "Make them all texts: str(label).")
    if array.dtype.kind == "O":
        try:
            sorted(set(items))
        except TypeError:  # they cannot be hashed or compared
            raise _unordered_error(name, array) from None
    return array


def plain_column(values: Any, n: int, *, name: str, what: str = "images") -> np.ndarray | None:
    """Return one value for each of n images or rows, such as its group, as an array; None stays None.

    Raises
    ------
    ParameterError
        If there is not one for each; and for the reasons of `plain_labels`.
    """
    if values is None:
        return None
    column = plain_labels(values, name=name)
    if len(column) != n:
        noun = "labels" if name.startswith("y") else name
        raise ParameterError(f"got {len(column):,} {noun} for {n:,} {what}; expected one for each")
    return column


def check_labels(images: Sequence[Any] | np.ndarray, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes in sorted order and the class number of each image.

    Raises
    ------
    ValueError
        If y is missing, continuous, of another length, or contains None or NaN; the message counts these.
    DatasetError
        If there is only one class; it is a ValueError too.
    """
    from sklearn.utils import assert_all_finite, column_or_1d
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_consistent_length

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


def unlabelled(values: Any) -> list[int]:
    """Return the indices of None, NaN, NaT and the missing value of pandas."""
    if isinstance(values, list | tuple):  # among texts, NumPy would turn NaN into one
        cells: Any = values
    elif (array := np.asarray(values)).dtype.kind not in "OfMm":
        return []
    else:
        cells = array.ravel()
    return [index for index, value in enumerate(cells) if is_missing(value)]


def missing_cells_error(what: str, where: str, rows: list[Any], n_rows: int, can_skip: bool = False) -> ParameterError:
    """Return the error for cells that are empty."""
    skip = ", or pass on_error='skip', which makes their rows NaN" if can_skip else ""
    return ParameterError(
        f"got no {what} in {len(rows):,} of {n_rows:,} rows of {where} (None, NaN or empty): row"
        f"{'s' if len(rows) > 1 else ''} {first_few(rows)}",
        f"Leave these rows out{skip}.",
    )


def _refuse_container(values: Any, name: str) -> None:
    """Raise a ParameterError for containers without numbered items, which NumPy would turn into a single object."""
    what = f"got {name} of type {type(values).__name__}"
    if isinstance(values, Mapping):
        raise ParameterError(f"{what}; expected one for each image", f"Pass list({name}.values()).")
    if isinstance(values, set | frozenset):
        raise ParameterError(f"{what}, which has no order", "Pass a list with one for each image.")
    if isinstance(values, Iterable) and not hasattr(values, "__getitem__"):
        raise ParameterError(f"{what}, which has no numbered items", f"Pass list({name}).")


def _unordered_error(name: str, array: np.ndarray) -> ParameterError:
    kind = type(array.ravel()[0]).__name__ if array.dtype.kind == "O" else array.dtype
    return ParameterError(
        f"got {name}={shown(array.tolist())} of type {kind}, which has no order", "Pass texts or integers."
    )
