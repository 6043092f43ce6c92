"""Fuse a traced network: the same function with fewer kernels, and in half precision if that is wanted.

BatchNorm is folded into the convolution before it. On a CPU, a convolution, its activation and the addition of a
residual become one kernel of oneDNN with weights that are packed once; on other devices they remain torch's operations.
Each convolution has its own precision, so that the first ones can stay in float32 while the others do not.
"""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Collection
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..torch_modules.graphs import FeatureExtractor
from .efficientnet_lite import same_pad
from .float32_stem import with_float32_stem
from .fused_convolution import FusedConvolution, has_kernels
from .traced_pass import traced_pass

__all__ = ["fuse", "fused_extractor"]

# The names that oneDNN has for activations. For ReLU6 and Hardtanh, the bounds are passed too.
_ACTIVATIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.ReLU6: "hardtanh",
    nn.Hardtanh: "hardtanh",
    nn.SiLU: "swish",
    nn.Hardswish: "hardswish",
    nn.Sigmoid: "sigmoid",
    nn.Hardsigmoid: "hardsigmoid",
}
_FUNCTIONS: dict[Any, str] = {functional.relu: "relu", torch.relu: "relu", "relu": "relu", "relu_": "relu"}
# How far the fused graph's output may be from the original's, relative to its norm: beyond this it is not the same
# function. Half precision alone makes a difference of some hundredths.
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.3, torch.float16: 0.3}
# Modules that return their input in evaluation mode, with torchvision's by its module and name.
_IDENTITIES = (nn.Identity, nn.Dropout, nn.Dropout2d)
_STOCHASTIC_DEPTH = ("torchvision.ops", "StochasticDepth")
_ADDITIONS = (operator.add, operator.iadd, torch.add)


def fused_extractor(
    network: fx.GraphModule, batch: Tensor, *, dtype: torch.dtype, n_float32: int = 0
) -> FeatureExtractor:
    """Return the fastest graph that was found to compute the same as a feature extractor.

    Parameters
    ----------
    network : fx.GraphModule
        Returns a dict of tensors; in evaluation mode; left as it is.
    batch : Tensor of float32, shape (n, c, h, w)
        Its first image is passed through the network and through the fused graphs.
    dtype : torch.dtype
        Of the convolutions.
    n_float32 : int, default=0
        So many convolutions at the beginning stay in float32.

    Returns
    -------
    callable
        The network itself, with its first convolutions in float32, if the fused one fails or differs.
    """
    passed = traced_pass(network, batch[:1])
    example, wanted = passed.example, passed.outputs
    bound = TOLERANCE[dtype]
    # oneDNN's kernels are not a public interface of torch: another release may change them.
    for kernels in [True, False] if batch.device.type == "cpu" and has_kernels() else [False]:
        try:
            fused = fuse(network, batch, dtype=dtype, kernels=kernels, n_float32=n_float32)
            given = fused(example.clone())
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, NotImplementedError, AttributeError, TypeError):
            continue
        if all(_distance(given[layer], wanted[layer]) <= bound for layer in wanted):
            return fused
    return with_float32_stem(network, n_float32)


def _distance(given: Any, wanted: Any) -> float:
    """Return the relative distance of two tensors; 0 for other values."""
    if not isinstance(wanted, Tensor) or not wanted.is_floating_point():
        return 0.0
    return float((given.float() - wanted.float()).norm() / wanted.float().norm().clamp(min=1e-12))


def fuse(
    network: fx.GraphModule, batch: Tensor, *, dtype: torch.dtype, kernels: bool, n_float32: int = 0
) -> fx.GraphModule:
    """Return a graph that computes the same with fused convolutions.

    Parameters
    ----------
    network : fx.GraphModule
        In evaluation mode; left as it is.
    batch : Tensor of float32, shape (n, c, h, w)
        Its first image is passed through the network for the shapes.
    dtype : torch.dtype
        Of the convolutions.
    kernels : bool
        Whether to use oneDNN's kernels.
    n_float32 : int, default=0
        So many convolutions at the beginning stay in float32.
    """
    modules = dict(network.named_modules())
    graph, copied = fx.Graph(), dict[fx.Node, fx.Node]()
    output = graph.graph_copy(network.graph, copied)
    graph.output(output)
    fused = fx.GraphModule(network, graph)
    found = traced_pass(network, batch[:1]).shapes
    shapes = {copy: found[node.name] for node, copy in copied.items() if node.name in found}
    _remove_identities(graph, modules)
    places = [n for n in graph.nodes if n.op == "call_module" and _is_plain(modules[n.target])]
    for number, node in enumerate(places):
        own = torch.float32 if number < n_float32 else dtype
        modules[node.target] = _with_padding(modules[node.target], node, shapes)
        shape = (len(batch), *shapes[node.args[0]][1:]) if kernels else None
        _fuse_one(fused, modules, node, shapes, own, shape)
    # A node that nothing reads may still work in place, so no other node is dropped.
    graph.lint()
    fused.delete_all_unused_submodules()
    fused.recompile()
    return fused


def _fuse_one(
    fused: fx.GraphModule,
    modules: dict[str, nn.Module],
    node: fx.Node,
    shapes: dict[fx.Node, torch.Size],
    dtype: torch.dtype,
    shape: tuple[int, ...] | None,
) -> None:
    # `Any`, since the function of torch that folds has its own type for its argument.
    convolution: Any = modules[str(node.target)]
    end, activation = node, "none"
    residual: fx.Node | None = None
    bounds: tuple[float, ...] = ()
    follower = _only_user(end)
    if follower is not None and _is_norm(modules, follower):
        norm: Any = modules[str(follower.target)]
        convolution = fuse_conv_bn_eval(convolution, norm)
        end = follower
        follower = _only_user(end)
    if follower is not None:
        other = _added(follower, end)
        if other is not None and shapes.get(other) == shapes[end] and _may_move(modules, node, follower):
            residual, end = other, follower
            follower = _only_user(end)
    if follower is not None and (found := _activation(modules, follower)) is not None:
        (activation, bounds), end = found, follower
    in_place = residual is not None and _is_spent(fused, residual, end)
    name = f"fused_{node.name}"
    module = FusedConvolution(
        convolution, dtype=dtype, activation=activation, bounds=bounds, shape=shape, in_place=in_place
    )
    fused.add_submodule(name, module.eval().requires_grad_(False))
    with fused.graph.inserting_before(end):
        new = fused.graph.call_module(name, (node.args[0],) if residual is None else (node.args[0], residual))
    modules[name] = module
    shapes[new] = shapes[end]
    end.replace_all_uses_with(new)
    while end is not node:
        before = next(n for n in end.all_input_nodes if n is not residual)
        fused.graph.erase_node(end)
        end = before
    fused.graph.erase_node(node)


def _with_padding(convolution: Any, node: fx.Node, shapes: dict[fx.Node, torch.Size]) -> nn.Module:
    """Return a convolution that does the uneven padding before it itself; the padding is removed from the graph.

    Zeros before the first rows and columns of the kernel make an even padding equal to the uneven one.
    """
    pad = node.args[0]
    if not isinstance(pad, fx.Node) or pad.target is not same_pad or len(pad.users) > 1:
        return convolution
    source = pad.all_input_nodes[0]
    before = [(wide - narrow) // 2 for wide, narrow in zip(shapes[pad][2:], shapes[source][2:], strict=True)]
    behind = [wide - narrow - b for wide, narrow, b in zip(shapes[pad][2:], shapes[source][2:], before, strict=True)]
    top, left = (after - b for after, b in zip(behind, before, strict=True))
    padded = copy.copy(convolution)
    padded._parameters = dict(convolution._parameters)
    padded.weight = nn.Parameter(functional.pad(convolution.weight, (left, 0, top, 0)), requires_grad=False)
    padded.kernel_size = tuple(padded.weight.shape[2:])
    padded.padding = tuple(behind)
    node.replace_input_with(pad, source)
    pad.graph.erase_node(pad)
    return padded


def _identities() -> tuple[type[nn.Module], ...]:
    # A module of torchvision's is there only if torchvision is loaded already.
    other = getattr(sys.modules.get(_STOCHASTIC_DEPTH[0]), _STOCHASTIC_DEPTH[1], None)
    return _IDENTITIES if other is None else (*_IDENTITIES, other)


def _remove_identities(graph: fx.Graph, modules: dict[str, nn.Module]) -> None:
    identities = _identities()
    for node in list(graph.nodes):
        quiet = node.op == "call_module" and _is_untouched(modules[node.target], identities)
        named = node.op == "call_function" and getattr(node.target, "__name__", "") == "stochastic_depth"
        if quiet or (named and node.kwargs.get("training", node.args[-1]) is False):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)


def _is_plain(module: nn.Module) -> bool:
    """Tell whether a module is a plain convolution, with zero padding and without hooks."""
    return _is_untouched(module, (nn.Conv2d,)) and module.padding_mode == "zeros" and module.padding != "same"


def _is_untouched(module: nn.Module | None, kinds: Collection[type[nn.Module]]) -> bool:
    """Tell whether a module is exactly one of the library's, without hooks or a ``forward`` of the user."""
    if type(module) not in kinds or module is None:
        return False
    owner = getattr(type(module).forward, "__globals__", {}).get("__name__", "")
    hooked = module._forward_hooks or module._forward_pre_hooks or "forward" in vars(module)
    return not hooked and owner.partition(".")[0] in ("torch", "torchvision")


def _only_user(node: fx.Node) -> fx.Node | None:
    return next(iter(node.users)) if len(node.users) == 1 else None


def _is_norm(modules: dict[str, nn.Module], node: fx.Node) -> bool:
    module: Any = modules.get(str(node.target)) if node.op == "call_module" else None
    return _is_untouched(module, (nn.BatchNorm2d,)) and bool(module.track_running_stats and module.affine)


def _added(node: fx.Node, end: fx.Node) -> fx.Node | None:
    """Return the node that is added to `end`, or None if a node is not a plain sum of two."""
    if node.op != "call_function" or node.target not in _ADDITIONS or node.kwargs:
        return None
    others = [a for a in node.args if a is not end]
    return others[0] if len(node.args) == 2 and len(others) == 1 and isinstance(others[0], fx.Node) else None


def _may_move(modules: dict[str, nn.Module], start: fx.Node, end: fx.Node) -> bool:
    """Tell whether nothing between two nodes could change the input of the first one."""
    node = start.next
    while node is not end:
        module = modules.get(str(node.target)) if node.op == "call_module" else None
        if not isinstance(module, nn.Conv2d | nn.BatchNorm2d | FusedConvolution):
            return False
        node = node.next
    return True


def _activation(modules: dict[str, nn.Module], node: fx.Node) -> tuple[str, tuple[float, ...]] | None:
    if node.op != "call_module":
        name = _FUNCTIONS.get(node.target)
        return None if name is None or len(node.args) != 1 else (name, ())
    module: Any = modules[str(node.target)]
    if not _is_untouched(module, _ACTIVATIONS):
        return None
    activation = _ACTIVATIONS[type(module)]
    return activation, (module.min_val, module.max_val) if activation == "hardtanh" else ()


def _is_spent(fused: fx.GraphModule, residual: fx.Node, end: fx.Node) -> bool:
    """Tell whether a residual has its own memory, which no later node reads, under this or another name."""
    order = {node: number for number, node in enumerate(fused.graph.nodes)}

    def own(node: fx.Node) -> bool:
        return node.op == "call_module" and isinstance(fused.get_submodule(str(node.target)), FusedConvolution)

    # The output of a fused convolution may be the memory of its residual, which nothing else read either.
    readers = [user for user in residual.users if user is not end and order[user] < order[end]]
    later = [user for user in residual.users if order[user] > order[end]]
    return own(residual) and not later and all(own(user) or _is_convolution(fused, user) for user in readers)


def _is_convolution(fused: fx.GraphModule, node: fx.Node) -> bool:
    return node.op == "call_module" and type(fused.get_submodule(str(node.target))) is nn.Conv2d
