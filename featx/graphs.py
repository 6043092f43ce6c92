"""A module and layer names go in, a function from images to those layers' outputs comes out.

A module that torch.fx can trace is cut at any node of its graph and computes nothing behind the last one; another
runs whole, with hooks on its submodules.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor, fx, nn
from torchvision.models.feature_extraction import NodePathTracer

from .exceptions import LayerError, nearest

__all__ = ["OUTPUT", "HookReader", "default_cut", "last_node", "layer_names", "reader", "trace"]

OUTPUT = "output"

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


def layer_names(module: nn.Module) -> list[str]:
    """Return the graph nodes in order, or the paths of the submodules where the module cannot be traced."""
    nodes = trace(module)
    if nodes is None:
        return [name for name, _ in module.named_modules() if name]
    return [name for node, name in nodes.items() if node.op != "placeholder"]


def reader(module: nn.Module, layers: Sequence[str], *, name: str) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return a function that maps a batch to the outputs of the layers.

    Parameters
    ----------
    module : nn.Module
        In evaluation mode.
    layers : sequence of str
        Graph nodes, submodule paths (the last node in them), or "output".
    name : str
        The network's name, for messages.

    Raises
    ------
    LayerError
        If there is no such layer; names the nearest.
    """
    inner = [layer for layer in dict.fromkeys(layers) if layer != OUTPUT]
    nodes = trace(module)
    known = layer_names(module) if nodes is None else list(nodes.values())
    for layer in inner:
        if not any(node == layer or node.startswith(f"{layer}.") for node in known):
            hint = nearest(layer, known) or f"Some that it has: {', '.join(known[-5:])}, output."
            raise LayerError(f"{name} has no layer {layer!r}", hint)
    return HookReader(module, inner) if nodes is None else _cut(module, nodes, list(dict.fromkeys(layers)))


def _cut(module: nn.Module, nodes: dict[Any, str], layers: Sequence[str]) -> Callable[[Tensor], dict[str, Tensor]]:
    """Return the traced graph up to the last of the layers; nothing before it is dropped, for it may work in place."""
    graph = next(iter(nodes)).graph
    output = next(node for node in graph.nodes if node.op == "output")
    outputs: dict[str, Any] = {layer: last_node(nodes, layer) for layer in layers}
    for layer, node in outputs.items():
        if isinstance(node, fx.Node):
            with graph.inserting_after(node):
                # An operation behind the layer may work in place.
                outputs[layer] = graph.call_function(_kept, (node,))
    graph.erase_node(output)
    kept = set(outputs.values()) if OUTPUT not in outputs else set(graph.nodes)
    for node in reversed(graph.nodes):
        if node in kept:
            break
        graph.erase_node(node)
    graph.output(outputs)
    return fx.GraphModule(module, graph)


def last_node(nodes: dict[Any, str], layer: str) -> Any:
    """Return what a layer gives: the last node of that name or below that path, or what the module returns."""
    if layer == OUTPUT:
        return next(node for node in next(iter(nodes)).graph.nodes if node.op == "output").args[0]
    return [node for node, name in nodes.items() if name == layer or name.startswith(f"{layer}.")][-1]


def _kept(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


class HookReader:
    """Runs the whole module and catches what its submodules give."""

    def __init__(self, module: nn.Module, layers: Sequence[str]) -> None:
        self.module = module
        self.layers = layers

    def __call__(self, batch: Tensor) -> dict[str, Tensor]:
        caught: dict[str, Tensor] = {}
        submodules = dict(self.module.named_modules())
        handles = [
            submodules[layer].register_forward_hook(lambda m, i, out, layer=layer: caught.update({layer: _kept(out)}))
            for layer in self.layers
        ]
        try:
            caught[OUTPUT] = self.module(batch)
        finally:
            for handle in handles:
                handle.remove()
        return caught


def default_cut(module: nn.Module) -> str:
    """Return the node before a module's final pooling or flattening and its classifier, or "output" without these.

    The graph is read, nothing is computed.
    """
    nodes = trace(module)
    if nodes is None:
        return OUTPUT
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


def trace(module: nn.Module, *, is_whole: Callable[[nn.Module], bool] | None = None) -> dict[Any, str] | None:
    """Return the nodes of the module's graph with their names, or None where it cannot be traced.

    The submodules for which `is_whole` holds are one node each, as PyTorch's own are.
    """
    tracer = _Tracer()
    tracer.is_whole = is_whole
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())[1:]
        # Arguments with a default keep it, so that `if mask is None` takes the branch that the module takes.
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        tracer.trace(module, concrete_args=defaults or None)
    except Exception:  # tracing runs the module's own Python, which may raise anything; hooks still work
        return None
    return dict(tracer.node_to_qualname)


class _Tracer(NodePathTracer):
    is_whole: Callable[[nn.Module], bool] | None = None

    def is_leaf_module(self, m: nn.Module, module_qualname: str) -> bool:
        return super().is_leaf_module(m, module_qualname) or (self.is_whole is not None and self.is_whole(m))


def _is_flattening(node: Any, module: nn.Module) -> bool:
    if node.op == "call_module":
        return isinstance(module.get_submodule(str(node.target)), _FLATTENING)
    return (
        node.op in ("call_function", "call_method")
        and getattr(node.target, "__name__", node.target) in _FLATTENING_NAMES
    )
