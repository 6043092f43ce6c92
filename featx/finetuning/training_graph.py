"""Make dropout act in the trained part of a network, by tracing its graph a second time in training mode.

`self.training` is a constant of a traced graph, so that stochastic depth, ``F.dropout(x, p, self.training)`` and the
like never act in a graph that was traced in evaluation. Here the network is traced again in training mode and cut at
the same two nodes. Both graphs share the modules, whose own mode can still be switched.
"""

from __future__ import annotations

import contextlib
import difflib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from ..torch_modules.graphs import last_node, trace
from ..torch_modules.output_parts import OUTPUT
from ..torch_modules.running_statistics import keeps_statistics
from .cut_graph import CutGraph

__all__ = ["training_graph"]


def training_graph(graph: CutGraph, boundary: fx.Node | None, layer: str) -> fx.GraphModule | None:
    """Return the part above the boundary in training mode.

    Parameters
    ----------
    graph : CutGraph
        Traced in evaluation; its module has been switched to the wanted mode since.
    boundary : fx.Node or None
    layer : str
        What ends the graph; the name of a module means its last node, which may be another one in training.

    Returns
    -------
    fx.GraphModule or None
        None where the network cannot be traced in training mode, or is another one there: if Python draws random
        numbers in it, they would be constants of the graph.
    """
    module = graph.module
    with _restored_state(module) as drew:
        nodes = trace(module, is_leaf=keeps_statistics)
    if nodes is None or drew:
        return None
    matches = _matching_nodes(graph.names, nodes)
    end, start = matches.get(graph.end), None if boundary is None else matches.get(boundary)
    if layer == OUTPUT or layer not in graph.names.values():
        last = last_node(nodes, layer)
        end = last if isinstance(last, fx.Node) else end  # auxiliary heads make the output several
    if end is None or (boundary is not None and start is None):
        return None
    other = CutGraph(module, nodes, end)
    try:
        upper = other.upper(start)
    except KeyError:  # something below the boundary is read above it
        return None
    return upper if _with_parameters(other, start) == _with_parameters(graph, boundary) else None


def _with_parameters(graph: CutGraph, boundary: fx.Node | None) -> list[str]:
    """Return the calls of modules with parameters above the boundary, in order."""
    place = -1 if boundary is None else graph.place[boundary]
    calls = [str(n.target) for n in graph.nodes[place + 1 :] if n.op == "call_module" and graph.parameters([n])]
    return calls


def _matching_nodes(first: dict[fx.Node, str], second: dict[fx.Node, str]) -> dict[fx.Node, fx.Node]:
    """Return the nodes of two graphs that are the same operation in the same module, in the same order."""

    def keys(names: dict[fx.Node, str]) -> list[tuple[str, str, str]]:
        return [(n.op, _target(n), "" if n.op == "call_module" else p.rpartition(".")[0]) for n, p in names.items()]

    ours, theirs = list(first), list(second)
    matches = difflib.SequenceMatcher(None, keys(first), keys(second), autojunk=False).get_matching_blocks()
    return {ours[a + i]: theirs[b + i] for a, b, size in matches for i in range(size)}


def _target(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))


@contextlib.contextmanager
def _restored_state(module: nn.Module) -> Iterator[list[str]]:
    """Restore buffers and random states afterwards; yields a list of the generators that were drawn from."""
    drew: list[str] = []
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        state = torch.get_rng_state()
        try:
            yield drew
        finally:
            if not torch.equal(state, torch.get_rng_state()):
                drew.append("torch")
            if python != random.getstate():
                drew.append("random")
            if _differ(numpy, np.random.get_state()):
                drew.append("numpy")
            random.setstate(python)
            np.random.set_state(numpy)
            with torch.no_grad():
                for name, value in module.named_buffers():
                    value.copy_(buffers[name])


def _differ(first: Any, second: Any) -> bool:
    return any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True))
