"""A name or a module, and weights, go in; what identifies the network and how to build it comes out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..constraints import plain
from ..display.notes import note_once, note_torch
from ..exceptions import ParameterError
from ..images.preprocessing import IMAGENET, Preprocessing
from ..runtime.seeds import check_weights_seed
from . import architectures as stages
from . import weights as weight_files
from .architectures import Architecture
from .backbone import BackboneSource
from .network_names import check_patches, check_published
from .state_matching import load_weights
from .timm_networks import timm_source

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["EMBEDDED", "list_backbones", "resolve_backbone", "stage_widths"]

EMBEDDED = "efficientnet_lite0"
# They initialise themselves as published when asked to, which takes a second, in vain where weights are loaded.
INIT_WEIGHTS = ("inception_v3", "googlenet")


def list_backbones() -> list[str]:
    """Return the names that `backbone` takes, the embedded one first; with the extra, ``timm:NAME`` too."""
    return [EMBEDDED, *stages.torchvision_names()]


def resolve_backbone(
    backbone: str | nn.Module = EMBEDDED,
    *,
    weights: Any = "DEFAULT",
    image_size: int | None = None,
    resize: str = "crop",
    random_state: int = 0,
    cache_key: str | None = None,
    origin: str | None = None,
) -> BackboneSource:
    """Return what identifies a network and how to build it.

    Parameters
    ----------
    backbone : str or nn.Module
        ``efficientnet_lite0``, a torchvision classification network, ``timm:NAME``, or a module of your own. A module
        is identified by its tensors, its attributes, and its code with all that the code names; it is given images
        normalised with ImageNet's mean and standard deviation.
    weights : str, PathLike or None, default="DEFAULT"
        "DEFAULT", a torchvision name such as "IMAGENET1K_V1", a local file, or None for random ones. The file may be
        any of torch's or safetensors', a checkpoint of a training too: the one set of tensors in it that fits the
        network up to its default layer is used. Those of inception_v3 and googlenet are taken for trained with
        torchvision's ``transform_input=True``, as the published ones were; pass a module for weights that were not.
    image_size : int, default=None
        Side of the input in pixels; None means what the weights were trained with.
    resize : {"crop", "squash"}, default="crop"
    random_state : int, default=0
        Seed of random weights; without these it may also be None or a RandomState, which have no effect.
    cache_key : str, default=None
        Names the code of a module of your own, in place of what featx makes out of it. Its tensors and plain attributes
        are compared all the same. Choose another key whenever the code changes.
    origin : str, default=None
        The session that an estimator was pickled in; leave it out.

    Raises
    ------
    BackboneError, WeightsError, ParameterError
    """
    check_weights_seed(random_state, drawn=weights is None and isinstance(backbone, str))
    backbone, weights, cache_key = plain(backbone), plain(weights), plain(cache_key)
    if cache_key is not None:
        _check_cache_key(cache_key, backbone)
    if not isinstance(backbone, str):
        return _from_module(backbone, weights, IMAGENET.adapted(image_size, resize), cache_key, origin)
    if backbone == EMBEDDED:
        source = _embedded(weights, random_state)
    elif backbone.startswith("timm:"):
        source = timm_source(backbone, weights=weights, seed=random_state, image_size=image_size, seeded=_seeded)
    else:
        source = _from_torchvision(backbone, weights, random_state, image_size)
    preprocessing = source.preprocessing.adapted(image_size, resize)
    return replace(source, preprocessing=preprocessing)


def _embedded(weights: Any, seed: int) -> BackboneSource:
    def build() -> nn.Module:
        from .efficientnet_lite import EfficientNetLite0, published_tensor_names, published_to_own

        module = _seeded(lambda: EfficientNetLite0(own_initialisation=found.file is None), found.seed)
        if found.file:
            load_weights(
                module,
                found.load(),
                name=EMBEDDED,
                source=found.file,
                layer=architecture.node(architecture.default_layer),
                heads=(architecture.class_layer,),
                adapt=published_to_own,
                aliases=published_tensor_names(module.state_dict()),
            )
        return module

    check_published(EMBEDDED, weights)
    if weights is None:
        found = weight_files.random_weights(seed, initialisation="fan out")
    elif weight_files.is_file_name(weights):
        found = weight_files.file_weights(weights)
    else:
        found = weight_files.embedded_weights()
    architecture = stages.EMBEDDED_ARCHITECTURE
    return BackboneSource(EMBEDDED, found.digest, stages.EMBEDDED_PREPROCESSING, architecture, build)


def _from_torchvision(name: str, weights: Any, seed: int, image_size: int | None) -> BackboneSource:
    architecture = stages.architecture_of(name)
    note_torch()
    if weights is None:
        own = "own" if name in INIT_WEIGHTS else ""
        found, entry = weight_files.random_weights(seed, initialisation=own), weight_files.preset_entry(name, None)[0]
    elif weight_files.is_file_name(weights):
        found = weight_files.file_weights(weights)
        entry, published = weight_files.preset_entry(name, found.file)
        if not published and image_size is None:
            _note_preprocessing(found.file, name, entry)
    else:
        entry = weights_entry(name, weights)
        found = weight_files.published_weights(name, entry)
    preprocessing = Preprocessing.from_preset(entry.transforms())
    digest, side = found.digest, preprocessing.crop
    patch = int(name.rpartition("_")[2]) if name.startswith("vit") else 1
    if name.startswith("vit") and image_size is not None:
        # A position embedding belongs to one image size and is interpolated to another.
        side = preprocessing.adapted(image_size, "crop").crop
        check_patches(name, side)
        digest += f";positions={side}" if side != preprocessing.crop else ""

    def build() -> nn.Module:
        from torchvision import models

        options: dict[str, Any] = {}
        if name in INIT_WEIGHTS:
            # The published weights were trained on inputs scaled otherwise; the network converts them itself.
            options = {"transform_input": True, "init_weights": found.file is None, "aux_logits": True}
        elif name.startswith("vit"):
            options = {"image_size": side}
        module = _seeded(lambda: models.get_model(name, weights=None, **options), found.seed)
        if found.file:

            def resampled(state: dict[str, Tensor]) -> dict[str, Tensor]:
                try:
                    return models.vision_transformer.interpolate_embeddings(side, patch, OrderedDict(state))
                except (KeyError, ValueError):  # no position embeddings, or none of a square image
                    return state

            load_weights(
                module,
                found.load(),
                name=name,
                source=found.file,
                layer=architecture.node(architecture.default_layer),
                heads=(architecture.class_layer,),
                adapt=resampled if name.startswith("vit") else None,
            )
        return module

    return BackboneSource(name, digest, preprocessing, architecture, build)


def _from_module(
    module: Any, weights: Any, preprocessing: Preprocessing, cache_key: str | None, origin: str | None
) -> BackboneSource:
    from torch import nn

    from ..torch_modules.code_facts import lasting_name
    from .custom_modules import custom_module

    if not isinstance(module, nn.Module):
        raise ParameterError(
            f"got backbone of type {type(module).__name__}; expected a name or a torch.nn.Module",
            "`featx backbones` lists the names.",
        )
    if not isinstance(weights, str) or weights != "DEFAULT":
        raise ParameterError(
            f"got weights={weights!r} beside a module, which brings its own", "Load them into the module."
        )
    own = custom_module(module, preprocessing=preprocessing, cache_key=cache_key, origin=origin)
    children = tuple((name, name) for name, _ in own.module.named_children())
    architecture = Architecture(stages=children, default_layer=own.layer, width=0, class_layer="")
    return BackboneSource(
        f"{lasting_name(type(module).__module__)}.{type(module).__qualname__}",
        own.digest,
        preprocessing,
        architecture,
        lambda: own.module,
        is_custom=True,
        content=own.content if cache_key is not None else "",
        unknown=own.unknown,
        norm=own.norm,
        is_built=True,
    )


def _check_cache_key(cache_key: Any, backbone: Any) -> None:
    if isinstance(backbone, str):
        raise ParameterError(
            f"got cache_key={cache_key!r} beside backbone={backbone!r}, which is identified by its name and weights",
            "Leave it out.",
        )
    if not isinstance(cache_key, str) or not cache_key:
        raise ParameterError(
            f"got cache_key={cache_key!r}; expected a text that names the code of the module, or None",
            "Choose one, and another whenever the code changes.",
        )


def weights_entry(name: str, weights: str) -> Any:
    """Return torchvision's entry for a weights name such as IMAGENET1K_V1 or DEFAULT.

    Raises
    ------
    WeightsError
        If the network has no such weights; names those it has.
    """
    from torchvision.models import get_model_weights

    entries = get_model_weights(name)
    check_published(name, weights, known=[entry.name for entry in entries])
    return entries[weights]


def _note_preprocessing(file: str | None, name: str, entry: Any) -> None:
    """Say which preprocessing a file gets that does not tell by its name what it was trained with."""
    known, example = Preprocessing.from_preset(entry.transforms()), entry.url.rpartition("/")[2]
    note_once(
        f"{file} is not named as a published file of {name}: its images are prepared as for {entry.name}, resized to "
        f"{known.resize} pixels, cut to {known.crop}, {known.interpolation}. If it was trained otherwise, choose "
        f"image_size and resize accordingly, or name it as it was published, such as {example}"
    )


def _seeded(build: Callable[[], Any], seed: int) -> Any:
    """Build with random weights from a seed, and leave torch's generator as it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def stage_widths(name: str) -> dict[str, int]:
    """Return the stages of a network in order, with the features that each gives when averaged.

    Raises
    ------
    BackboneError
    """
    source = resolve_backbone(name, weights=None)
    backbone = source.load("cpu")
    return {stage: backbone.width((stage, "avg"), preprocessing=source.preprocessing) for stage in backbone.stages}
