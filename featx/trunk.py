"""A backbone and a choice of stages to train go in; a frozen lower and a trained upper part of it come out.

The two meet at one node of the graph, the boundary. What the lower part gives there never changes while the upper
one is trained, so it can be computed once.
"""

from __future__ import annotations

import copy
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from .backbones import EXACT_CONVOLUTIONS, BackboneSource, View, arithmetic
from .exact_start import Reader, with_exact_start
from .exceptions import BackboneError, ParameterError, nearest
from .graphs import HookReader, last_node, reader, trace
from .pooling import pool

__all__ = ["Trunk", "trainable_parts"]

# PyTorch's own. Networks that were made for long trainings have less, and would not see new statistics in a short one.
UPDATE_MOMENTUM = 0.1


@dataclass
class Trunk:
    """The network up to the layer that the head reads, cut into a frozen and a trained part.

    Attributes
    ----------
    module : nn.Module
        A network of its own, whose tensors both parts share.
    view : (layer, pooling)
    boundary : str or None
        The node where the parts meet; None when the trained part begins at the image, or the network cannot be traced.
    upper : callable
        From what the boundary gives, or from normalised images, to the layer's output.
    trained : list of str
        Names of the parameters that training changes; empty when only the head is trained.
    stages : list of str
        The stages, or layers, that were chosen to be trained.
    update_statistics : bool
        Whether BatchNorm of the trained part goes on estimating its statistics.
    """

    module: nn.Module
    source: BackboneSource
    view: View
    boundary: str | None
    upper: Callable[[Tensor], Tensor]
    trained: list[str]
    stages: list[str]
    update_statistics: bool = False
    _lower: Reader | None = None

    @classmethod
    def cut(
        cls, source: BackboneSource, view: View, *, trainable_stages: Any = 1, trainable_layers: int | None = None
    ) -> Trunk:
        """Build the network and cut it below the lowest part that is trained.

        Parameters
        ----------
        source : BackboneSource
        view : (layer, pooling)
        trainable_stages : int, sequence of str or "all"
        trainable_layers : int, default=None
            The last so many layers, in place of stages.

        Raises
        ------
        ParameterError
            If there are not so many stages or layers, or nothing in them can be trained.
        LayerError
            If the layer does not exist.
        """
        module = copy.deepcopy(source.build()).eval().requires_grad_(False)
        node = source.plan.node(view[0])
        reader(module, [node], name=source.name)
        nodes = trace(module)
        if nodes is None:
            return cls._whole(module, source, view, node, trainable_stages, trainable_layers)
        graph = _Graph(module, nodes, node)
        chosen, stages = graph.choose(source, view[0], trainable_stages, trainable_layers)
        if not chosen:
            return cls(module, source, view, None, _same, [], [])
        trained = graph.parameters(chosen)
        if not trained:
            raise ParameterError(
                f"got {_choice(trainable_stages, trainable_layers)}; nothing in there has parameters",
                "Train more stages or layers.",
            )
        boundary = graph.boundary(trained)
        upper = graph.upper(boundary)
        name = None if boundary is None else nodes[boundary]
        return cls(module, source, view, name, upper, trained, stages)

    @classmethod
    def _whole(
        cls, module: nn.Module, source: BackboneSource, view: View, node: str, stages: Any, layers: int | None
    ) -> Trunk:
        """Return the trunk of a module that cannot be traced: it runs whole, and its last children are trained."""
        children = [name for name, child in module.named_children() if any(True for _ in child.parameters())]
        last = node.split(".")[0]
        if last in children:
            children = children[: children.index(last) + 1]
        if layers is not None:
            raise ParameterError(
                f"got trainable_layers={layers!r}; {source.name} cannot be traced, so that its layers have no order",
                "Choose trainable_stages, the names of its children.",
            )
        names = _choose_stages(children, stages)
        trained = [n for n, _ in module.named_parameters() if stages == "all" or n.split(".")[0] in names]
        hooked = HookReader(module, [] if node == "output" else [node])
        return cls(module, source, view, None, lambda batch: hooked(batch)[node], trained, names)

    def features(self, inputs: Tensor) -> Tensor:
        """Return the pooled features of a batch, float32 (n, d); `inputs` come from below the boundary.

        With no trained stage they are pooled already.
        """
        return self._pool(self.upper(inputs)) if self.trained else inputs

    def _pool(self, output: Tensor) -> Tensor:
        plan = self.source.plan
        last = plan.is_channels_last(plan.node(self.view[0]))
        return pool(output, self.view[1], channels_last=last, prefix_tokens=plan.prefix_tokens)

    def lower(self, images: Tensor, precision: str) -> Tensor:
        """Return what `features` takes, of normalised images, without gradients and as in evaluation."""
        if self.trained and self.boundary is None:
            return images
        node = self.boundary or self.source.plan.node(self.view[0])
        if self._lower is None:
            self._lower = reader(self.module, [node], name=self.source.name)
        with torch.no_grad(), arithmetic(precision, images.device.type):
            exact = 0 if precision == "float32" else EXACT_CONVOLUTIONS
            output = with_exact_start(self._lower, exact)(images)[node]
        return output.float() if self.trained else self._pool(output)

    def boundary_shape(self) -> tuple[int, ...]:
        """Return the shape of what the boundary gives for one image, by passing shapes without values."""
        assert self.boundary is not None
        side = self.source.preprocessing.crop
        lower = reader(copy.deepcopy(self.module).to("meta"), [self.boundary], name=self.source.name)
        with torch.inference_mode():
            try:
                return tuple(lower(torch.empty((1, 3, side, side), device="meta"))[self.boundary].shape[1:])
            except (RuntimeError, AssertionError) as error:
                raise BackboneError(
                    f"{self.source.name} fails on images of {side} x {side} pixels: {error}",
                    "Leave image_size at its default, or choose one that the network takes.",
                ) from error

    def train(self, mode: bool = True) -> None:
        """Switch dropout, and BatchNorm where its statistics are updated, to training or back to evaluation."""
        owners = {name.rpartition(".")[0] for name in self.trained}
        scope = self.upper if isinstance(self.upper, nn.Module) else self.module
        for name, part in scope.named_modules():
            if isinstance(part, _DropoutNd):
                part.train(mode and bool(self.trained))
            elif isinstance(part, _BatchNorm) and name in owners:
                part.train(mode and self.update_statistics)
                if self.update_statistics and part.momentum is not None:
                    part.momentum = max(part.momentum, UPDATE_MOMENTUM)

    def state(self) -> dict[str, Tensor]:
        """Return the tensors that training may change: trained parameters, and the statistics beside them."""
        owners = {name.rpartition(".")[0] for name in self.trained}
        names = {*self.trained, *(n for n, _ in self.module.named_buffers() if n.rpartition(".")[0] in owners)}
        return {name: value for name, value in self.module.state_dict().items() if name in names}


class _Graph:
    """The traced nodes that a layer's output needs, in the order of the forward pass."""

    def __init__(self, module: nn.Module, nodes: dict[fx.Node, str], layer: str) -> None:
        self.module, self.names = module, nodes
        # A tensor that goes by several names is known by its first.
        self.first_name = {value: name for name, value in module.named_parameters()}
        self.by_name = dict(module.named_parameters(remove_duplicate=False))
        self.end: fx.Node = last_node(nodes, layer)
        before = list(self.end.graph.nodes)
        before = before[: before.index(self.end)]
        # An operation whose result is not used may work in place.
        needed, pending = set(), [self.end, *(node for node in before if node.op.startswith("call") and not node.users)]
        while pending:
            node = pending.pop()
            if node not in needed:
                needed.add(node)
                pending += node.all_input_nodes
        self.nodes = [node for node in self.end.graph.nodes if node in needed]
        self.place = {node: i for i, node in enumerate(self.nodes)}

    def choose(
        self, source: BackboneSource, layer: str, stages: Any, layers: int | None
    ) -> tuple[list[fx.Node], list[str]]:
        """Return the nodes of the stages or layers to train, and the names of the stages."""
        ends = [(name, last_node(self.names, node)) for name, node in trainable_parts(source, self.names)]
        ends = [(name, node) for name, node in ends if node in self.place]
        if layers is not None:
            if isinstance(layers, bool) or not isinstance(layers, int | np.integer) or layers < 1:
                raise ParameterError(f"got trainable_layers={layers!r}; expected a positive integer")
            modules = [node for node in self.nodes if node.op == "call_module"]
            if layers > len(modules):
                raise ParameterError(
                    f"got trainable_layers={layers}; {source.name} has {len(modules)} layers up to {layer}",
                    "Choose fewer.",
                )
            return modules[-int(layers) :], []
        if isinstance(stages, str) and stages == "all":
            return self.nodes, [name for name, _ in ends]
        parts: dict[str, list[fx.Node]] = {name: [] for name, _ in ends}
        for i, node in enumerate(self.nodes):
            # What lies behind the last stage belongs to it.
            owner = next((name for name, end in ends if i <= self.place[end]), ends[-1][0] if ends else "")
            parts.setdefault(owner, []).append(node)
        # The last children of a module of one's own are often a pooling and the like.
        names = _choose_stages([name for name, _ in ends if self.parameters(parts[name])], stages)
        return [node for name in names for node in parts[name]], names

    def parameters(self, nodes: Sequence[fx.Node]) -> list[str]:
        """Return the names of the parameters that nodes use."""
        found: dict[str, None] = {}
        for node in nodes:
            target = str(node.target)
            if node.op == "call_module":
                found.update((self.first_name[p], None) for p in self.module.get_submodule(target).parameters())
            elif node.op == "get_attr" and target in self.by_name:
                found[self.first_name[self.by_name[target]]] = None
        return list(found)

    def boundary(self, trained: list[str]) -> fx.Node | None:
        """Return the last node before all trained parameters through which everything above it is reached."""
        wanted = set(trained)
        first = min(i for i, node in enumerate(self.nodes) if wanted & set(self.parameters([node])))
        for i in range(first - 1, -1, -1):
            node = self.nodes[i]
            crossing = {
                below
                for above in self.nodes[i + 1 :]
                for below in above.all_input_nodes
                if self.place[below] <= i and below.op != "get_attr"
            }
            several = any(user.target is operator.getitem for user in node.users)  # a tuple of tensors
            if node.op not in ("placeholder", "get_attr") and crossing == {node} and not several:
                # Without a parameter below there is nothing to spare.
                return node if self.parameters(self.nodes[: i + 1]) else None
        return None

    def upper(self, boundary: fx.Node | None) -> fx.GraphModule:
        """Return the part above the boundary as a module that shares the tensors."""
        graph = fx.Graph()
        copied: dict[fx.Node, fx.Node] = {}
        start = 0
        if boundary is not None:
            copied[boundary] = graph.placeholder("boundary")
            start = self.place[boundary] + 1
        for node in self.nodes[start:]:
            for below in node.all_input_nodes:
                if below not in copied:  # a parameter that is read below the boundary
                    copied[below] = graph.node_copy(below, copied.__getitem__)
            copied[node] = graph.node_copy(node, copied.__getitem__)
        graph.output(copied[self.end])
        return fx.GraphModule(self.module, graph)


def trainable_parts(source: BackboneSource, names: dict[fx.Node, str]) -> list[tuple[str, str]]:
    """Return the stages of a network, or the children of one without stages, that its graph passes through."""
    known = list(names.values())
    pairs = list(source.plan.stages)
    if not pairs:
        pairs = [(child, child) for child in dict.fromkeys(name.split(".")[0] for name in known)]
    return [(name, node) for name, node in pairs if any(k == node or k.startswith(f"{node}.") for k in known)]


def _choose_stages(known: list[str], wanted: Any) -> list[str]:
    if isinstance(wanted, str) and wanted == "all":
        return known
    if isinstance(wanted, int | np.integer) and not isinstance(wanted, bool) and int(wanted) >= 0:
        if int(wanted) > len(known):
            raise ParameterError(
                f"got trainable_stages={wanted}; up to the head's layer there are {len(known)}: {', '.join(known)}",
                "Choose fewer, or 'all'.",
            )
        return known[len(known) - int(wanted) :]
    if isinstance(wanted, Sequence) and not isinstance(wanted, str) and all(isinstance(n, str) for n in wanted):
        for name in wanted:
            if name not in known:
                hint = nearest(name, known) or f"There are {', '.join(known)}."
                raise ParameterError(f"got trainable_stages={list(wanted)}; there is no stage {name!r}", hint)
        return [name for name in known if name in wanted]
    raise ParameterError(f"got trainable_stages={wanted!r}; expected a number, names of stages, or 'all'")


def _choice(stages: Any, layers: int | None) -> str:
    return f"trainable_stages={stages!r}" if layers is None else f"trainable_layers={layers}"


def _same(batch: Tensor) -> Tensor:
    return batch
