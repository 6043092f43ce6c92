"""Walk through everything that a fitted model holds, by name, and compare two models part by part."""

from __future__ import annotations

import gc
import unicodedata
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import numpy as np
from scipy.sparse import csr_array, csr_matrix
from sklearn.base import BaseEstimator

from ..extraction.estimator import ImageEstimator

__all__ = ["class_names", "difference", "image_estimators", "parts"]

# Types that belong to Python and its modules, hold nothing, or are checked elsewhere.
NOT_TRAVERSED = (
    *(type, FunctionType, BuiltinFunctionType, CodeType, FrameType, ModuleType),
    *(ImageEstimator, str, bytes, int, float, complex, type(None)),
)


def parts(model: Any, *, inside: bool = False) -> Iterator[tuple[str, Any]]:
    """Yield a model and all that it holds, each object once, however it is held.

    The name of each is how it is reached: attributes, keys and positions, each after a point. The attributes of an
    image estimator are left out; with `inside` only its network and cache are, which may be custom objects.
    """
    seen: dict[int, Any] = {}
    pending = [("", model)]
    while pending:  # not by recursion, for a file may be nested to any depth
        name, part = pending.pop()
        if id(part) in seen:
            continue
        seen[id(part)] = part  # kept, so that no other object gets its number
        yield name, part
        if inside and isinstance(part, ImageEstimator):
            children = [(key, child) for key, child in vars(part).items() if key not in ("backbone", "cache")]
        else:
            children = _children(part)
        pending += [(f"{name}.{key}", child) for key, child in reversed(children)]


def _children(value: Any) -> list[tuple[Any, Any]]:
    """Return what an object holds; last, without names, what only Python's garbage collector finds."""
    if isinstance(value, NOT_TRAVERSED):
        return []
    named: list[tuple[Any, Any]] = []
    if isinstance(value, Mapping):
        named += value.items()
    elif isinstance(value, list | tuple | set | frozenset):
        named += enumerate(value)
    elif isinstance(value, np.ndarray) and value.dtype == object:
        named += enumerate(np.asarray(value).flat)
    attributes = getattr(value, "__dict__", {})
    named += attributes.items()
    known = {id(attributes), *(id(child) for _, child in named)}
    # Slots, keys, and what a partial function, a bound method, an iterator or a compiled object holds.
    return named + [("", child) for child in gc.get_referents(value) if id(child) not in known]


def image_estimators(model: BaseEstimator) -> dict[str, ImageEstimator]:
    """Return the image estimators in a model, by parameter or position; the model itself has an empty name.

    ColumnTransformer and the searches keep fitted copies that are not among their parameters.
    """
    named = {"": model, **model.get_params(deep=True)}
    found = {name: part for name, part in named.items() if isinstance(part, ImageEstimator)}
    known = {id(part) for part in found.values()}
    others = {name: part for name, part in parts(model) if isinstance(part, ImageEstimator) and id(part) not in known}
    return {**found, **others}


def class_names(classes: Any) -> list[str]:
    """Return the names of a classifier's classes as text; an empty list for a multi-label model.

    They are in the Unicode form in which labels are read; models of earlier versions may hold another.
    """
    if isinstance(classes, list):  # one array for each label
        return []
    names = [name.decode(errors="backslashreplace") if isinstance(name, bytes) else str(name) for name in classes]
    return [unicodedata.normalize("NFC", name) for name in names]


def difference(a: Any, b: Any) -> str | None:
    """Return the name of the first part in which a model differs from its copy, or None if there is no such part."""
    seen: dict[tuple[int, int], Any] = {}
    pending = [("", a, b)]
    while pending:
        name, a, b = pending.pop()
        if a is b or (id(a), id(b)) in seen:
            continue
        seen[id(a), id(b)] = a, b  # kept, so that no other object gets their numbers
        pairs = _pairs(a, b)
        if pairs is None:
            return name.lstrip(".") or type(a).__name__
        pending += [(f"{name}.{key}" if key != "" else name, *pair) for key, *pair in reversed(pairs)]
    return None


def _pairs(a: Any, b: Any) -> list[tuple[Any, Any, Any]] | None:
    """Return the pairs that are still to be compared for two objects to be equal, or None if they are not."""
    if isinstance(a, bool | int | float | str) and isinstance(b, bool | int | float | str):
        same = isinstance(a, bool) is isinstance(b, bool) and (a == b or (a != a and b != b))
        return [] if same else None
    if type(a) is not type(b):
        return None
    if isinstance(a, np.ndarray | np.generic):
        return _array_pairs(np.ma.getdata(a), np.ma.getdata(b), np.ma.getmask(a), np.ma.getmask(b))
    if isinstance(a, csr_matrix | csr_array):  # without the flags that cache the order of their positions
        return [(name, getattr(a, name), getattr(b, name)) for name in ("shape", "data", "indices", "indptr")]
    if isinstance(a, Mapping):
        return [(key, a[key], b[key]) for key in a] if list(a) == list(b) and _kinds(a) == _kinds(b) else None
    if isinstance(a, list | tuple):
        return [(number, *pair) for number, pair in enumerate(zip(a, b, strict=True))] if len(a) == len(b) else None
    if isinstance(a, set | frozenset | bytes | np.dtype | type | FunctionType):
        return [] if a == b else None
    if isinstance(a, np.random.RandomState):
        return [("", a.get_state(legacy=False), b.get_state(legacy=False))]
    if isinstance(a, np.random.Generator):
        return [("", a.bit_generator.state, b.bit_generator.state)]
    if hasattr(a, "__dict__"):
        return [("", vars(a), vars(b))]
    # Compiled types: what they would pickle, without the function that would make them.
    return [("", a.__reduce__()[1:], b.__reduce__()[1:])]


def _array_pairs(a: Any, b: Any, *masks: Any) -> list[tuple[Any, Any, Any]] | None:
    if a.dtype != b.dtype or a.shape != b.shape or not np.array_equal(*masks):
        return None
    if a.dtype == object:
        return [(number, *pair) for number, pair in enumerate(zip(a.flat, b.flat, strict=True))]
    if a.dtype.names:  # padding between the fields is not part of the values
        return [(field, a[field], b[field]) for field in a.dtype.names]
    return [] if np.array_equal(a, b, equal_nan=a.dtype.kind in "fc") else None


def _kinds(mapping: Mapping[Any, Any]) -> list[type]:
    """Return the types of a mapping's keys, those of numpy's scalars as Python's."""
    return [type(key.item() if isinstance(key, np.generic) else key) for key in mapping]
