"""Count the parameters of a network up to a layer, and the memory that they take."""

from __future__ import annotations

from .backbone import BackboneSource

__all__ = ["count_parameters"]


def count_parameters(source: BackboneSource, layer: str, *, device: str = "cpu") -> tuple[int, int]:
    """Return how many parameters are used up to a layer, and the bytes of these and of fixed statistics.

    Parameters
    ----------
    source : BackboneSource
    layer : str
    device : str, default="cpu"
        Where the network is loaded, if it is not yet.

    Notes
    -----
    Of a module that cannot be traced, all parameters count.
    """
    from torch import nn

    from ..torch_modules.graphs import feature_extractor
    from ..torch_modules.output_parts import read_node

    backbone = source.load(device)
    node = read_node(backbone.architecture.node(layer), backbone.module)
    cut = feature_extractor(backbone.module, [node], name=source.name)
    module = cut if isinstance(cut, nn.Module) else backbone.module
    tensors = [*module.parameters(), *module.buffers()]
    return sum(p.numel() for p in module.parameters()), sum(t.numel() * t.element_size() for t in tensors)
