"""Refuse a loaded model in which an attribute of an object shadows a method of its class."""

from __future__ import annotations

from typing import Any

from ..extraction.estimator import ImageEstimator
from .model_parts import NOT_TRAVERSED, parts

__all__ = ["check_attributes"]


def check_attributes(model: Any) -> None:
    """Check the attributes of every object in a model.

    The methods that are called to check, reset or use a model must be those of its classes, and not another function or
    type that the file names.

    Raises
    ------
    ValueError
        If an attribute shadows one of its class, other than the default of a value; or has the name of a special
        method.
    """
    for name, part in parts(model, inside=True):
        kind = type(part)
        # Attributes of numpy's arrays and functions come from numpy alone.
        if kind.__module__.partition(".")[0] == "numpy" or (
            isinstance(part, NOT_TRAVERSED) and not isinstance(part, ImageEstimator)
        ):
            continue
        for key, value in getattr(part, "__dict__", {}).items():
            if isinstance(key, str) and _shadows(kind, key, value):
                raise ValueError(f"the attribute {f'{name}.{key}'.lstrip('.')} shadows that of {kind.__name__}")


def _shadows(kind: type, key: str, value: Any) -> bool:
    if key.startswith("__") and key.endswith("__"):
        return True
    for base in kind.__mro__:
        if key in vars(base):
            default = vars(base)[key]
            plain = default is None or isinstance(default, bool | int | float | str)
            return key.startswith("_") or not plain or callable(value)
    return False
