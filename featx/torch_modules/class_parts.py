"""List what a class adds to the digest of a module: its base classes, methods and other members."""

from __future__ import annotations

import enum
import sys
from types import FunctionType
from typing import Any

from .code_facts import code_facts, lasting_name, library, plain_text
from .impure_functions import is_user_code, unknown_place
from .module_parts import Child, Parts

__all__ = ["class_parts", "is_called_implicitly", "is_importable", "shallow_text"]

# Bookkeeping of a class about itself.
_ABOUT_CLASSES = frozenset(
    [
        "__dict__",
        "__weakref__",
        "__doc__",
        "__module__",
        "__qualname__",
        "__annotations__",
        "__annotate__",
        "__annotate_func__",
        "__annotations_cache__",
        "__firstlineno__",
        "__static_attributes__",
        "__parameters__",
        "__orig_bases__",
        "__slots__",
        "__abstractmethods__",
        "__match_args__",
        "__dataclass_params__",
        "__dataclass_fields__",
        "_abc_impl",
        "_autograd_function_id",
        "_backward_cls",
        "_compiled_autograd_backward_state",
        "__classdictcell__",
    ]
)
# Methods that make, print, copy and store objects; none of them takes part when a network computes.
_HOUSEKEEPING = frozenset(
    [
        "__init__",
        "__new__",
        "__post_init__",
        "__repr__",
        "__str__",
        "__format__",
        "__del__",
        "__reduce__",
        "__reduce_ex__",
        "__getstate__",
        "__setstate__",
        "__copy__",
        "__deepcopy__",
        "__init_subclass__",
        "__class_getitem__",
        "__dir__",
        "__set_name__",
        "__sizeof__",
        "__getnewargs__",
        "__getnewargs_ex__",
        "extra_repr",
        "train",
        "eval",
        "to",
        "cuda",
        "cpu",
        "state_dict",
        "load_state_dict",
        "_load_from_state_dict",
        "_save_to_state_dict",
        "_apply",
        "apply",
        "zero_grad",
        "requires_grad_",
        "half",
        "float",
        "double",
        "bfloat16",
        "type",
        "share_memory",
    ]
)


def class_parts(kind: type, role: str) -> Parts:
    """Return the parts of a class; `role` is "called" where code may make objects of it."""
    known = library(kind.__module__)
    if known is not None and is_importable(kind):
        strange = [(name, member) for name, member in sorted(vars(kind).items()) if is_user_code(member)]
        unknown = unknown_place(kind.__module__, kind.__name__) if role == "called" else ""
        bases = [Child("base", base, shown=False) for base in kind.__bases__ if base is not object]
        home = vars(sys.modules.get(kind.__module__, sys))
        if kind.__module__ not in ("builtins", "torch"):
            # Its methods look up functions there, and the user may have replaced one of them.
            bases += [Child(name, home[name], "called") for name in sorted(home) if is_user_code(home[name])]
        return Parts(f"class {lasting_name(kind.__module__)}.{kind.__qualname__} {known}", bases, strange, unknown)
    children = [Child("base", base, shown=False) for base in kind.__bases__ if base is not object]
    if type(kind) is not type:
        children.append(Child("metaclass", type(kind), shown=False))
    if issubclass(kind, enum.Enum):
        children += [Child(name, member.value) for name, member in kind.__members__.items()]
        members = [(n, m) for n, m in sorted(vars(kind).items()) if isinstance(m, FunctionType | property)]
        return Parts(f"enumeration {kind.__qualname__}", children, members)
    members = [(name, member) for name, member in sorted(vars(kind).items()) if name not in _ABOUT_CLASSES]
    return Parts(f"class {kind.__name__}", children, members)


def is_importable(value: Any) -> bool:
    """Tell whether a library's class or function can be imported by its name, rather than being made by a call."""
    found: Any = sys.modules.get(str(value.__module__))
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value or value.__module__ == "builtins"


def is_called_implicitly(owner: type, name: str, *, called: bool) -> bool:
    """Tell whether a method may be called although no code names it: by Python or by a base class of a library."""
    if name in _HOUSEKEEPING:
        return called and name in ("__init__", "__new__", "__post_init__")
    if name == "forward" or (name.startswith("__") and name.endswith("__")):
        return True
    if library(owner.__module__) is not None:
        return True
    return any(name in vars(base) for base in owner.__mro__[1:] if library(base.__module__) is not None)


def shallow_text(member: Any) -> str:
    """Return the code of a member that takes no part, without the things that it names."""
    if isinstance(member, FunctionType):
        return code_facts(member.__code__).text
    if isinstance(member, property):
        return " ".join(shallow_text(part) for part in (member.fget, member.fset) if part is not None)
    if isinstance(member, staticmethod | classmethod):
        return shallow_text(member.__func__)
    return plain_text(member) or type(member).__qualname__
