"""Compute a digest of everything that decides what a user's own module computes.

The digest rests on a list of kinds that are understood: tensors, plain values, collections, objects whose state Python
shows, and code with everything that the code names. Anything else is reported by name, so that nobody takes the digest
for complete.
"""

from __future__ import annotations

import copyreg
import hashlib
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from .class_parts import is_called_implicitly, shallow_text
from .code_facts import CodeFacts, code_facts, lasting_name, library, plain_text
from .impure_functions import (
    DYNAMIC_BUILTINS,
    is_impure,
    is_impure_module,
    is_user_code,
    patched_members,
    relevant_members,
)
from .module_parts import Child
from .values import value_parts

__all__ = ["Identity", "identify"]

# Names by which code reaches attributes that its instructions do not name.
_NAMES_AS_TEXT = {"getattr", "hasattr", "setattr", "delattr", "dir", "attrgetter", "methodcaller", "__dict__"}
# Methods by which a class defines how its objects are copied.
_COPYING = {"__deepcopy__", "__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__"}
_COPYING |= {"__getnewargs_ex__"}
# Methods of a path that read what is there; a path itself is a plain value.
_READING = frozenset(
    ["open", "read_bytes", "read_text", "exists", "stat", "is_file", "is_dir", "iterdir", "glob", "rglob"]
)
_MISSING = object()
# The role of the parts of an unknown object: they tell two such objects apart, and are not reported by name too.
INSIDE_UNKNOWN = "inside"


@dataclass(frozen=True)
class Identity:
    """What is known about a module.

    Attributes
    ----------
    digest : str
        SHA-256 of everything that is understood.
    unknown : tuple of str
        What is not understood, in words; empty if the digest is complete.
    functions : tuple of object
        The user's own functions. A copy of a module shares them with it; a module that was defined anew does not.
    state : dict of str to object
        Variables outside the module that its code reads, by name, but for functions, classes and modules.
    left_out : frozenset of str
        Names of variables outside the module that were left out.
    modules : tuple of nn.Module
        All modules that were met, inside and outside, if code reaches anything outside the module; else empty.
    customises_copying : bool
        Whether a class of the user defines how its objects are copied or pickled.
    """

    digest: str
    unknown: tuple[str, ...]
    functions: tuple[Any, ...]
    state: dict[str, Any]
    left_out: frozenset[str]
    modules: tuple[nn.Module, ...]
    customises_copying: bool


def identify(value: Any, *more: Any, without: frozenset[str] = frozenset()) -> Identity:
    """Return what identifies a value, usually an nn.Module.

    Parameters
    ----------
    value : object
    *more : object
        Further objects that take part in the computation.
    without : frozenset of str
        Variables outside the module (keys of `Identity.state`) that are left out because computing changes them.
    """
    walk = _Walk(without)
    walk.run(value, *more)
    return Identity(
        walk.hash.hexdigest(),
        tuple(dict.fromkeys(walk.unknown)),
        tuple(walk.functions),
        walk.state,
        frozenset(walk.left_out),
        tuple(walk.modules) if walk.leaves else (),
        walk.customises_copying,
    )


class _Walk:
    """One walk over a graph of objects, each of which is numbered when it is first met, and described once."""

    def __init__(self, without: frozenset[str]) -> None:
        self.hash = hashlib.sha256()
        self.without = without
        self.unknown: list[str] = []
        self.functions: list[Any] = []
        self.state: dict[str, Any] = {}
        self.left_out: set[str] = set()
        self.modules: list[nn.Module] = []
        self.leaves = False
        self.customises_copying = False
        self.names: set[str] = set()
        self._numbers: dict[int, int] = {}
        self._alive: list[Any] = []  # an id is unique only while its object lives
        self._queue: deque[tuple[int, Any, str, str]] = deque()
        self._members: list[tuple[int, type, str, Any, str]] = []
        self._modules: list[tuple[int, ModuleType, set[str]]] = []
        self._called: set[type] = set()
        self._by_text = False
        self._paths: list[str] = []

    def run(self, *roots: Any) -> None:
        for root in roots:
            self._write(self._refer(Child("", root), getattr(root, "__qualname__", type(root).__name__)))
        # Modules of the library call functions by these names.
        for owner in (torch, F, torch.Tensor):
            for name, value in patched_members(owner):
                path = f"{owner.__name__}.{name}"
                self._write(f"{path}={self._refer(Child(name, value, 'called'), path)}")
        while self._queue or self._release():
            if self._queue:
                number, value, path, role = self._queue.popleft()
                self._describe(number, value, path, role)
        for number, _, name, member, _ in self._members:
            self._write(f"{number}.{name}: {shallow_text(member)}")
        if self._by_text and (own := [m for _, m, _ in self._modules if library(m.__name__) is None]):
            names = ", ".join(module.__name__ for module in own)
            self.unknown.append(f"names of {names} that are looked up by their text")
        if read := sorted(self.names & _READING):
            self.unknown += [f"{path} (a path, with code that calls {read[0]})" for path in self._paths]

    def _write(self, text: str) -> None:
        self.hash.update(text.encode("utf-8", "surrogatepass") + b"\n")

    def _refer(self, child: Child, path: str) -> str:
        """Return the text of a plain value, or the number of any other, which is queued to be described."""
        value = child.value
        text = plain_text(value)
        if text is not None:
            return text
        if child.role == "called" and isinstance(value, type):
            self._called.update(value.__mro__)
        if id(value) not in self._numbers:
            self._numbers[id(value)] = len(self._numbers)
            self._alive.append(value)
            self._queue.append((self._numbers[id(value)], value, path, child.role))
        return f"#{self._numbers[id(value)]}"

    def _describe(self, number: int, value: Any, path: str, role: str) -> None:
        if isinstance(value, nn.Module):
            self.modules.append(value)
        if isinstance(value, Path):
            self._paths.append(path)
        if isinstance(value, FunctionType) and library(str(value.__globals__.get("__name__"))) is None:
            self._write(f"{number} function")
            self._children(number, self._function(value, path), path)
        elif isinstance(value, ModuleType):
            self._module(number, value, path)
        else:
            try:
                parts = value_parts(value, role)
            except Exception as error:  # properties and descriptions of foreign objects may raise anything
                parts = value_parts(error, "broken")
            self._write(f"{number} {parts.text}")
            children = parts.children
            if parts.unknown or role == INSIDE_UNKNOWN:
                if role != INSIDE_UNKNOWN:
                    self.unknown.append(f"{path} ({parts.unknown})")
                children = [replace(child, role=INSIDE_UNKNOWN) for child in children]
            if parts.unordered:
                texts = {id(c): plain_text(c.value) or identify(c.value, without=self.without).digest for c in children}
                children = sorted(children, key=lambda c: texts[id(c)])
            self._children(number, iter(children), path)
            self._members += [(number, value, name, member, path) for name, member in parts.members]
            if isinstance(value, type):
                ways = any(name in _COPYING and is_user_code(member) for name, member in parts.members)
                self.customises_copying |= ways or value in copyreg.dispatch_table

    def _children(self, number: int, children: Iterator[Child], path: str) -> None:
        for child in children:
            if child.outside:
                self.leaves |= not isinstance(child.value, type | ModuleType) and plain_text(child.value) is None
                if child.outside in self.without:
                    self.left_out.add(child.outside)
                    continue
                if not isinstance(child.value, FunctionType | type | ModuleType) and not callable(child.value):
                    self.state[child.outside] = child.value
            below = child.label if child.outside else f"{path}.{child.label}" if child.shown else path
            self._write(f"{number}.{child.label}={self._refer(child, below)}")

    def _release(self) -> bool:
        """Queue those members of classes and modules that the code met so far may use; tell whether there were any."""
        kept = []
        for entry in self._members:
            number, owner, name, member, path = entry
            named = name in self.names and name not in ("__init__", "__new__")
            if named or self._by_text or is_called_implicitly(owner, name, called=owner in self._called):
                place = f"{owner.__module__}.{owner.__qualname__}.{name}"
                if place in self.without:
                    self.left_out.add(place)
                else:
                    if plain_text(member) is not None or isinstance(member, list | dict | set):
                        self.state[place] = member
                    self.leaves |= isinstance(member, nn.Module)
                    self._write(f"{number}.{name}={self._refer(Child(name, member), f'{path}.{name}')}")
            else:
                kept.append(entry)
        released = len(kept) < len(self._members)
        self._members = kept
        for number, module, done in self._modules:
            for name in sorted((self.names & vars(module).keys()) - done):
                done.add(name)
                if not name.startswith("__"):
                    value, known = vars(module)[name], library(module.__name__)
                    # Counters in the variables of a library are not state of the user.
                    outside = "" if known is not None and plain_text(value) is not None else f"{module.__name__}.{name}"
                    child = Child(name, value, "called", outside=outside)
                    if known is not None and callable(value) and is_impure(module.__name__, name):
                        self.unknown.append(f"{module.__name__}.{name}")
                        self._write(f"{number}.{name}")
                        continue
                    self._children(number, iter([child]), module.__name__)
                    released = True
        return released

    def _function(self, function: FunctionType, path: str) -> Iterator[Child]:
        """Yield everything that a function of the user computes with."""
        facts = code_facts(function.__code__)
        self._write(facts.text)
        self.functions.append(function)
        self.names |= facts.names
        place = f"{function.__globals__.get('__name__')}"
        if facts.names & _NAMES_AS_TEXT:
            self._by_text = True
            self.names |= facts.words
        for number, value in enumerate(function.__defaults__ or ()):
            yield Child(f"default {number}", value, "called")
        for name, value in sorted((function.__kwdefaults__ or {}).items()):
            yield Child(f"default {name}", value, "called")
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                key = f"{place}.{function.__code__.co_qualname}.<{name}>"
                yield Child(name, cell.cell_contents, "called", outside=key)
            except ValueError:  # nothing is in it yet
                continue
        for name, value in sorted(vars(function).items()):
            yield Child(name, value, "called", outside=f"{place}.{function.__code__.co_qualname}.{name}")
        for name in facts.looked_up:
            value = function.__globals__.get(name, _MISSING)
            if value is not _MISSING:
                yield Child(name, value, "called", outside=f"{place}.{name}")
            elif name in DYNAMIC_BUILTINS:
                yield from self._dynamic(function, facts, path, name)
        yield from self._imports(function, facts, path)

    def _dynamic(self, function: FunctionType, facts: CodeFacts, path: str, name: str) -> Iterator[Child]:
        """Report code that reaches more than it names, and include the globals that words in its strings may mean."""
        self.unknown.append(f"{path} (a function that calls {name})")
        self._by_text = True
        self.names |= facts.words
        for word in sorted(facts.words & function.__globals__.keys()):
            yield Child(
                word, function.__globals__[word], "called", outside=f"{function.__globals__['__name__']}.{word}"
            )

    def _imports(self, function: FunctionType, facts: CodeFacts, path: str) -> Iterator[Child]:
        package = str(function.__globals__.get("__package__") or "")
        for name, level in facts.imports:
            parents = package.split(".")[: len(package.split(".")) - level + 1] if level else []
            whole = ".".join(filter(None, [*parents, name]))
            for part in (whole, *(f"{whole}.{name}" for name in sorted(facts.names))):
                if part in sys.modules:
                    yield Child(f"import {part}", sys.modules[part], "called")
            if whole not in sys.modules and library(whole) is None:
                self.unknown.append(f"{path} (a function that imports {whole} while it runs)")

    def _module(self, number: int, module: ModuleType, path: str) -> None:
        known = library(module.__name__)
        self._write(f"{number} module {lasting_name(module.__name__)} {known or ''}")
        if known is None:
            self._modules.append((number, module, set()))
            if "__getattr__" in vars(module):
                self._by_text = True
        elif is_impure_module(module.__name__):
            self.unknown.append(f"{path} (the module {module.__name__})")
        else:
            # The user may have replaced something in the library.
            self._modules.append((number, relevant_members(module), set()))
