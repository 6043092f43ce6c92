"""An nn.Module of the user's own goes in; a copy that nobody else changes, and what identifies it, come out.

What is not understood about it is named once; its rows then belong to the module in this process, to its copies, and to
those in processes that this one has started.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import uuid
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .answers import network_answers
from .copies import independent_copy
from .exceptions import BackboneError
from .graphs import default_cut
from .identity import Identity, identify
from .module_parts import global_hooks, state_digest
from .preprocessing import Preprocessing

__all__ = ["OwnModule", "own_module", "session"]

log = logging.getLogger("featx")
# Copies of the modules that were passed last: a grid search passes equal ones hundreds of times.
MODULES_AT_ONCE = 4
_registered: OrderedDict[tuple[str, str], OwnModule] = OrderedDict()
# Variables outside modules that computing changes: they are a record of what was computed and no part of the network.
_written: set[str] = set()
_claims: dict[tuple[str, str], tuple[Any, ...]] = {}
_others: dict[tuple[tuple[str, str], tuple[int, ...]], tuple[str, tuple[Any, ...]]] = {}
_told: set[str] = set()


@dataclass(frozen=True)
class OwnModule:
    """A registered copy of a module.

    Attributes
    ----------
    module : nn.Module
        In evaluation mode.
    digest : str
        Names the network in the cache.
    content : str
        The digest of all that is understood, which with a `cache_key` does not decide about the cache.
    unknown : tuple of str
        What is not understood, where the digest rests on it.
    layer : str
        The default one.
    """

    module: nn.Module
    digest: str
    content: str
    unknown: tuple[str, ...]
    layer: str


def own_module(
    module: nn.Module, *, preprocessing: Preprocessing, cache_key: str | None = None, origin: str | None = None
) -> OwnModule:
    """Return what identifies a module, and a copy of it, made once in this process for all equal ones.

    Parameters
    ----------
    module : nn.Module
    preprocessing : Preprocessing
        For the size of the images of a trial run.
    cache_key : str, default=None
        Names its code; tensors and plain values are compared all the same.
    origin : str, default=None
        The `session` that it was pickled in.

    Raises
    ------
    BackboneError
        If it cannot be copied, or torch cannot run it as a module.
    """
    if isinstance(module, torch.jit.ScriptModule):
        raise BackboneError(
            f"got a backbone of type {type(module).__name__}, which cannot be cut into layers",
            "Pass the module that it was scripted or traced from.",
        )
    lazy = (nn.UninitializedParameter, nn.UninitializedBuffer)
    if any(isinstance(tensor, lazy) for tensor in (*module.parameters(), *module.buffers())):
        raise BackboneError(f"{type(module).__name__} has no values yet", "Run it once on images of the right size.")
    found = _identified(module)
    key = _key(module, found, cache_key, origin)
    if key not in _registered:
        own = independent_copy(module)
        if found.state and (changed := _changed_by_running(module, own, found, preprocessing)):
            _written.update(changed)
            found = _identified(module)
            key = _key(module, found, cache_key, origin)
        unknown = () if cache_key is not None else found.unknown
        _registered[key] = OwnModule(own, *key, unknown, default_cut(own))
        if unknown:
            _tell(type(module).__name__, unknown)
        while len(_registered) > MODULES_AT_ONCE:
            _registered.popitem(last=False)
    _registered.move_to_end(key)
    return _registered[key]


def session() -> str:
    """Return what this process has in common with those that it started by multiprocessing, and with no other."""
    # joblib's and dask's workers inherit the key by which such processes know each other.
    secret = bytes(multiprocessing.current_process().authkey)
    return hashlib.sha256(b"featx" + secret).hexdigest()[:16]


def _identified(module: nn.Module) -> Identity:
    found = identify(module, *global_hooks(), without=frozenset(_written))
    reached = tuple(f"{name} (which computing changes)" for name in sorted(_written) if name in found.left_out)
    return Identity(found.digest, found.unknown + reached, found.functions, found.state, found.left_out)


def _key(module: nn.Module, found: Identity, cache_key: str | None, origin: str | None) -> tuple[str, str]:
    if cache_key is not None:
        return f"module;key={hashlib.sha256(cache_key.encode()).hexdigest()[:32]};{state_digest(module)}", found.digest
    if not found.unknown:
        return f"module;{found.digest}", found.digest
    return f"module;{found.digest};only={_token(found, origin or session())}", found.digest


def _token(found: Identity, origin: str) -> str:
    """Return what keeps rows of a module that is not understood to its copies."""
    claim = origin, found.digest
    first = _claims.setdefault(claim, found.functions)
    # In a worker, functions arrive anew with every task.
    if multiprocessing.parent_process() is not None or _same(first, found.functions):
        return origin
    # Functions that look the same and are others: what they reach unseen may differ.
    known = _others.setdefault((claim, tuple(map(id, found.functions))), (uuid.uuid4().hex[:16], found.functions))
    return known[0]


def _same(some: tuple[Any, ...], others: tuple[Any, ...]) -> bool:
    return len(some) == len(others) and all(a is b for a, b in zip(some, others, strict=True))


def _changed_by_running(module: nn.Module, own: nn.Module, found: Identity, preprocessing: Preprocessing) -> set[str]:
    """Return the variables outside a module that change when its copy computes."""

    def digests(state: dict[str, Any]) -> dict[str, str]:
        return {name: identify(value).digest for name, value in state.items()}

    before = digests(found.state)
    with contextlib.suppress(BackboneError):
        network_answers(own, preprocessing)
    after = digests(_identified(module).state)
    return {name for name in before if before[name] != after.get(name)}


def _tell(name: str, unknown: tuple[str, ...]) -> None:
    text = ", ".join(unknown[:3]) + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
    if text not in _told:
        _told.add(text)
        log.warning(
            "%s holds what featx does not understand: %s. Its embeddings are kept for this module and its copies, and "
            "computed again elsewhere. cache_key='...' names its code by hand; its tensors are still compared.",
            name,
            text,
        )
