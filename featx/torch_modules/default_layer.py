"""Find the layer before a module's final pooling and classifier: the default layer of its embeddings."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from .graphs import last_node, submodules, trace
from .output_parts import OUTPUT

__all__ = ["default_node", "default_submodule", "norm_after_pooling"]

_FLATTENING = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Flatten)
_FLATTENING_NAMES = {
    "flatten",
    "view",
    "reshape",
    "mean",
    "adaptive_avg_pool2d",
    "adaptive_max_pool2d",
    "squeeze",
}


NORM_LAYERS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)
_NORM_NAMES = {
    "normalize",
    "layer_norm",
    "batch_norm",
    "group_norm",
    "instance_norm",
    "rms_norm",
    "local_response_norm",
}


def default_node(module: nn.Module) -> str:
    """Return the node before a module's final pooling or flattening and its classifier, or "output" if it has none.

    The graph is inspected, nothing is computed.
    """
    nodes = trace(module)
    return OUTPUT if nodes is None else _before_pooling(module, nodes)


def default_submodule(module: nn.Module) -> str:
    """Return the submodule with the output of `default_node`, for a module that is not traced; "output" if none has."""
    nodes = trace(module)
    cut = OUTPUT if nodes is None else _before_pooling(module, nodes)
    if nodes is None or cut == OUTPUT:
        return OUTPUT
    paths = cut.split(".")
    for length in range(1, len(paths) + 1):
        path = ".".join(paths[:length])
        if path in submodules(module) and nodes[last_node(nodes, path)] == cut:
            return path
    return OUTPUT


def norm_after_pooling(module: nn.Module) -> str:
    """Return the node that normalises after a module's final pooling, which `default_node` leaves out; else ""."""
    nodes = trace(module)
    if nodes is None or _before_pooling(module, nodes) == OUTPUT:
        return ""
    node = next(n for n in next(iter(nodes)).graph.nodes if n.op == "output").all_input_nodes[0]
    while not _is_flattening(node, module):
        part = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(part, NORM_LAYERS) or getattr(node.target, "__name__", node.target) in _NORM_NAMES:
            return nodes[node]
        if isinstance(part, nn.Linear) or node.target is nn.functional.linear:
            break
        node = node.all_input_nodes[0]
    return ""


def _before_pooling(module: nn.Module, nodes: dict[Any, str]) -> str:
    node = next(n for n in next(iter(nodes)).graph.nodes if n.op == "output").all_input_nodes
    found = False
    while len(node) == 1 and node[0].op != "placeholder":
        current = node[0]
        flattening = _is_flattening(current, module)
        if found and not flattening:
            return nodes[current]
        found = found or flattening
        node = current.all_input_nodes
    return OUTPUT


def _is_flattening(node: Any, module: nn.Module) -> bool:
    if node.op == "call_module":
        return isinstance(module.get_submodule(str(node.target)), _FLATTENING)
    return (
        node.op in ("call_function", "call_method")
        and getattr(node.target, "__name__", node.target) in _FLATTENING_NAMES
    )
