"""A loaded model goes in; it is refused if an attribute of an object stands before a method of its class."""

from __future__ import annotations

from typing import Any

from ..extraction.estimator import ImageEstimator
from .model_parts import NOT_TRAVERSED, parts

__all__ = ["check_attributes"]


def check_attributes(model: Any) -> None:
    """Look at the attributes of every object in a model.

    What is called to look at a model, reset it or use it must be what its classes say, and not another function or type
    that the file may name.

    Raises
    ------
    ValueError
        If an attribute hides what the class of its object has under that name, but for the default of a value; or is
        called like a special method.
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
                raise ValueError(f"the attribute {f'{name}.{key}'.lstrip('.')} hides that of {kind.__name__}")


def _shadows(kind: type, key: str, value: Any) -> bool:
    if key.startswith("__") and key.endswith("__"):
        return True
    for base in kind.__mro__:
        if key in vars(base):
            default = vars(base)[key]
            plain = default is None or isinstance(default, bool | int | float | str)
            return key.startswith("_") or not plain or callable(value)
    return False
