"""The networks that a search is about, each with the layers and poolings that one pass of it computes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.base import clone

from ..constraints import shown
from ..display.notes import note_once
from ..exceptions import ParameterError
from ..images.sources import ImageSource
from ..networks.stage_names import owned_layers
from .extract import ExtractionResult
from .transformer import CNNFeatureTransformer

__all__ = ["embed_networks", "searched_networks"]


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
        # The name of random weights of timm goes on with what else they depend on, which no parameter accepts.
        name = source.name if source.is_custom else source.name.partition(";")[0]
        number = 1 + sum(other.partition(" (")[0] == name for other in found)
        found[name if number == 1 else f"{name} ({number})"] = network
    return found


def embed_networks(
    networks: Mapping[str, CNNFeatureTransformer], images: Sequence[ImageSource], *, keys: Sequence[Any], named: bool
) -> tuple[ExtractionResult, dict[tuple[str, ...], np.ndarray]]:
    """Compute the embeddings of images by each network, one after the other.

    Parameters
    ----------
    networks : mapping of str to CNNFeatureTransformer
        What `searched_networks` returned.
    images : sequence of ImageSource
    keys : sequence of (bytes or ImageDecodeError)
        What `content_keys` returned for them.
    named : bool
        Whether the keys of the matrices begin with the name of the network.

    Returns
    -------
    extraction : ExtractionResult
        Without the embeddings. The counts and times of several networks are added up; an image that any could not read
        is among the failures.
    matrices : dict of tuple of str to ndarray of float32, shape (n, d)
    """
    total: ExtractionResult | None = None
    matrices: dict[tuple[str, ...], np.ndarray] = {}
    for name, network in networks.items():
        found = network.extract(images, keys=keys)
        for view, matrix in zip(network.plan(np.arange(0)).views, found.embeddings, strict=True):
            matrices[(name, *view) if named else view] = matrix
        found.embeddings = []
        total = found if total is None else _sum(total, found)
    assert total is not None
    return total, matrices


def _sum(one: ExtractionResult, other: ExtractionResult) -> ExtractionResult:
    failures = {failure.index: failure for failure in (*one.failures, *other.failures)}
    return ExtractionResult(
        failures=[failures[index] for index in sorted(failures)],
        n_images=one.n_images + other.n_images,
        n_forwarded=one.n_forwarded + other.n_forwarded,
        seconds=dict(Counter(one.seconds) + Counter(other.seconds)),
        damaged=[*one.damaged, *other.damaged],
    )
