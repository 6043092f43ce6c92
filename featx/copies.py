"""An nn.Module goes in, a copy comes out that shares nothing with it that computing changes."""

from __future__ import annotations

import copy
from types import CellType, FunctionType
from typing import Any

from torch import Tensor, nn

from .exceptions import BackboneError

__all__ = ["independent_copy", "light_copy"]


def independent_copy(module: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode that nobody else changes.

    Functions among the attributes and hooks are copied with what they enclose: a ``forward`` that calls the one it
    replaces calls that of the copy.

    Raises
    ------
    BackboneError
        If the module cannot be copied.
    """
    memo: dict[int, Any] = {}
    name = type(module).__name__
    try:
        try:
            own = copy.deepcopy(module, memo)
        except Exception:  # something in it, such as an open file
            memo = _shared(module)
            own = copy.deepcopy(module, memo)
        for part in own.modules():
            for key, value in list(vars(part).items()):
                if key in ("_forward_hooks", "_forward_pre_hooks"):
                    for number, hook in list(value.items()):
                        value[number] = _rebound(hook, memo)
                elif isinstance(value, FunctionType):
                    vars(part)[key] = _rebound(value, memo)
        for value in [value for value in memo.values() if isinstance(value, nn.Module)]:
            value.eval()
        return own.eval()
    except Exception as error:  # a class may say how it is copied, and anything may go wrong there
        raise BackboneError(
            f"{name} cannot be copied: {type(error).__name__}: {error}",
            "Remove what cannot, or give the class a __deepcopy__ that leaves it out.",
        ) from error


def _shared(module: nn.Module) -> dict[int, Any]:
    """Return the memo for a copy that shares with its original the attributes that cannot be copied."""
    memo: dict[int, Any] = {}
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, Tensor):
                memo[id(value)] = value.detach().clone()  # PyTorch copies none that was computed
            elif not isinstance(value, dict) or not any(isinstance(inner, nn.Module) for inner in value.values()):
                try:
                    copy.deepcopy(value)
                except Exception:
                    memo[id(value)] = value
    return memo


def _rebound(value: Any, memo: dict[int, Any]) -> Any:
    """Return a function that encloses copies of what it encloses, or any other value as it is."""
    if not isinstance(value, FunctionType) or not value.__closure__:
        return value
    if id(value) not in memo:
        cells = tuple(CellType() for _ in value.__closure__)
        new = FunctionType(value.__code__, value.__globals__, value.__name__, value.__defaults__, cells)
        new.__kwdefaults__ = value.__kwdefaults__
        memo[id(value)] = new
        vars(new).update(vars(value))
        for cell, old in zip(cells, value.__closure__, strict=True):
            try:
                content = old.cell_contents
            except ValueError:  # nothing is in it yet
                continue
            inner = _rebound(content, memo)
            cell.cell_contents = copy.deepcopy(content, memo) if inner is content else inner
    return memo[id(value)]


def light_copy(module: nn.Module) -> nn.Module:
    """Return a copy with the same parameters and with all else of its own, so that a trial run leaves no trace."""
    parameters = {id(parameter): parameter for parameter in module.parameters()}
    try:
        return copy.deepcopy(module, dict(parameters))
    except Exception:  # something in it, such as an open file
        return copy.deepcopy(module, _shared(module) | parameters)
