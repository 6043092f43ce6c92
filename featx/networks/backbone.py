"""The frozen network: embed a batch of images as the pooled outputs of one or more layers."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..cache import EmbeddingSpec
from ..choices import ResolvedPrecision
from ..constraints import NONE, TEXT, plain
from ..display.notes import note_once, note_step
from ..display.summary_mixin import SummaryMixin
from ..exceptions import BackboneError, FeatxError, LayerError, WeightsError
from ..images.preprocessing import Preprocessing
from ..process import keep_freed_memory, remember
from ..torch_modules.output_parts import read_node, tensor_of
from .architectures import Architecture
from .device import channels_last, embedding_context, image_dtype, sent
from .forward_errors import forward_error
from .pooling import View, check_pooling
from .stage_names import mistyped_stage
from .state_matching import refuse_absent

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..torch_modules.graphs import FeatureExtractor

__all__ = ["Backbone", "BackboneSource"]

# In half precision the first two convolutions stay in float32, since later ones cannot restore what these would lose by
# rounding. For EfficientNet-Lite0, the worst cosine with float32 is 0.997 with them and 0.972 without
# (benchmarks/precision.py).
FLOAT32_CONVOLUTIONS = 2
MAX_LOADED = 4
LAYER = replace(TEXT | NONE, expected="the name of a layer, or None for the network's own",
                next_step="`featx backbones --stages NAME` lists them.")  # fmt: skip
_loaded: OrderedDict[tuple[str, str, str, str], Backbone] = remember("networks", OrderedDict())
_loading = threading.RLock()


@dataclass(frozen=True, repr=False)
class BackboneSource(SummaryMixin):
    """A network that need not be built yet: what identifies it, and how to build it.

    Parameters
    ----------
    name : str
        The backbone's name; for a module of your own, the name of its class.
    weights_digest : str
        Identifies the tensors; for a module of your own, everything that it computes with.
    preprocessing : Preprocessing
        From an image to the network's input.
    architecture : Architecture
        Stages, width and default layer.
    build : callable
        Takes nothing and returns the network as an `nn.Module` with its weights.
    is_custom : bool, default=False
        Whether it is a module of the user.
    content : str, default=""
        The digest of such a module where a `cache_key` names its code, so that a process can tell two of them apart.
    unknown : tuple of str, default=()
        The parts of such a module that are not understood, so that no other process can recognise it.
    norm : str, default=""
        The node of such a module that normalises after its default layer; empty where there is none.
    is_built : bool, default=False
        Whether `build` returns the same module every time, rather than a new one.
    """

    name: str
    weights_digest: str
    preprocessing: Preprocessing
    architecture: Architecture
    build: Callable[[], nn.Module] = field(compare=False, repr=False)
    is_custom: bool = False
    content: str = ""
    unknown: tuple[str, ...] = ()
    norm: str = ""
    is_built: bool = False

    def view(self, layer: str | None, pooling: str) -> View:
        """Return layer and pooling with the defaults filled in.

        Parameters
        ----------
        layer : str or None
        pooling : str

        Raises
        ------
        ParameterError
            If there is no such pooling.
        """
        LAYER.check("layer", layer)
        check_pooling(pooling)
        if layer is None and self.norm:
            note_once(
                f"{self.name} normalises after its final pooling, in {self.norm}: its embeddings are the pooled values "
                "before that. layer='output' is what it returns"
            )
        # Strings of NumPy and of an Enum are formatted in other ways.
        own = self.architecture
        return View(plain(layer or own.default_layer), own.pooling if pooling == "auto" else plain(pooling))

    def spec(self, view: View, precision: str) -> EmbeddingSpec:
        """Return the spec that identifies the embeddings of one view."""
        layer, pooling = view  # a plain pair, perhaps
        return EmbeddingSpec(
            backbone=self.name,
            weights_digest=self.weights_digest,
            layer=layer,
            pooling=pooling,
            preprocessing=self.preprocessing.text,
            precision=precision if precision == "float32" else f"{precision};exact={FLOAT32_CONVOLUTIONS};sums=float32",
        )

    def fresh(self) -> nn.Module:
        """Return the network on the CPU in evaluation mode, as a module that nothing else uses."""
        from ..torch_modules.copies import independent_copy

        module = self.build()
        return (independent_copy(module) if self.is_built else module.eval()).cpu()

    def is_loaded(self) -> bool:
        """Tell whether this process has the network on some device."""
        return any(key[:3] == (self.name, self.weights_digest, self.content) for key in list(_loaded))

    def load(self, device: str) -> Backbone:
        """Return the network on a device, built once in this process."""
        key = (self.name, self.weights_digest, self.content, device)
        with _loading:
            if key not in _loaded:
                note_step(f"loading the network {self.name}")
                # Others may use a module that is built once: it is not moved to a GPU.
                module = self.fresh() if self.is_built and device != "cpu" else self.build()
                _loaded[key] = Backbone(self.name, module, self.architecture, device, is_custom=self.is_custom)
                while len(_loaded) > MAX_LOADED:
                    _loaded.popitem(last=False)
            _loaded.move_to_end(key)
            return _loaded[key]


class Backbone(SummaryMixin):
    """A frozen network: an ordered chain of named stages.

    Always in evaluation mode, without gradients and with fixed BatchNorm statistics.

    Parameters
    ----------
    name : str
    module : nn.Module
    architecture : Architecture
    device : str
    is_custom : bool, default=False
        Whether it is a module of the user, whose traced graph is compared with it before it is used.
    """

    def __init__(
        self, name: str, module: nn.Module, architecture: Architecture, device: str, *, is_custom: bool = False
    ) -> None:
        import torch

        if device == "cpu":
            keep_freed_memory()
        self.name = name
        self.architecture = architecture
        self.device = device
        self.is_custom = is_custom
        self.module = channels_last(module.eval().requires_grad_(False).to(device))
        self.dtype = image_dtype(module) if is_custom else torch.float32
        # The largest batch that has fitted into the device's memory; None while every batch has.
        self.largest_batch: int | None = None
        self._extractors: dict[tuple[str, ...], FeatureExtractor] = {}
        self._fused: dict[tuple[Any, ...], FeatureExtractor] = {}
        self._making = threading.Lock()

    @property
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in the order of the forward pass."""
        return self.architecture.stage_names

    def embed(
        self,
        pixels: Tensor,
        views: Sequence[View],
        *,
        preprocessing: Preprocessing,
        precision: ResolvedPrecision = "float32",
        fetch: bool = True,
    ) -> list[Tensor]:
        """Return one matrix of embeddings for each view, from a single pass.

        Parameters
        ----------
        pixels : Tensor of uint8, shape (n, 3, h, w)
        views : sequence of (layer, pooling)
        preprocessing : Preprocessing
            For the normalisation.
        precision : {"float32", "bfloat16", "float16"}, default="float32"
            Of the forward pass; pooling is in float32.
        fetch : bool, default=True
            Whether to wait for a GPU.

        Returns
        -------
        list of Tensor of float32, shape (n, d), on the CPU or, without `fetch`, on the device
            In half precision for the poolings of `whole_map`.

        Raises
        ------
        LayerError
            If a layer does not exist or cannot be pooled that way.
        BackboneError
            If the network does not take images of this size.
        """
        import torch

        nodes = [self.architecture.node(layer) for layer, _ in views]
        reads = [read_node(node, self.module) for node in nodes]
        with torch.inference_mode():
            batch = preprocessing.normalise(sent(pixels, self.device)).to(self.dtype)
            plain = self._extractor(self._nodes(views), batch)
            with embedding_context(precision, self.device):
                try:
                    outputs = self._fused_extractor(plain, batch, precision)(batch)
                except (torch.OutOfMemoryError, FeatxError):
                    raise
                except Exception as error:
                    # A user's module may raise anything.
                    if not (self.is_custom or isinstance(error, RuntimeError | AssertionError)):
                        raise
                    size = pixels.shape[3]
                    raise forward_error(self.name, self.module, size, error, is_custom=self.is_custom) from error
            found = [tensor_of(outputs[r], n, r, name=self.name) for n, r in zip(nodes, reads, strict=True)]
            if self.device != "meta" and (empty := [n for n, part in zip(nodes, found, strict=True) if part.is_meta]):
                step = "Keep the module from moving it to the meta device, or choose another layer."
                raise LayerError(f"layer {empty[0]!r} of {self.name} gives a tensor without values", step)
            pooled = [
                self.architecture.pooled(part, View(*view), name=self.name, n_images=len(pixels))
                for part, view in zip(found, views, strict=True)
            ]
            return [rows.cpu() for rows in pooled] if fetch and self.device != "meta" else pooled

    def is_thread_safe(self, views: Sequence[View]) -> bool:
        """Tell whether several threads may pass batches at once: a graph keeps no state between batches."""
        import torch

        return isinstance(self._extractor(self._nodes(views)), torch.fx.GraphModule)

    def width(self, view: View, *, preprocessing: Preprocessing) -> int:
        """Return the number of features of a view, by passing shapes without values through the network."""
        import torch

        from ..torch_modules.copies import independent_copy

        side = preprocessing.crop
        pixels = torch.zeros((1, 3, side, side), dtype=torch.uint8)
        try:
            own = independent_copy(self.module)
            shapes = Backbone(self.name, own, self.architecture, "meta", is_custom=self.is_custom)
            return shapes.embed(pixels, [view], preprocessing=preprocessing)[0].shape[1]
        except BackboneError:
            if not self.is_custom:
                raise
        # A user's module may look at values, or have tensors that cannot be moved to the meta device.
        return self.embed(pixels, [view], preprocessing=preprocessing)[0].shape[1]

    def layers(self) -> list[str]:
        """Return all nodes of the graph that `layer` may name, in order."""
        from ..torch_modules.graphs import layer_names

        return layer_names(self.module)

    def _nodes(self, views: Sequence[View]) -> tuple[str, ...]:
        return tuple(sorted({read_node(self.architecture.node(layer), self.module) for layer, _ in views}))

    def _fused_extractor(
        self, plain: FeatureExtractor, batch: Tensor, precision: ResolvedPrecision
    ) -> FeatureExtractor:
        """Return a feature extractor of the same layers with fewer kernels, made once for each size of images."""
        import torch

        from .float32_stem import with_float32_stem

        n_float32 = 0 if precision == "float32" else FLOAT32_CONVOLUTIONS
        if self.device == "meta" or self.dtype != torch.float32 or not isinstance(plain, torch.fx.GraphModule):
            return with_float32_stem(plain, n_float32)
        key = (plain, precision, batch.shape[1:])
        with self._making:
            if key not in self._fused:
                from .fusion import fused_extractor

                self._fused[key] = fused_extractor(plain, batch, dtype=getattr(torch, precision), n_float32=n_float32)
            return self._fused[key]

    def _extractor(self, nodes: tuple[str, ...], batch: Tensor | None = None) -> FeatureExtractor:
        from ..torch_modules.graphs import feature_extractor

        # Shapes without values cannot be compared.
        images = batch if self.is_custom and self.device != "meta" else None
        with self._making:  # torch.fx traces in one thread at a time
            if nodes not in self._extractors:
                try:
                    self._extractors[nodes] = feature_extractor(self.module, nodes, name=self.name, images=images)
                    refuse_absent(self.module, self._extractors[nodes], nodes, name=self.name)
                except WeightsError:
                    del self._extractors[nodes]
                    raise
                except LayerError as error:
                    raise LayerError(error.message, self._layer_step(nodes, error.next_step)) from None
            return self._extractors[nodes]

    def _layer_step(self, nodes: tuple[str, ...], hint: str) -> str:
        """Return the next step for a layer that does not exist: stages come before nodes with similar names."""
        stages = f"Its stages are {', '.join(self.stages)}." if self.stages else ""
        meant = next(filter(None, (mistyped_stage(self.architecture, node) for node in nodes)), hint)
        return f"{stages} {meant}".strip()
