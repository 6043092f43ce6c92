"""Copy an nn.Module, with the functions and hooks that reach it, so that nothing changes in the original module."""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Iterable, Iterator
from types import CellType, FunctionType, MethodType
from typing import Any

import torch
from torch import Tensor, nn

from ..exceptions import BackboneError
from .code_facts import code_facts, library

__all__ = ["NoTraceHooks", "independent_copy", "light_copy", "undisturbed"]


class NoTraceHooks:
    """Hooks that keep a copy from being traced: a trace would fix what was true when it was made.

    Parameters
    ----------
    outside : iterable of nn.Module
        Modules that its code reaches and that are not part of it. They are in evaluation mode while it computes.
    """

    def __init__(self, outside: Iterable[nn.Module] = ()) -> None:
        self._parts = list({id(part): part for module in outside for part in module.modules()}.values())
        self._training: list[list[nn.Module]] = []

    def __deepcopy__(self, memo: dict[int, Any]) -> NoTraceHooks:
        return self

    def register(self, module: nn.Module) -> None:
        """Register the hooks on a copy, which is run as a whole from now on."""
        module.register_forward_pre_hook(self._before, prepend=True)
        module.register_forward_hook(self._after, always_call=True)

    def _before(self, *_: Any) -> None:
        training = [part for part in self._parts if part.training]
        self._training.append(training)
        for part in training:
            part.training = False

    def _after(self, *_: Any) -> None:
        for part in self._training.pop() if self._training else ():
            part.training = True


def independent_copy(module: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode that nothing else changes.

    Functions among the attributes and hooks are copied with everything that they reach: a ``forward`` that calls the
    one it replaces calls that of the copy, whether it reaches it through a closure, a default or a global.

    Raises
    ------
    BackboneError
        If the module cannot be copied.
    """
    name = type(module).__name__
    try:
        try:
            own = _copied(module, {})
        except Exception:  # something in it, such as an open file
            own = _copied(module, _shared(module))
        return own.eval()
    except Exception as error:  # a class may define how it is copied, and anything may go wrong there
        raise BackboneError(
            f"{name} cannot be copied: {type(error).__name__}: {error}",
            "Remove the part that cannot be copied, or give the class a __deepcopy__ that leaves it out.",
        ) from error


def light_copy(module: nn.Module) -> nn.Module:
    """Return a copy that shares the parameters and nothing else, so that a trial run leaves no trace."""
    parameters = {id(parameter): parameter for parameter in module.parameters()}
    try:
        return _copied(module, dict(parameters), evaluate=False)
    except Exception:  # something in it, such as an open file
        return _copied(module, _shared(module) | parameters, evaluate=False)


@contextlib.contextmanager
def undisturbed(*modules: nn.Module) -> Iterator[None]:
    """Put modules in evaluation mode, and leave their mode, buffers and attributes as they were."""
    parts = list({id(part): part for module in modules for part in module.modules()}.values())
    buffers = [(buffer, buffer.detach().clone()) for part in parts for buffer in part.buffers(recurse=False)]
    known = [(vars(part), dict(vars(part))) for part in parts]
    # A forward pass may add to the collections among its attributes.
    held = [(v, copy.copy(v)) for _, values in known for v in values.values() if type(v) in (list, dict, set)]
    try:
        for part in parts:
            part.training = False
        yield
    finally:
        for buffer, value in buffers:
            with torch.no_grad():
                buffer.copy_(value)
        for now, before in known:
            now.clear()
            now.update(before)
        for now, before in held:
            now.clear()
            now.extend(before) if isinstance(now, list) else now.update(before)


def _copied(module: nn.Module, memo: dict[int, Any], *, evaluate: bool = True) -> nn.Module:
    given = set(memo)
    own: nn.Module = copy.deepcopy(module, memo)
    _Rebinding(module, memo).inside(own)
    for key, value in list(memo.items()) if evaluate else ():
        if isinstance(value, nn.Module) and key not in given:
            value.eval()
    return own


def _shared(module: nn.Module) -> dict[int, Any]:
    """Return the memo for a copy that shares with its original the attributes that cannot be copied."""
    memo: dict[int, Any] = {}
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, Tensor):
                memo[id(value)] = value.detach().clone()  # PyTorch copies no tensor that was computed from another
            elif not isinstance(value, dict) or not any(isinstance(inner, nn.Module) for inner in value.values()):
                try:
                    copy.deepcopy(value)
                except Exception:
                    memo[id(value)] = value
    return memo


class _Rebinding:
    """Replaces functions that reach the original, inside a copy, by functions that reach the copy."""

    def __init__(self, original: nn.Module, memo: dict[int, Any]) -> None:
        self.memo = memo
        self.originals = {id(part): part for part in original.modules()}
        self._copies = {id(value) for value in memo.values()}
        self._new: dict[int, tuple[Any, Any]] = {}
        self._globals: dict[int, tuple[Any, dict[str, Any]]] = {}
        self._seen: set[int] = set()

    def inside(self, value: Any) -> None:
        """Go through a copied value, and replace functions in place."""
        if id(value) in self._seen or id(value) not in self._copies:
            return
        self._seen.add(id(value))
        if isinstance(value, dict):
            for key, item in list(dict.items(value)):
                if (new := self.of(item)) is not item:
                    dict.__setitem__(value, key, new)
        elif isinstance(value, list):
            for place, item in enumerate(value):
                if (new := self.of(item)) is not item:
                    list.__setitem__(value, place, new)
        for name, item in list(getattr(value, "__dict__", {}).items()):
            if (new := self.of(item)) is not item:
                vars(value)[name] = new
            if isinstance(item, dict) and isinstance(value, nn.Module):
                for key, inner in list(item.items()):  # hooks, children, buffers: not copied under their own ids
                    if (new := self.of(inner)) is not inner:
                        item[key] = new

    def of(self, value: Any) -> Any:
        """Return the replacement of a value, which is the value itself where it reaches nothing of the original."""
        if isinstance(value, FunctionType):
            return self._function(value)
        if isinstance(value, MethodType):
            function, owner = self.of(value.__func__), self._copied(value.__self__)
            same = function is value.__func__ and owner is value.__self__
            return value if same else MethodType(function, owner)
        if type(value) is functools.partial:
            func, args = self.of(value.func), self.of(value.args)
            keywords = {name: self.of(item) for name, item in value.keywords.items()}
            same = func is value.func and args is value.args
            if same and all(keywords[name] is item for name, item in value.keywords.items()):
                return value
            return functools.partial(func, *args, **keywords)
        if type(value) is tuple:
            items = tuple(map(self.of, value))
            return value if all(a is b for a, b in zip(items, value, strict=True)) else items
        if not isinstance(value, type):
            self.inside(value)
        return self._copied(value) if isinstance(value, nn.Module) else value

    def _copied(self, value: Any) -> Any:
        """Return the copy of a part of the original, and any other value unchanged."""
        known = self.originals.get(id(value))
        return self.memo.get(id(value), value) if known is not None and known is value else value

    def _function(self, function: FunctionType) -> Any:
        if library(str(function.__globals__.get("__name__"))) is not None and not function.__closure__:
            return function
        if id(function) in self._new:
            return self._new[id(function)][1]
        if not self._reaches(function, set()):
            return function
        cells = tuple(CellType() for _ in function.__closure__ or ())
        names = self._globals_of(function)
        new = FunctionType(function.__code__, names, function.__name__, function.__defaults__, cells or None)
        self._new[id(function)] = function, new
        new.__qualname__, new.__module__, new.__doc__ = function.__qualname__, function.__module__, function.__doc__
        new.__defaults__ = self._value(function.__defaults__)
        new.__kwdefaults__ = self._value(function.__kwdefaults__)
        vars(new).update({name: self._value(item) for name, item in vars(function).items()})
        for cell, old in zip(cells, function.__closure__ or (), strict=True):
            try:
                cell.cell_contents = self._value(old.cell_contents)
            except ValueError:  # nothing is in it yet
                continue
        return new

    def _value(self, value: Any) -> Any:
        """Return a copy of a value for a function to hold."""
        if isinstance(value, FunctionType | type):
            return self.of(value)
        own = copy.deepcopy(value, self.memo)
        self._copies.update(id(value) for value in self.memo.values())
        return self.of(own)

    def _globals_of(self, function: FunctionType) -> dict[str, Any]:
        """Return the globals of a function, where names that lead to the original lead to the copy."""
        known = function.__globals__
        named = {name: known[name] for name in code_facts(function.__code__).looked_up if name in known}
        if not any(self._leads(value, set()) for value in named.values()):
            return known
        if id(known) not in self._globals:
            self._globals[id(known)] = known, dict(known)
        names = self._globals[id(known)][1]
        for name, value in named.items():
            if self._leads(value, set()):
                names[name] = self._value(value)
        return names

    def _reaches(self, function: FunctionType, seen: set[int]) -> bool:
        """Tell whether a function holds anything of its own, or reaches the original through a global."""
        if function.__closure__ or any(self._leads(v, seen) for v in (function.__defaults__ or ())):
            return True
        held = [*(function.__kwdefaults__ or {}).values(), *vars(function).values()]
        known = function.__globals__
        held += [known[name] for name in code_facts(function.__code__).looked_up if name in known]
        return any(self._leads(value, seen) for value in held)

    def _leads(self, value: Any, seen: set[int]) -> bool:
        """Tell whether a value is a part of the original, or leads to one."""
        if id(value) in seen:
            return False
        seen.add(id(value))
        if isinstance(value, nn.Module):
            return id(value) in self.originals or any(id(part) in self.originals for part in value.modules())
        if isinstance(value, FunctionType):
            if library(str(value.__globals__.get("__name__"))) is not None and not value.__closure__:
                return False
            held: list[Any] = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
            for cell in value.__closure__ or ():
                try:
                    held.append(cell.cell_contents)
                except ValueError:  # nothing is in it yet
                    continue
            known = value.__globals__
            held += [known[name] for name in code_facts(value.__code__).looked_up if name in known]
            return any(self._leads(item, seen) for item in held)
        if isinstance(value, MethodType):
            return self._leads(value.__self__, seen) or self._leads(value.__func__, seen)
        if isinstance(value, functools.partial):
            return any(self._leads(item, seen) for item in (value.func, *value.args, *value.keywords.values()))
        if isinstance(value, dict):
            return any(self._leads(item, seen) for item in value.values())
        if isinstance(value, list | tuple | set):
            return any(self._leads(item, seen) for item in value)
        return False
