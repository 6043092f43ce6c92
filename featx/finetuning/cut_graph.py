"""Choose the nodes of a traced network to train, and the node below them where its graph is cut."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import fx, nn

from ..exceptions import LayerError, ParameterError
from ..networks.backbone import BackboneSource
from ..networks.stage_names import choose_stages
from ..torch_modules.graphs import last_node

__all__ = ["CutGraph", "describe_choice", "trainable_parts"]


class CutGraph:
    """The traced nodes that a layer's output needs, in the order of the forward pass."""

    def __init__(self, module: nn.Module, nodes: dict[fx.Node, str], end: fx.Node) -> None:
        self.module, self.names, self.end = module, nodes, end
        # A tensor with several names is known by its first one.
        self.first_name = {value: name for name, value in module.named_parameters()}
        self.by_name = dict(module.named_parameters(remove_duplicate=False))
        if not isinstance(end, fx.Node):  # a module may return a collection, or something other than tensors
            raise LayerError(
                f"the layer returns {type(end).__name__}, which is not a tensor",
                "Choose another layer, or return a tensor.",
            )
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
        """Return the nodes of the stages or layers to train, and the names of these."""
        ends = [(name, last_node(self.names, node)) for name, node in trainable_parts(source, self.names)]
        ends = [(name, node) for name, node in ends if node in self.place]
        if layers is not None:
            if isinstance(layers, bool) or not isinstance(layers, int | np.integer) or layers < 1:
                raise ParameterError(
                    f"got trainable_layers={layers!r}; expected a positive integer or None",
                    "Names of stages belong in trainable_stages.",
                )
            modules = [node for node in self.nodes if node.op == "call_module"]
            if layers > len(modules):
                raise ParameterError(
                    f"got trainable_layers={layers}; {source.name} has {len(modules)} layers up to {layer}",
                    "Choose fewer.",
                )
            chosen = modules[-int(layers) :]
            return chosen, [self.names[node] for node in chosen]
        if isinstance(stages, str) and stages == "all":
            return self.nodes, [name for name, _ in ends]
        parts: dict[str, list[fx.Node]] = {name: [] for name, _ in ends}
        for i, node in enumerate(self.nodes):
            # Nodes after the last stage belong to it.
            owner = next((name for name, end in ends if i <= self.place[end]), ends[-1][0] if ends else "")
            parts.setdefault(owner, []).append(node)
        # The last children of a custom module are often without parameters, such as a pooling.
        names = choose_stages([name for name, _ in ends if self.parameters(parts[name])], stages)
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
                # Without parameters below there is nothing to save.
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

    def called(self, boundary: fx.Node | None) -> tuple[set[str], set[str]]:
        """Return the paths of the modules that are called up to the boundary, and above it."""
        place = -1 if boundary is None else self.place[boundary]
        calls = [(i, str(node.target)) for i, node in enumerate(self.nodes) if node.op == "call_module"]
        return {path for i, path in calls if i <= place}, {path for i, path in calls if i > place}


def trainable_parts(source: BackboneSource, names: dict[fx.Node, str]) -> list[tuple[str, str]]:
    """Return the stages of a network, or the children of one without stages, that its graph passes through."""
    known = list(names.values())
    pairs = list(source.architecture.stages)
    if not pairs:
        pairs = [(child, child) for child in dict.fromkeys(name.split(".")[0] for name in known)]
    return [(name, node) for name, node in pairs if any(k == node or k.startswith(f"{node}.") for k in known)]


def describe_choice(stages: Any, layers: int | None) -> str:
    """Return the parameter that chose what is trained, for messages."""
    return f"trainable_stages={stages!r}" if layers is None else f"trainable_layers={layers}"
