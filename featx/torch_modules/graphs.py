"""Feature extractors: trace a module with torch.fx and cut it at layers, or put hooks on the layers of a whole one.

A module that torch.fx can trace is cut at any node of its graph, and computes nothing after the last one. Any other
module runs as a whole, with hooks on its submodules.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.utils import _pytree

from ..exceptions import LayerError, nearest
from .copies import light_copy
from .module_parts import global_hooks
from .node_paths import NodePathTracer
from .output_parts import OUTPUT, plain_values
from .seeds import seeded

__all__ = [
    "FeatureExtractor",
    "HookExtractor",
    "feature_extractor",
    "is_leaf_module",
    "last_node",
    "layer_names",
    "require_layers",
    "submodules",
    "trace",
]

# A function from a batch of images to the outputs of some layers, by their names.
FeatureExtractor = Callable[[Tensor], dict[str, Any]]

# A graph makes the same calls as the module: only sums in another order may differ.
TRACE_TOLERANCE = 1e-4


def layer_names(module: nn.Module) -> list[str]:
    """Return the graph nodes in order, or the paths of the submodules where the module cannot be traced."""
    nodes = trace(module)
    if nodes is None:
        return submodules(module)
    return [name for node, name in nodes.items() if node.op != "placeholder"]


def feature_extractor(
    module: nn.Module, layers: Sequence[str], *, name: str, images: Tensor | None = None
) -> FeatureExtractor:
    """Return a function that maps a batch to the outputs of the layers.

    Parameters
    ----------
    module : nn.Module
        In evaluation mode.
    layers : sequence of str
        Graph nodes, submodule paths (the last node in them), or "output".
    name : str
        The network's name, for messages.
    images : Tensor, shape (n, 3, h, w), default=None
        If given, the module's traced graph is used only if its outputs for two of them are those of the module.

    Raises
    ------
    LayerError
        If there is no such layer; names the nearest.
    """
    inner = [layer for layer in dict.fromkeys(layers) if layer != OUTPUT]
    nodes = trace(module, images)
    require_layers(module, nodes, inner, name=name)
    return HookExtractor(module, inner) if nodes is None else _cut(module, nodes, list(dict.fromkeys(layers)))


def require_layers(module: nn.Module, nodes: dict[Any, str] | None, layers: Sequence[str], *, name: str) -> None:
    """Raise an error for a layer that is neither a node of the graph nor, without a graph, one of the submodules.

    Raises
    ------
    LayerError
        If there is no such layer; names the nearest.
    """
    known = submodules(module) if nodes is None else list(nodes.values())
    for layer in layers:
        if layer != OUTPUT and not any(node == layer or node.startswith(f"{layer}.") for node in known):
            hint = nearest(layer, known) or f"Some that it has: {', '.join(known[-5:])}, output."
            raise LayerError(f"{name} has no layer {layer!r}", hint)


def is_leaf_module(module: nn.Module) -> bool:
    """Tell whether a module is one node of a graph by itself, as PyTorch's own are."""
    return _Tracer().is_leaf_module(module, "")


def submodules(module: nn.Module) -> list[str]:
    """Return the paths of all submodules, in order."""
    return [name for name, _ in module.named_modules() if name]


def _cut(module: nn.Module, nodes: dict[Any, str], layers: Sequence[str]) -> FeatureExtractor:
    """Return the traced graph up to the last layer; nothing before it is dropped, since it may work in place."""
    graph = next(iter(nodes)).graph
    output = next(node for node in graph.nodes if node.op == "output")
    outputs: dict[str, Any] = {layer: last_node(nodes, layer) for layer in layers}
    for layer, node in outputs.items():
        if isinstance(node, fx.Node):
            with graph.inserting_after(node):
                # An operation after the layer may work in place.
                outputs[layer] = graph.call_function(_cloned, (node,))
    graph.erase_node(output)
    kept = set(outputs.values()) if OUTPUT not in outputs else set(graph.nodes)
    for node in reversed(graph.nodes):
        if node in kept:
            break
        graph.erase_node(node)
    graph.output(outputs)
    return _silent(fx.GraphModule(module, graph))


def _silent(graph: nn.Module) -> nn.Module:
    """Return a graph that does not print its traceback when it fails; each graph has its own class."""
    type(graph).__call__ = nn.Module.__call__  # type: ignore[method-assign]
    return graph


def last_node(nodes: dict[Any, str], layer: str) -> Any:
    """Return the node whose value is a layer's output: the last one of that name or path, or the module's output."""
    if layer == OUTPUT:
        return next(node for node in next(iter(nodes)).graph.nodes if node.op == "output").args[0]
    return [node for node, name in nodes.items() if name == layer or name.startswith(f"{layer}.")][-1]


def _cloned(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


class HookExtractor:
    """Runs the whole module and catches the outputs of its submodules by hooks."""

    def __init__(self, module: nn.Module, layers: Sequence[str]) -> None:
        self.module = module
        self.layers = layers

    def __call__(self, batch: Tensor) -> dict[str, Tensor]:
        caught: dict[str, Tensor] = {}
        submodules = dict(self.module.named_modules())
        handles = [
            submodules[layer].register_forward_hook(lambda m, i, out, layer=layer: caught.update({layer: _cloned(out)}))
            for layer in self.layers
        ]
        try:
            caught[OUTPUT] = self.module(batch)
        finally:
            for handle in handles:
                handle.remove()
        if missing := [layer for layer in self.layers if layer not in caught]:
            raise LayerError(
                f"layer {missing[0]!r} is not called when {type(self.module).__name__} computes",
                "Choose another layer.",
            )
        return caught


def trace(
    module: nn.Module, images: Tensor | None = None, *, is_leaf: Callable[[nn.Module], bool] | None = None
) -> dict[Any, str] | None:
    """Return the nodes of the module's graph with their names, or None where it cannot be traced.

    With `images`, the outputs of the graph must also be those of the module: decisions that Python makes while the
    module is traced, such as a branch on the type of the input or on a count of calls, are fixed in the graph.
    Submodules for which `is_leaf` holds become one node each, as PyTorch's own do.
    """
    if not _is_called_plainly(module):
        return None
    tracer = _Tracer()
    tracer.is_leaf = is_leaf
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())[1:]
        # Arguments with a default keep it, so that `if mask is None` takes the branch that the module takes.
        defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
        tracer.trace(module, concrete_args=defaults or None)
    except Exception:  # tracing runs the module's own Python, which may raise anything; hooks still work
        return None
    nodes = dict(tracer.node_to_qualname)
    return nodes if images is None or _is_faithful(module, next(iter(nodes)).graph, images[:2]) else None


def _is_called_plainly(module: nn.Module) -> bool:
    """Tell whether calling a module runs its class's ``forward`` and nothing else, since only that is traced."""
    plain = type(module).__call__ is nn.Module.__call__ or isinstance(module, fx.GraphModule)
    hooked = module._forward_hooks or module._forward_pre_hooks or module._compiled_call_impl or global_hooks()
    return plain and not hooked and "forward" not in vars(module)


def _is_faithful(module: nn.Module, graph: fx.Graph, images: Tensor) -> bool:
    def outputs(network: nn.Module) -> list[Any]:
        with torch.inference_mode(), seeded(0, images.device):
            return _pytree.tree_leaves(network(images.clone()))

    try:
        expected = outputs(light_copy(module))
    except Exception:  # a layer below may work all the same
        return True
    try:
        given = outputs(_silent(light_copy(fx.GraphModule(module, graph))))
    except Exception:  # the user's code may do anything with its input
        return False
    return len(given) == len(expected) and all(map(_are_close, given, expected))


def _are_close(given: Any, expected: Any) -> bool:
    if not isinstance(expected, Tensor) or not isinstance(given, Tensor):
        return type(given) is type(expected)
    if given.dtype != expected.dtype or given.is_nested != expected.is_nested:
        return False
    if not given.is_nested and given.shape != expected.shape:
        return False
    exact = not (expected.is_floating_point() or expected.is_complex())
    given, expected = plain_values(given), plain_values(expected)
    bound = 0.0 if exact or not expected.numel() else TRACE_TOLERANCE * float(expected.abs().nan_to_num().max())
    return given.shape == expected.shape and bool(torch.allclose(given, expected, rtol=0, atol=bound, equal_nan=True))


class _Tracer(NodePathTracer):
    is_leaf: Callable[[nn.Module], bool] | None = None

    def is_leaf_module(self, m: nn.Module, module_qualname: str) -> bool:
        return super().is_leaf_module(m, module_qualname) or (self.is_leaf is not None and self.is_leaf(m))
