"""List the attributes, slots or pickled state of an object."""

from __future__ import annotations

import collections
import copyreg
import functools
import types
import uuid
import weakref
from collections.abc import Callable, Iterator
from typing import Any

from .module_parts import Child

__all__ = ["CONTENT_TYPES", "reduction", "shows_all_state", "state_of", "unique_text"]

# Built-in classes whose content is listed, also for classes derived from them.
CONTENT_TYPES = (dict, list, tuple, set, frozenset, int, float, complex, str, bytes)


def reduction(value: Any) -> Iterator[Child]:
    """Yield the parts that would be pickled of an object."""
    reduced = copyreg.dispatch_table.get(type(value), lambda v: v.__reduce_ex__(4))(value)
    parts = (reduced,) if isinstance(reduced, str) else reduced
    for number, part in enumerate(parts):
        listed = list(part) if number in (3, 4) and part is not None else part
        yield Child(f"part {number}", listed, shown=False)


def shows_all_state(kind: type) -> bool:
    """Tell whether everything that objects of a class hold is in their attributes and slots."""
    for base in kind.__mro__[:-1]:
        if base in CONTENT_TYPES or base in (types.SimpleNamespace, collections.OrderedDict, collections.defaultdict):
            return True
        slots = sum(isinstance(member, types.MemberDescriptorType) for member in vars(base).values())
        extra = slots + ("__weakref__" in vars(base)) + ("__dict__" in vars(base))
        if not base.__flags__ & (1 << 9) or base.__basicsize__ - base.__base__.__basicsize__ > 8 * extra:  # type: ignore[union-attr]
            return False
    return True


def state_of(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the attributes and slots of an object, by name."""
    yield from sorted(getattr(value, "__dict__", {}).items(), key=lambda item: str(item[0]))
    for base in type(value).__mro__:
        for name, member in sorted(vars(base).items()):
            if isinstance(member, types.MemberDescriptorType) and name != "__weakref__":
                try:
                    yield name, member.__get__(value)
                except AttributeError:  # nothing is in it yet
                    continue
    if isinstance(value, collections.defaultdict):
        yield "default", value.default_factory


_serials: dict[int, tuple[Callable[[], Any], str]] = {}


def unique_text(value: Any) -> str:
    """Return a text that is unique to an object, in this process and all others."""
    known = _serials.get(id(value))
    if known is None or known[0]() is not value:
        try:
            alive: Callable[[], Any] = weakref.ref(value)
        except TypeError:
            alive = functools.partial(_same, value)
        known = _serials[id(value)] = alive, uuid.uuid4().hex
    return known[1]


def _same(value: Any) -> Any:
    return value
