"""Give a copy of a module new random weights (weights=None): those that its layers' reset_parameters draws."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

from ..display.names import few
from ..exceptions import BackboneError
from ..process import remember
from ..torch_modules.copies import independent_copy
from ..torch_modules.seeds import seeded

__all__ = ["with_fresh_weights"]

# Copies are kept, since the source of one network is asked for many times in a training.
MAX_COPIES = 4
_copies: OrderedDict[tuple[str, int], nn.Module] = remember("networks", OrderedDict())


def with_fresh_weights(module: nn.Module, *, digest: str, random_state: int) -> nn.Module:
    """Return a copy of a module whose parameters are drawn anew.

    The layers' ``reset_parameters`` are called in the order in which the module registers them, those of the layers
    inside a layer before its own, with torch's generator seeded. Buffers that no layer resets stay as they are.

    Parameters
    ----------
    module : nn.Module
        Not changed.
    digest : str
        Identifies it.
    random_state : int

    Raises
    ------
    BackboneError
        If a parameter is set by no ``reset_parameters``.
    """
    key = digest, int(random_state)
    if key not in _copies:
        _copies[key] = _drawn_anew(module, int(random_state))
        while len(_copies) > MAX_COPIES:
            _copies.popitem(last=False)
    _copies.move_to_end(key)
    return _copies[key]


def _drawn_anew(module: nn.Module, seed: int) -> nn.Module:
    copy = independent_copy(module).cpu()
    kept = {name: parameter for name, parameter in copy.named_parameters() if parameter.is_floating_point()}
    with torch.no_grad():
        # What no layer sets is found by what is left of this.
        for parameter in kept.values():
            parameter.fill_(torch.nan)
        with seeded(seed):
            copy.apply(_reset)
    left = [name for name, parameter in copy.named_parameters() if name in kept and parameter.isnan().any()]
    if left:
        owners = list(dict.fromkeys(_owner(copy, name) for name in left))
        raise BackboneError(
            f"got weights=None beside a {type(module).__name__}, whose parameters {few(left)} are not initialised by "
            "any reset_parameters",
            f"Give {few(owners)} a method reset_parameters that sets them, or pass the module with weights='DEFAULT', "
            "to begin with the tensors that it has.",
        )
    return copy


def _reset(layer: nn.Module) -> None:
    """Let a layer draw its own parameters anew; nn.MultiheadAttention and nn.Transformer name the method otherwise."""
    method = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
    if callable(method):
        method()


def _owner(module: nn.Module, name: str) -> str:
    """Return the class of the layer that a parameter belongs to."""
    return type(module.get_submodule(name.rpartition(".")[0])).__name__
