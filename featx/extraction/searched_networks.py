"""The networks that a search is about, each with the layers and poolings that one pass of it computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sklearn.base import clone

from ..constraints import shown
from ..display.notes import note_once
from ..exceptions import ParameterError
from ..networks.stage_names import owned_layers
from .transformer import CNNFeatureTransformer

__all__ = ["searched_networks"]


def searched_networks(
    transformer: CNNFeatureTransformer,
    *,
    backbones: Sequence[Any] | None,
    layers: Sequence[str | None],
    poolings: Sequence[str],
) -> dict[str, CNNFeatureTransformer]:
    """Return a transformer of all views for each network, after raising what it would refuse.

    Parameters
    ----------
    transformer : CNNFeatureTransformer
        Its other parameters hold for all networks. Not changed.
    backbones : sequence of (str or nn.Module) or None
        None stands for that of the transformer.
    layers, poolings : sequences
        Every combination is a view. A layer that is a stage of some of the networks only is left out of the others.

    Returns
    -------
    dict of str to CNNFeatureTransformer
        By the networks' names; of several modules of one class, the later ones are numbered.

    Raises
    ------
    ParameterError, BackboneError, WeightsError, LayerError, CacheError
    """
    networks = [clone(transformer)]
    if backbones is not None:
        if isinstance(backbones, str) or not isinstance(backbones, Sequence) or not backbones:
            expected = f"got backbones={shown(backbones)}; expected a sequence of networks"
            raise ParameterError(expected, "Such as ['resnet18', 'resnet50'].")
        # Modules are compared by what they are, names by their letters.
        different = list({b if isinstance(b, str) else id(b): b for b in backbones}.values())
        networks = [clone(transformer).set_params(backbone=backbone) for backbone in different]
    sources = [network.source() for network in networks]
    stages = [stage for source in sources for stage in source.architecture.stage_names]
    found: dict[str, CNNFeatureTransformer] = {}
    for network, source in zip(networks, sources, strict=True):
        own = owned_layers(layers, source.architecture.stage_names, stages, name=source.name)
        if len(own) < len(layers):
            lacking = [str(layer) for layer in layers if layer not in own]
            note_once(f"{source.name} has no {', '.join(lacking)}: it is searched without")
        views = list(dict.fromkeys(source.view(layer, pooling) for layer in own for pooling in poolings))
        network.set_params(layer=views[0].layer, pooling=views[0].pooling, prefetch=views[1:])
        network.check_parameters()
        number = 1 + sum(name.partition(" (")[0] == source.name for name in found)
        found[source.name if number == 1 else f"{source.name} ({number})"] = network
    return found
