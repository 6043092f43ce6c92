"""Find the shape of a layer's output, height x width x channels, before it is pooled or flattened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exceptions import BackboneError
from .architectures import Architecture
from .backbone import Backbone, BackboneSource
from .pooling import View
from .resolve import resolve_backbone

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["feature_shape", "feature_shape_text"]

AXES = {2: "tokens x channels", 3: "height x width x channels"}


class _Unpooled(Architecture):
    """An architecture that gives the whole output of a layer."""

    def pooled(self, output: Tensor, view: View, *, name: str, n_images: int) -> Tensor:
        super().pooled(output, view, name=name, n_images=n_images)  # which refuses what cannot be pooled
        return output


def feature_shape(source: BackboneSource, view: View) -> tuple[int, ...]:
    """Return the shape of what a layer gives for one image, before it is pooled.

    Parameters
    ----------
    source : BackboneSource
    view : View

    Returns
    -------
    (height, width, channels), (tokens, channels) or (channels,)

    Raises
    ------
    LayerError
        If the layer does not exist or cannot be pooled that way.
    BackboneError
        If the network does not take images of this size.
    """
    return _shape_of(_output(source, view), source, view)


def feature_shape_text(source: BackboneSource, view: View) -> str:
    """Return the shape of a layer's output and the number of features of a row, as a sentence.

    Parameters
    ----------
    source : BackboneSource
    view : View

    Raises
    ------
    LayerError, BackboneError
        As for `feature_shape`.
    """
    output = _output(source, view)
    shape = [f"{side:,}" for side in _shape_of(output, source, view)]
    width = source.architecture.pooled(output, view, name=source.name, n_images=1).shape[1]
    layer = "" if view.layer == source.architecture.default_layer else f", layer {view.layer},"
    how = "flattened" if view.pooling == "flatten" else f"pooled ({view.pooling})"
    pooled = f" ({AXES[len(shape)]}), {how} to {width:,}" if len(shape) > 1 else ""
    return f"features of {_name(source)}{layer} at {source.preprocessing.crop} pixels: {' x '.join(shape)}{pooled}"


def _output(source: BackboneSource, view: View) -> Tensor:
    """Return the output of a layer for one image; without values, unless it is a module that looks at values.

    Shapes without values pass through the network, which needs no weights for that.
    """
    import torch

    from ..torch_modules.copies import independent_copy

    side = source.preprocessing.crop
    architecture = _Unpooled(**vars(source.architecture))
    pixels = torch.zeros((1, 3, side, side), dtype=torch.uint8)

    def output(module: torch.nn.Module, device: str) -> Tensor:
        network = Backbone(source.name, module, architecture, device, is_custom=source.is_custom)
        return network.embed(pixels, [view], preprocessing=source.preprocessing)[0]

    if source.is_built:
        try:
            return output(independent_copy(source.build()), "meta")
        except BackboneError:
            if not source.is_custom:
                raise
        return output(independent_copy(source.build()), "cpu")
    with torch.device("meta"):
        module = resolve_backbone(_name(source), weights=None, image_size=side).build()
    return output(module, "meta")


def _shape_of(output: Tensor, source: BackboneSource, view: View) -> tuple[int, ...]:
    architecture = source.architecture
    if output.ndim == 4 and not architecture.is_channels_last(architecture.node(view.layer)):
        output = output.permute(0, 2, 3, 1)
    return tuple(output.shape[1:])


def _name(source: BackboneSource) -> str:
    """Return the name that the network is resolved by; that of random weights of timm says more."""
    return source.name if source.is_custom else source.name.partition(";")[0]
