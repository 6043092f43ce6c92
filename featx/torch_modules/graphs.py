"""A module and layer names go in, a function from images to those layers' outputs comes out.

A module that torch.fx can trace is cut at any node of its graph and computes nothing behind the last one; another
runs whole, with hooks on its submodules.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils import _pytree
from torchvision.models.feature_extraction import NodePathTracer

from ..exceptions import LayerError, nearest
from .copies import light_copy
from .module_parts import global_hooks
from .output_parts import plain_values

__all__ = [
    "OUTPUT",
    "HookExtractor",
    "default_node",
    "default_submodule",
    "feature_extractor",
    "is_leaf_module",
    "last_node",
    "layer_names",
    "norm_after_pooling",
    "require_layers",
    "trace",
]

OUTPUT = "output"
# A graph makes the same calls as the module: only sums in another order may differ.
TRACE_TOLERANCE = 1e-4

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


_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)
_NORM_NAMES = {
    "normalize",
    "layer_norm",
    "batch_norm",
    "group_norm",
    "instance_norm",
    "rms_norm",
    "local_response_norm",
}


def layer_names(module: nn.Module) -> list[str]:
    """Return the graph nodes in order, or the paths of the submodules where the module cannot be traced."""
    nodes = trace(module)
    if nodes is None:
        return _submodules(module)
    return [name for node, name in nodes.items() if node.op != "placeholder"]


def feature_extractor(
    module: nn.Module, layers: Sequence[str], *, name: str, images: Tensor | None = None
) -> Callable[[Tensor], dict[str, Tensor]]:
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
        Where they are given, the module's traced graph is used only if it gives what the module gives for two of them.

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
    """Refuse layers that neither the nodes of a graph nor, without a graph, the module's submodules have.

    Raises
    ------
    LayerError
        If there is no such layer; names the nearest.
    """
    known = _submodules(module) if nodes is None else list(nodes.values())
    for layer in layers:
        if layer != OUTPUT and not any(node == layer or node.startswith(f"{layer}.") for node in known):
            hint = nearest(layer, known) or f"Some that it has: {', '.join(known[-5:])}, output."
            raise LayerError(f"{name} has no layer {layer!r}", hint)


def is_leaf_module(module: nn.Module) -> bool:
    """Tell whether a module is one node of a graph by itself, as PyTorch's own are."""
    return _Tracer().is_leaf_module(module, "")


def _submodules(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_modules() if name]


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
    return _silent(fx.GraphModule(module, graph))


def _silent(graph: nn.Module) -> nn.Module:
    """Return a graph that does not print its traceback when it fails; each graph has a class of its own."""
    type(graph).__call__ = nn.Module.__call__  # type: ignore[method-assign]
    return graph


def last_node(nodes: dict[Any, str], layer: str) -> Any:
    """Return what a layer gives: the last node of that name or below that path, or what the module returns."""
    if layer == OUTPUT:
        return next(node for node in next(iter(nodes)).graph.nodes if node.op == "output").args[0]
    return [node for node, name in nodes.items() if name == layer or name.startswith(f"{layer}.")][-1]


def _kept(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


class HookExtractor:
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
        if missing := [layer for layer in self.layers if layer not in caught]:
            raise LayerError(
                f"layer {missing[0]!r} is not called when {type(self.module).__name__} computes",
                "Choose another layer.",
            )
        return caught


def default_node(module: nn.Module) -> str:
    """Return the node before a module's final pooling or flattening and its classifier, or "output" without these.

    The graph is read, nothing is computed.
    """
    nodes = trace(module)
    return OUTPUT if nodes is None else _before_pooling(module, nodes)


def default_submodule(module: nn.Module) -> str:
    """Return the submodule that gives what `default_node` names, for a module that runs as a whole; else "output"."""
    nodes = trace(module)
    cut = OUTPUT if nodes is None else _before_pooling(module, nodes)
    if nodes is None or cut == OUTPUT:
        return OUTPUT
    paths = cut.split(".")
    for length in range(1, len(paths) + 1):
        path = ".".join(paths[:length])
        if path in _submodules(module) and nodes[last_node(nodes, path)] == cut:
            return path
    return OUTPUT


def norm_after_pooling(module: nn.Module) -> str:
    """Return the node that normalises after a module's final pooling or classifier, which `default_node` leaves out."""
    nodes = trace(module)
    if nodes is None or _before_pooling(module, nodes) == OUTPUT:
        return ""
    node = next(n for n in next(iter(nodes)).graph.nodes if n.op == "output").all_input_nodes[0]
    while not _is_flattening(node, module):
        part = module.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(part, _NORMS) or getattr(node.target, "__name__", node.target) in _NORM_NAMES:
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


def trace(
    module: nn.Module, images: Tensor | None = None, *, is_leaf: Callable[[nn.Module], bool] | None = None
) -> dict[Any, str] | None:
    """Return the nodes of the module's graph with their names, or None where it cannot be traced.

    With `images`, the graph must also give what the module gives: what Python decides while it is traced, such as a
    branch on the type of the input or a count of calls, is fixed in the graph. The submodules for which `is_leaf`
    holds are one node each, as PyTorch's own are.
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
    """Tell whether calling a module means its class's ``forward``, the part of it that is traced."""
    plain = type(module).__call__ is nn.Module.__call__ or isinstance(module, fx.GraphModule)
    hooked = module._forward_hooks or module._forward_pre_hooks or module._compiled_call_impl or global_hooks()
    return plain and not hooked and "forward" not in vars(module)


def _is_faithful(module: nn.Module, graph: fx.Graph, images: Tensor) -> bool:
    def outputs(network: nn.Module) -> list[Any]:
        devices = [images.device] if images.device.type == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(devices=devices):
            torch.manual_seed(0)
            return _pytree.tree_leaves(network(images.clone()))

    try:
        expected = outputs(light_copy(module))
    except Exception:  # a layer below may work all the same
        return True
    try:
        given = outputs(_silent(light_copy(fx.GraphModule(module, graph))))
    except Exception:  # whatever the user's code does with what it gets
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


def _is_flattening(node: Any, module: nn.Module) -> bool:
    if node.op == "call_module":
        return isinstance(module.get_submodule(str(node.target)), _FLATTENING)
    return (
        node.op in ("call_function", "call_method")
        and getattr(node.target, "__name__", node.target) in _FLATTENING_NAMES
    )
