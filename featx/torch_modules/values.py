"""Describe a value of any kind by a text and the values that it consists of, for the digest of a module.

Only kinds on a list are understood. Any other value is described by what Python would pickle of it, and reported as
unknown.
"""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import functools
import hashlib
import logging
import operator
import pathlib
import re
import types
import typing
import uuid
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .class_parts import class_parts, is_importable
from .code_facts import code_facts, lasting_name, library
from .impure_functions import unknown_place
from .module_parts import Child, Parts, is_dense, module_children, tensor_bytes
from .object_state import CONTENT_TYPES, reduction, shows_all_state, state_of, unique_text

__all__ = ["value_parts"]

# Objects that are pickled as a few values and hold nothing else.
_BY_REDUCTION = (
    pathlib.PurePath,
    decimal.Decimal,
    fractions.Fraction,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    datetime.tzinfo,
    uuid.UUID,
    re.Pattern,
    operator.attrgetter,
    operator.itemgetter,
    operator.methodcaller,
    collections.deque,
    bytearray,
    type(vars(collections.namedtuple("_", "x"))["x"]),
)
_TYPING = (
    types.GenericAlias,
    types.UnionType,
    typing.TypeVar,
    typing.ParamSpec,
    vars(typing)["_GenericAlias"],
    vars(typing)["_SpecialForm"],
)
_BUILT_IN = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    types.ClassMethodDescriptorType,
    types.MethodWrapperType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
)
# How a value of a derived class is converted to the built-in class.
_PLAIN: dict[Any, Callable[[Any], Any]] = {
    int: int.__index__,
    float: float.__float__,
    complex: lambda value: complex.__add__(value, 0),
    str: str.__str__,
    bytes: lambda value: bytes.__getitem__(value, slice(None)),
}


def value_parts(value: Any, role: str = "") -> Parts:
    """Return the parts of a value; `role` is "called" where code may make objects of it."""
    kind = type(value)
    if role == "broken":
        return Parts(f"raises {kind.__name__}", unknown=f"whose attributes raise {kind.__name__}")
    if isinstance(value, nn.Module):
        return Parts("module", [Child("class", kind, shown=False), *module_children(value)])
    if isinstance(value, Tensor):
        return _tensor(value)
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            return Parts(f"array {value.shape}", [Child("values", value.tolist(), shown=False)])
        return Parts(f"array {value.dtype.str} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}")
    if isinstance(value, type):
        return class_parts(value, role)
    for kinds, describe in _KINDS:
        if isinstance(value, kinds):
            return describe(value)
    return _object(value)


def _tensor(value: Tensor) -> Parts:
    kind = type(value)
    children = [Child(name, item) for name, item in sorted(vars(value).items()) if not name.startswith("_")]
    if kind not in (Tensor, nn.Parameter, nn.Buffer):
        children.append(Child("class", kind, shown=False))
    if not is_dense(value):
        return Parts(
            f"tensor {value.dtype} {tuple(value.shape)}",
            children,
            unknown=f"a tensor that is {value.layout}, quantised or without values",
        )
    digest = hashlib.sha256(tensor_bytes(value)).hexdigest()
    return Parts(f"tensor {value.dtype} {tuple(value.shape)} {digest}", children)


def _library_function(value: FunctionType) -> Parts:
    owner = str(value.__globals__.get("__name__"))
    text = f"function {lasting_name(owner)}.{value.__code__.co_qualname} {library(owner)}"
    unknown, named = unknown_place(owner, value.__code__.co_name), str(value.__module__)
    if not unknown and library(named) is not None:
        # NumPy's functions name the package in place of the module that they are in, and wrappers what they wrap.
        unknown = unknown_place(named, value.__name__)
    if named == owner and is_importable(value):
        return Parts(text, unknown=unknown)
    children = [Child(f"default {n}", v) for n, v in enumerate(value.__defaults__ or ())]
    children += [Child(f"default {n}", v) for n, v in sorted((value.__kwdefaults__ or {}).items())]
    for name, cell in zip(value.__code__.co_freevars, value.__closure__ or (), strict=True):
        try:
            children.append(Child(name, cell.cell_contents, "called", shown=False))
        except ValueError:  # nothing is in it yet
            continue
    return Parts(text, children, unknown=unknown)


def _built_in(value: Any) -> Parts:
    owner = getattr(value, "__objclass__", None) or getattr(value, "__self__", None)
    if owner is None or isinstance(owner, types.ModuleType):
        place = str(value.__module__ or "torch") if owner is None else owner.__name__
        known = library(place)
        if known is None:
            return _object(value)
        return Parts(f"built-in {place}.{value.__name__} {known}", unknown=unknown_place(place, value.__name__))
    if isinstance(owner, type) and library(owner.__module__) is None:
        return Parts(f"slot {value.__name__}")
    if isinstance(owner, type):
        # Of methods only those of the class itself, such as datetime.now: others need an object, which is looked at.
        unknown = unknown_place(owner.__module__, value.__name__) if getattr(value, "__self__", None) is owner else ""
        place = f"{owner.__module__}.{owner.__qualname__}.{value.__name__}"
        return Parts(f"built-in {place} {library(owner.__module__)}", unknown=unknown)
    return Parts(f"built-in method {value.__name__}", [Child("self", owner, shown=False)])


def _collection(value: Any) -> Parts:
    kind = type(value)
    # By the methods of the built-in class, since a derived class may have others.
    base: Any = next(base for base in kind.__mro__ if base in CONTENT_TYPES)
    if base is dict:
        items = []
        # An ordered dictionary keeps its own order, which dict.items does not show.
        ordered = collections.OrderedDict if isinstance(value, collections.OrderedDict) else dict
        for number, (key, item) in enumerate(ordered.items(value)):
            items.append(Child(f"key {number}", key, shown=False))
            items.append(Child(key if type(key) is str else f"[{number}]", item, "called"))
    elif base in (set, frozenset) and kind is not base:
        items = [Child("content", set(base.__iter__(value)), shown=False)]
    elif base in (list, tuple, set, frozenset):
        items = [
            Child(f"[{n}]" if base in (list, tuple) else "item", v, "called")
            for n, v in enumerate(base.__iter__(value))
        ]
    else:
        items = [Child("content", _PLAIN[base](value), shown=False)]
    if kind is base:
        return Parts(f"{kind.__name__} {len(items)}", items, unordered=kind in (set, frozenset))
    rest = _object(value)
    return Parts(f"{rest.text} {len(items)}", [*rest.children, *items], unknown=rest.unknown)


def _object(value: Any) -> Parts:
    """Return an object's class and state; where Python does not show the state, what would be pickled, as unknown."""
    kind = type(value)
    children = [Child("class", kind, shown=False)]
    if isinstance(value, enum.Enum):
        return Parts(f"member {value.name}", children)
    if shows_all_state(kind):
        return Parts("object", children + [Child(name, item) for name, item in state_of(value)])
    unknown = f"an object of type {kind.__module__}.{kind.__qualname__}"
    try:
        return Parts("unknown", [*children, *reduction(value)], unknown=unknown)
    except Exception:  # it has no state that could be pickled, and equals no other object
        return Parts(f"unknown {unique_text(value)}", children, unknown=unknown)


def _cell(value: Any) -> Parts:
    return Parts("cell", [Child("content", value.cell_contents, shown=False)])


def _of(*names: str) -> Callable[[Any], Parts]:
    def describe(value: Any) -> Parts:
        return Parts(type(value).__name__, [Child(n, getattr(value, n, None), "called", shown=False) for n in names])

    return describe


def _cached(value: Any) -> Parts:
    return Parts("cached", [Child("__wrapped__", value.__wrapped__, "called", shown=False)])


def _reduced(value: Any) -> Parts:
    return Parts("value", list(reduction(value)))


def _ufunc(value: Any) -> Parts:
    name = str(value.__name__)
    if getattr(np, name, None) is value:
        return Parts(f"ufunc {name} {library('numpy')}")
    return _object(value)


_KINDS: list[tuple[Any, Callable[[Any], Parts]]] = [
    (FunctionType, _library_function),
    (types.MethodType, _of("__func__", "__self__")),
    (property, _of("fget", "fset", "fdel")),
    ((staticmethod, classmethod), _of("__func__")),
    (functools.cached_property, _of("func")),
    (
        functools.partial,
        lambda v: Parts(
            "partial",
            [
                Child("class", type(v), shown=False),
                Child("func", v.func, "called"),
                Child("args", v.args),
                Child("keywords", v.keywords),
                Child("more", vars(v)),
            ],
        ),
    ),
    (functools.partialmethod, _of("func", "args", "keywords")),
    (functools._lru_cache_wrapper, _cached),
    (types.CellType, _cell),
    (types.CodeType, lambda v: Parts(f"code {code_facts(v).text}")),
    (types.MappingProxyType, lambda v: Parts("proxy", [Child("dict", dict(v), shown=False)])),
    (logging.Logger, lambda v: Parts(f"logger {v.name}")),
    (_TYPING, lambda v: Parts(f"typing {v!r}")),
    ((torch.finfo, torch.iinfo), lambda v: Parts(repr(v))),
    ((torch._ops.OpOverload, torch._ops.OpOverloadPacket), lambda v: Parts(f"operation {v} {library('torch')}")),
    (np.ufunc, _ufunc),
    (_BUILT_IN, _built_in),
    (enum.Enum, _object),
    (_BY_REDUCTION, _reduced),
    (CONTENT_TYPES, _collection),
]
