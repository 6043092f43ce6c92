"""Register a user's own nn.Module as a backbone: copy it, and identify it for the cache.

Anything about it that is not understood is reported once. Its rows are then used only for the module in this process,
its copies, and those in processes that this one has started.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import logging
import multiprocessing
import uuid
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import nn

from ..cache.reference_outputs import outputs_agree
from ..display.names import few
from ..exceptions import BackboneError
from ..images.preprocessing import Preprocessing
from ..process import remember
from ..torch_modules.copies import NoTraceHooks, independent_copy, light_copy
from ..torch_modules.default_layer import default_node, default_submodule, norm_after_pooling
from ..torch_modules.identity import Identity, identify
from ..torch_modules.module_parts import TOKEN, global_hooks, state_digest
from .reference_outputs import reference_outputs

__all__ = ["CustomModule", "custom_module", "mark_copies", "session_id"]

log = logging.getLogger("featx")
# How many copies of the latest modules are kept: a grid search passes equal ones hundreds of times.
MAX_MODULES = 4
_registered: OrderedDict[tuple[str, str], CustomModule] = OrderedDict()
# Variables outside modules that computing changes: they record what was computed and are not part of a network.
_written: set[str] = set()
# Modules that are not understood, by the digest of what is understood: their functions, outputs and tokens.
_unidentified: dict[tuple[str, str], list[tuple[tuple[Any, ...], np.ndarray | None, str]]] = {}
MAX_UNIDENTIFIED = 16
_warned: set[str] = remember("remarks", set())


@dataclass(frozen=True)
class CustomModule:
    """A registered copy of a user's module.

    Attributes
    ----------
    module : nn.Module
        In evaluation mode.
    digest : str
        Identifies the network in the cache.
    content : str
        The digest of everything that is understood, which does not identify it in the cache if there is a `cache_key`.
    unknown : tuple of str
        What is not understood, if the digest depends on it.
    layer : str
        The default layer.
    norm : str
        The node that normalises after it; empty if there is none.
    """

    module: nn.Module
    digest: str
    content: str
    unknown: tuple[str, ...]
    layer: str
    norm: str


def custom_module(
    module: nn.Module, *, preprocessing: Preprocessing, cache_key: str | None = None, origin: str | None = None
) -> CustomModule:
    """Return a copy of a module and its identity, made once in this process for all equal modules.

    Parameters
    ----------
    module : nn.Module
    preprocessing : Preprocessing
        For the size of the images of a trial run.
    cache_key : str, default=None
        A name for its code; tensors and plain values are still compared.
    origin : str, default=None
        The `session_id` that it was pickled in.

    Raises
    ------
    BackboneError
        If it cannot be copied, cut into layers, or called with a batch of images alone.
    """
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise BackboneError(
            f"got a backbone of type {type(module).__name__} with TorchScript, which cannot be cut into layers",
            "Pass the module that it was scripted or traced from.",
        )
    lazy = (nn.UninitializedParameter, nn.UninitializedBuffer)
    tensors = (*module.parameters(), *module.buffers())
    if any(isinstance(tensor, lazy) for tensor in tensors):
        raise BackboneError(f"{type(module).__name__} has no values yet", "Run it once on images of the right size.")
    if any(tensor.is_meta for tensor in tensors):
        raise BackboneError(
            f"{type(module).__name__} has tensors without values, on the meta device",
            "Give it values: module.to_empty(device='cpu'), then module.load_state_dict(...).",
        )
    _check_arguments(module)
    found = _identified(module)
    key = _key(module, found, cache_key, origin, preprocessing)
    if key not in _registered:
        own = independent_copy(module)
        layer, whole = _disable_unsafe_tracing(own, found)
        if found.customises_copying:
            _check_copy(module, own, found, preprocessing)
        if found.state and (changed := _changed_by_running(module, own, found, preprocessing)):
            _written.update(changed)
            found = _identified(module)
            key = _key(module, found, cache_key, origin, preprocessing)
            if not whole:
                layer, _ = _disable_unsafe_tracing(own, found)
        unknown = () if cache_key is not None else found.unknown
        _registered[key] = CustomModule(own, *key, unknown, layer, norm_after_pooling(light_copy(module)))
        if unknown:
            _warn_unknown(type(module).__name__, unknown)
        while len(_registered) > MAX_MODULES:
            _registered.popitem(last=False)
    _registered.move_to_end(key)
    return _registered[key]


def _check_arguments(module: nn.Module) -> None:
    """Raise a BackboneError if forward needs more than a batch of images."""
    try:
        parameters = inspect.signature(module.forward).parameters.values()
    except (TypeError, ValueError):
        return
    named = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    if len(named) > 1 or any(p.kind is p.KEYWORD_ONLY for p in named):
        raise BackboneError(
            f"the forward of {type(module).__name__} needs {', '.join(p.name for p in named)}; featx passes a batch of "
            "images alone",
            "Wrap it in a module whose forward takes images and passes the rest.",
        )


def session_id() -> str:
    """Return a text that is common to this process and those that it started by multiprocessing, and no others."""
    # Workers of joblib and dask inherit the key by which such processes authenticate each other.
    secret = bytes(multiprocessing.current_process().authkey)
    return hashlib.sha256(b"featx" + secret).hexdigest()[:16]


def _check_copy(module: nn.Module, own: nn.Module, found: Identity, preprocessing: Preprocessing) -> None:
    """Raise a BackboneError if a copy that the user's code makes has other outputs than the module."""
    try:
        expected = reference_outputs(module, preprocessing, itself=(module, *found.modules))
        given, again = (reference_outputs(own, preprocessing) for _ in range(2))
    except BackboneError:  # a layer below may work all the same
        return
    if outputs_agree(given, again) and not outputs_agree(expected, given):
        raise BackboneError(
            f"a copy of {type(module).__name__} has other outputs than the module: a class of yours defines how "
            "it is copied or pickled (__deepcopy__, __reduce__, __getstate__, __setstate__), and leaves something out",
            "Let it keep everything that the network computes with.",
        )


def _identified(module: nn.Module) -> Identity:
    found = identify(module, *global_hooks(), without=frozenset(_written))
    reached = tuple(f"{name} (which computing changes)" for name in sorted(_written) if name in found.left_out)
    return replace(found, unknown=found.unknown + reached)


def _key(
    module: nn.Module, found: Identity, cache_key: str | None, origin: str | None, preprocessing: Preprocessing
) -> tuple[str, str]:
    if cache_key is not None:
        return f"module;key={hashlib.sha256(cache_key.encode()).hexdigest()[:32]};{state_digest(module)}", found.digest
    if not found.unknown:
        return f"module;{found.digest}", found.digest
    return f"module;{found.digest};only={_token(module, found, origin or session_id(), preprocessing)}", found.digest


def mark_copies(module: Any) -> None:
    """Mark a module, so that copies that are about to be made of it are recognised."""
    if isinstance(module, nn.Module):
        vars(module).setdefault(TOKEN, uuid.uuid4().hex[:16])


def _token(module: nn.Module, found: Identity, origin: str, preprocessing: Preprocessing) -> str:
    """Return a token that is common to a module that is not understood and its copies, and to no other module."""
    if TOKEN in vars(module):
        return str(vars(module)[TOKEN])
    # In a worker, modules and functions arrive anew with every task.
    if multiprocessing.parent_process() is not None:
        return origin
    # A copy that was made before featx saw the module is not marked, and looks like a module that was built anew, which
    # may read other things. It is taken for a copy if it has the same functions and the same outputs.
    others = _unidentified.setdefault((origin, found.digest), [])
    outputs = None
    with contextlib.suppress(BackboneError):
        own = independent_copy(module)
        _disable_unsafe_tracing(own, found)
        outputs = reference_outputs(own, preprocessing)
    token = origin if not others else uuid.uuid4().hex[:16]
    for functions, known, their in others:
        alike = outputs is not None and known is not None and np.array_equal(outputs, known, equal_nan=True)
        if alike and _same(functions, found.functions):
            token = their
            break
    else:
        others.append((found.functions, outputs, token))
        del others[1:-MAX_UNIDENTIFIED]
    vars(module)[TOKEN] = token
    return token


def _disable_unsafe_tracing(own: nn.Module, found: Identity) -> tuple[str, bool]:
    """Return the default layer of a copy, and whether tracing was disabled for it.

    It is disabled if a trace would not follow the code: it reaches modules outside, or is not fully understood.
    """
    outside: list[nn.Module] = []
    if found.modules:
        inside = {id(part) for part in own.modules()}
        outside = [part for part in identify(own, *global_hooks()).modules if id(part) not in inside]
    if not outside and not found.unknown:
        return default_node(own), False
    layer = default_submodule(own)
    NoTraceHooks(outside).register(own)
    return layer, True


def _same(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _changed_by_running(module: nn.Module, own: nn.Module, found: Identity, preprocessing: Preprocessing) -> set[str]:
    """Return the names of variables outside a module that change when its copy computes."""

    def digests(state: dict[str, Any]) -> dict[str, str]:
        return {name: identify(value).digest for name, value in state.items()}

    before = digests(found.state)
    with contextlib.suppress(BackboneError):
        reference_outputs(own, preprocessing)
    after = digests(_identified(module).state)
    return {name for name in before if before[name] != after.get(name)}


def _warn_unknown(name: str, unknown: tuple[str, ...]) -> None:
    text = few(unknown)
    if text not in _warned:
        _warned.add(text)
        log.warning(
            "%s holds objects that featx does not understand: %s. Its embeddings are kept for this module and "
            "its copies, and computed again elsewhere. cache_key='...' names its code by hand; its tensors are still "
            "compared.",
            name,
            text,
        )
