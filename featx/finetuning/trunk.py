"""The trunk of a network: everything up to the head, cut into a frozen lower part and a trained upper part.

The two meet at one node of the graph, the boundary. The outputs of the lower part there never change while the upper
one is trained, so they can be computed once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from ..exceptions import BackboneError, ParameterError
from ..networks.backbone import FLOAT32_CONVOLUTIONS, BackboneSource
from ..networks.device import channels_last, precision_context
from ..networks.float32_stem import with_float32_stem
from ..networks.forward_errors import forward_error, not_finite_outputs
from ..networks.pooling import View
from ..networks.stage_names import HEAD_ALONE, choose_stages
from ..networks.state_matching import absent_tensors, refuse_absent
from ..torch_modules.graphs import (
    FeatureExtractor,
    HookExtractor,
    feature_extractor,
    is_leaf_module,
    last_node,
    require_layers,
    trace,
)
from ..torch_modules.running_statistics import keeps_statistics
from .cut_graph import CutGraph, describe_choice
from .trained_part import TrainedPart
from .training_graph import training_graph

__all__ = ["Trunk"]

log = logging.getLogger("featx")


@dataclass
class Trunk:
    """The network up to the layer that the head reads, cut into a frozen and a trained part.

    Attributes
    ----------
    module : nn.Module
        A network that nothing else uses, whose tensors both parts share.
    view : (layer, pooling)
    boundary : str or None
        The node where the parts meet; None when the trained part begins at the image, or the network cannot be traced.
    upper : callable
        From the outputs at the boundary, or from normalised images, to the layer's output.
    trained : list of str
        Names of the parameters that training changes; empty when only the head is trained.
    stages : list of str
        The stages, or layers, chosen to be trained.
    part : TrainedPart
        Which modules are trained, and which running statistics there are.
    update_statistics : bool
        Whether BatchNorm of the trained part goes on estimating its statistics. Where it has those of initialisation
        it always does.
    """

    module: nn.Module
    source: BackboneSource
    view: View
    boundary: str | None
    upper: Callable[[Tensor], Tensor]
    trained: list[str]
    stages: list[str]
    part: TrainedPart
    update_statistics: bool = False
    _graph: tuple[CutGraph, fx.Node | None, str] | None = None
    _lower: FeatureExtractor | None = None
    _uppers: dict[bool, Callable[[Tensor], Tensor]] = field(default_factory=dict)

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
            How many of the last layers to train, in place of stages.

        Raises
        ------
        ParameterError
            If there are fewer stages or layers, or nothing in them can be trained.
        LayerError
            If the layer does not exist.
        """
        module = source.fresh().requires_grad_(False)
        node = source.architecture.node(view.layer)
        images = None
        if source.is_custom:
            from ..networks.reference_outputs import fixed_images

            images = source.preprocessing.normalise(fixed_images(source.preprocessing.crop))
        if absent_tensors(module):
            refuse_absent(
                module, feature_extractor(module, [node], name=source.name, images=images), [node], name=source.name
            )
        traced = _trace(module, node, images, source.name)
        if traced is None:
            return cls._whole(module, source, view, node, trainable_stages, trainable_layers)
        nodes, layer = traced
        end = last_node(nodes, layer)
        graph = CutGraph(module, nodes, end)
        chosen, stages = graph.choose(source, view.layer, trainable_stages, trainable_layers)
        if not chosen:
            part = TrainedPart(module, [], lower=graph.called(end)[0])
            return cls(module, source, view, None, _identity, [], [], part)
        trained = graph.parameters(chosen)
        if not trained:
            raise ParameterError(
                f"got {describe_choice(trainable_stages, trainable_layers)}; nothing in it has parameters",
                "Train more stages or layers." if graph.parameters(graph.nodes) else HEAD_ALONE,
            )
        boundary = graph.boundary(trained)
        upper = graph.upper(boundary)
        name = None if boundary is None else nodes[boundary]
        below, above = graph.called(boundary)
        part = TrainedPart(module, trained, lower=below, upper=above)
        return cls(module, source, view, name, upper, trained, stages, part, _graph=(graph, boundary, layer))

    @classmethod
    def _whole(
        cls, module: nn.Module, source: BackboneSource, view: View, node: str, stages: Any, layers: int | None
    ) -> Trunk:
        """Return the trunk of a module that cannot be traced: it runs as a whole, and its last children are trained."""
        children = [name for name, child in module.named_children() if any(True for _ in child.parameters())]
        last = node.split(".")[0]
        if last in children:
            children = children[: children.index(last) + 1]
        if layers is not None:
            raise ParameterError(
                f"got trainable_layers={layers!r}; {source.name} cannot be traced, so that its layers have no order",
                "Choose trainable_stages, the names of its children.",
            )
        names = choose_stages(children, stages)
        trained = [n for n, _ in module.named_parameters() if stages == "all" or n.split(".")[0] in names]
        hooked = HookExtractor(module, [] if node == "output" else [node])
        part = TrainedPart(module, trained)

        def whole(batch: Tensor) -> Any:
            output = hooked(batch)[node]
            if module.training and not isinstance(output, Tensor):
                # Some networks return more than their output in training.
                log.warning("%s returns %s in training: what depends on self.training in it, apart from its "
                            "submodules, does not act", source.name, type(output).__name__)  # fmt: skip
                module.training = False
                part.names.remove("")
                output = hooked(batch)[node]
            return output

        return cls(module, source, view, None, whole, trained, names, part)

    @property
    def is_whole(self) -> bool:
        """Whether no parameter that the layer's output needs is frozen."""
        if self._graph is None:
            return len(self.trained) == sum(1 for _ in self.module.parameters())
        graph = self._graph[0]
        return set(graph.parameters(graph.nodes)) == set(self.trained)

    def to(self, device: str) -> None:
        """Move the network to a device, in channels-last memory format."""
        channels_last(self.module.to(device))
        if self._graph is not None:
            # The network has other buffers now, and the graphs those of before.
            graph, boundary, _ = self._graph
            self.upper, self._lower, self._uppers = graph.upper(boundary), None, {}

    def features(self, inputs: Tensor) -> Tensor:
        """Return the pooled features of a batch, float32 (n, d); `inputs` are the outputs at the boundary.

        Without a trained stage they are pooled already.
        """
        return self._pool(self.upper(inputs), len(inputs)) if self.trained else inputs

    def check_precision(self) -> None:
        """Raise a BackboneError if the network has parameters of another precision than float32 to train."""
        kinds = {str(p.dtype).removeprefix("torch.") for p in self.module.parameters() if p.is_floating_point()}
        if self.trained and kinds - {"float32"}:
            raise BackboneError(
                f"{self.source.name} has parameters in {', '.join(sorted(kinds))}, and training is in float32",
                "Pass module.float().",
            )

    def _pool(self, output: Tensor, n_images: int) -> Tensor:
        return self.source.architecture.pooled(output, self.view, name=self.source.name, n_images=n_images)

    def lower(self, images: Tensor, precision: str) -> Tensor:
        """Return the inputs of `features` for normalised images, without gradients and in evaluation mode."""
        if self.trained and self.boundary is None:
            return images
        node = self.boundary or self.source.architecture.node(self.view.layer)
        if self._lower is None:
            with self.part.evaluating():
                shown = images if self.source.is_custom else None
                self._lower = feature_extractor(self.module, [node], name=self.source.name, images=shown)
        with self.part.evaluating(), torch.no_grad(), precision_context(precision, images.device.type):
            n_float32 = 0 if precision == "float32" else FLOAT32_CONVOLUTIONS
            output = with_float32_stem(self._lower, n_float32)(images)[node]
        rows = output.float() if self.trained else self._pool(output, len(images))
        if not bool(rows.isfinite().all()):
            wrong = f"what {self.source.name} gives at the layer {node!r} is not finite: values are NaN or infinite"
            every = not bool(rows.flatten(1).isfinite().all(1).any())
            raise not_finite_outputs(wrong, self.module, precision, every=every)
        return rows

    def boundary_shape(self) -> tuple[int, ...]:
        """Return the shape of the output at the boundary for one image, found by passing shapes without values."""
        assert self.boundary is not None
        side = self.source.preprocessing.crop
        with self.part.evaluating():
            lower = feature_extractor(self.module, [self.boundary], name=self.source.name)
        assert isinstance(lower, nn.Module)  # a boundary is a node of a graph
        if not self.source.is_custom:
            self._lower = lower
        shapes = {name: value.to("meta") for name, value in (*lower.named_parameters(), *lower.named_buffers())}
        with self.part.evaluating(), torch.inference_mode():
            try:
                images = torch.empty((1, 3, side, side), device="meta")
                return tuple(functional_call(lower, shapes, (images,))[self.boundary].shape[1:])
            except (RuntimeError, AssertionError) as error:
                raise forward_error(
                    self.source.name, self.module, side, error, is_custom=self.source.is_custom
                ) from error

    def train(self, mode: bool = True) -> None:
        """Switch the trained part to training or back to evaluation; the frozen part stays in evaluation."""
        self.part.train(mode and bool(self.trained), update=self.update_statistics)
        if self._graph is None:
            return
        if not self._uppers:
            self._uppers[False] = self.upper
        if mode and True not in self._uppers:
            self._uppers[True] = self._in_training(*self._graph)
        self.upper = self._uppers[mode]

    def _in_training(self, graph: CutGraph, boundary: fx.Node | None, layer: str) -> Callable[[Tensor], Tensor]:
        found = training_graph(graph, boundary, layer)
        if found is None:
            asking = self.part.mode_dependent() or [""]
            more = f" and {len(asking) - 3} more" if len(asking) > 3 else ""
            log.warning(
                "%s cannot be traced in training mode: what depends on self.training there (dropout by function, "
                "stochastic depth) does not act in %s%s. Use modules of torch.nn for it, such as nn.Dropout.",
                self.source.name, ", ".join(path or "the network itself" for path in asking[:3]), more,
            )  # fmt: skip
        return self.upper if found is None or found.code == getattr(self.upper, "code", None) else found

    def estimating(self) -> AbstractContextManager[None]:
        """Estimate anew the statistics that are those of initialisation, from the batches that pass inside."""
        self.train(False)
        return self.part.estimating()

    def state(self) -> dict[str, Tensor]:
        """Return the tensors that training may change: trained parameters, and the buffers of their modules."""
        owners = set(self.part.names)
        names = {*self.trained, *(n for n, _ in self.module.named_buffers() if n.rpartition(".")[0] in owners)}
        return {name: value for name, value in self.module.state_dict().items() if name in names}

    def state_bytes(self) -> int:
        """Return the size of these tensors in float32."""
        return 4 * sum(value.numel() for value in self.state().values())


def _trace(module: nn.Module, layer: str, images: Tensor | None, network: str) -> tuple[dict[fx.Node, str], str] | None:
    """Return the nodes of the graph, with one node for each module with running statistics, and the layer's name in it.

    As single nodes these modules follow their own mode; timm's would be taken apart otherwise.
    """
    plain = trace(module, images)
    require_layers(module, plain, [layer], name=network)
    if plain is None:
        return None
    if all(is_leaf_module(part) for part in module.modules() if keeps_statistics(part)):
        return plain, layer
    whole = trace(module, is_leaf=keeps_statistics)
    if whole is None or list(whole.values()) == list(plain.values()):
        return plain, layer
    # Inside such a module there are no nodes any more; its last node is the module itself.
    known, end = set(plain.values()), last_node(plain, layer)
    names = [layer, *(layer.rsplit(".", up)[0] for up in range(1, layer.count(".") + 1))]
    for name in names:
        if name == "output" or any(n == name or n.startswith(f"{name}.") for n in whole.values()):
            if last_node(plain, name) is end and all(_is_named(n, plain) for n in set(whole.values()) - known):
                return whole, name
            break
    return plain, layer


def _is_named(name: str, nodes: dict[fx.Node, str]) -> bool:
    return any(n.startswith(f"{name}.") for n in nodes.values())


def _identity(batch: Tensor) -> Tensor:
    return batch
