"""Resolve a backbone: from a name or a module, and weights, to the source of a network that need not be built yet."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from ..choices import Resize
from ..constraints import plain
from ..display.notes import note_once, note_torch
from ..exceptions import ParameterError
from ..images.preprocessing import IMAGENET, Preprocessing
from ..runtime.seeds import check_weights_seed
from .architectures import (
    EMBEDDED,
    LITE_ARCHITECTURE,
    LITE_IMAGE_SIZES,
    SMALL_CNN,
    SMALL_CNN_ARCHITECTURE,
    SMALL_CNN_PREPROCESSING,
    Architecture,
    architecture_of,
    lite_preprocessing,
    torchvision_names,
)
from .backbone import BackboneSource
from .network_names import check_patches, check_published
from .pooling import View
from .state_matching import load_weights
from .timm_networks import timm_source
from .weights import (
    Weights,
    build_seeded,
    file_weights,
    is_file_name,
    lite_weights,
    preset_entry,
    published_weights,
    random_weights,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["list_backbones", "resolve_backbone", "stage_widths"]

# Networks that can initialise themselves as published. That takes a second, and is in vain if weights are loaded.
INIT_WEIGHTS = ("inception_v3", "googlenet")


def list_backbones() -> list[str]:
    """Return the names that `backbone` accepts, featx's own first; with the extra, ``timm:NAME`` too."""
    return [*LITE_IMAGE_SIZES, SMALL_CNN, *torchvision_names()]


def resolve_backbone(
    backbone: str | nn.Module = EMBEDDED,
    *,
    weights: Any = "DEFAULT",
    image_size: int | None = None,
    resize: Resize = "crop",
    random_state: int = 0,
    cache_key: str | None = None,
    origin: str | None = None,
) -> BackboneSource:
    """Return the source of a network: what identifies it, and how to build it.

    Parameters
    ----------
    backbone : str or nn.Module
        ``efficientnet_lite0`` (``1`` and ``2`` with the extra `lite`), ``small_cnn`` (which has no pretrained weights),
        a torchvision classification network, ``timm:NAME``, or a module of your own. A module
        is identified by its tensors, its attributes, and its code with everything that the code names; its images are
        normalised with ImageNet's mean and standard deviation.
    weights : str, PathLike or None, default="DEFAULT"
        "DEFAULT", a torchvision name such as "IMAGENET1K_V1", a local file, or None for random ones. The file may be
        any file of torch or safetensors, including a training checkpoint: the one set of tensors in it that matches
        the network up to its default layer is used. Weights of inception_v3 and googlenet are assumed to be trained
        with torchvision's ``transform_input=True``, as the published ones were; pass a module for others.
    image_size : int, default=None
        Side of the input in pixels; None means the size that the weights were trained with.
    resize : {"crop", "squash"}, default="crop"
    random_state : int, default=0
        Seed of random weights; with other weights it has no effect, and may also be None or a RandomState.
    cache_key : str, default=None
        A name for the code of a module of your own, instead of what featx finds out about it. Its tensors and plain
        attributes are still compared. Choose another key whenever the code changes.
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
    if backbone in LITE_IMAGE_SIZES:
        source = _lite(backbone, weights, random_state)
    elif backbone == SMALL_CNN:
        source = _small_cnn(weights, random_state)
    elif backbone.startswith("timm:"):
        source = timm_source(backbone, weights=weights, seed=random_state, image_size=image_size)
    else:
        source = _from_torchvision(backbone, weights, random_state, image_size)
    preprocessing = source.preprocessing.adapted(image_size, resize)
    return replace(source, preprocessing=preprocessing)


def _lite(name: str, weights: Any, seed: int) -> BackboneSource:
    check_published(name, weights)
    if weights is None:
        found = random_weights(seed, initialisation="fan out")
    elif is_file_name(weights):
        found = file_weights(weights)
    else:
        found = lite_weights(name)
    build = partial(_build_lite, name, found)
    return BackboneSource(name, found.digest, lite_preprocessing(name), LITE_ARCHITECTURE, build)


def _build_lite(name: str, found: Weights) -> nn.Module:
    from . import efficientnet_lite

    network = getattr(efficientnet_lite, f"EfficientNetLite{name[-1]}")
    module = build_seeded(lambda: network(own_initialisation=found.file is None), found.seed)
    if found.file:
        load_weights(
            module,
            found.load(),
            name=name,
            source=found.file,
            layer=LITE_ARCHITECTURE.node(LITE_ARCHITECTURE.default_layer),
            heads=(LITE_ARCHITECTURE.class_layer,),
            adapt=network.published_to_own,
            aliases=network.published_tensor_names(module.state_dict()),
        )
    return module


def _small_cnn(weights: Any, seed: int) -> BackboneSource:
    check_published(SMALL_CNN, weights)
    found = random_weights(seed, initialisation="He, fan out") if weights is None else file_weights(weights)
    build = partial(_build_small_cnn, found)
    return BackboneSource(SMALL_CNN, found.digest, SMALL_CNN_PREPROCESSING, SMALL_CNN_ARCHITECTURE, build)


def _build_small_cnn(found: Weights) -> nn.Module:
    from .small_cnn import SmallCNN

    module = build_seeded(SmallCNN, found.seed)
    if found.file:
        architecture = SMALL_CNN_ARCHITECTURE
        layer, heads = architecture.node(architecture.default_layer), (architecture.class_layer,)
        load_weights(module, found.load(), name=SMALL_CNN, source=found.file, layer=layer, heads=heads)
    return module


def _from_torchvision(name: str, weights: Any, seed: int, image_size: int | None) -> BackboneSource:
    architecture = architecture_of(name)
    note_torch()
    if weights is None:
        own = "own" if name in INIT_WEIGHTS else ""
        found, entry = random_weights(seed, initialisation=own), preset_entry(name, None)[0]
    elif is_file_name(weights):
        found = file_weights(weights)
        entry, published = preset_entry(name, found.file)
        if not published and image_size is None:
            _note_preprocessing(found.file, name, entry)
    else:
        entry = weights_entry(name, weights)
        found = published_weights(name, entry)
    preprocessing = Preprocessing.from_preset(entry.transforms())
    digest, side = found.digest, preprocessing.crop
    patch = int(name.rpartition("_")[2]) if name.startswith("vit") else 1
    if name.startswith("vit") and image_size is not None:
        # A position embedding belongs to one image size and is interpolated to another.
        side = preprocessing.adapted(image_size, "crop").crop
        check_patches(name, side)
        digest += f";positions={side}" if side != preprocessing.crop else ""

    build = partial(_build_torchvision, name, found, side, patch)
    return BackboneSource(name, digest, preprocessing, architecture, build)


def _build_torchvision(name: str, found: Weights, side: int, patch: int) -> nn.Module:
    from torchvision import models

    architecture = architecture_of(name)
    options: dict[str, Any] = {}
    if name in INIT_WEIGHTS:
        # The published weights were trained on inputs of another scale, to which the network converts them itself.
        options = {"transform_input": True, "init_weights": found.file is None, "aux_logits": True}
    elif name.startswith("vit"):
        options = {"image_size": side}
    module = build_seeded(lambda: models.get_model(name, weights=None, **options), found.seed)
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
    """Return torchvision's entry for the name of weights, such as IMAGENET1K_V1 or DEFAULT.

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
    """Note which preprocessing goes with a file whose name does not show what it was trained with."""
    known, example = Preprocessing.from_preset(entry.transforms()), entry.url.rpartition("/")[2]
    note_once(
        f"{file} is not named as a published file of {name}: its images are prepared as for {entry.name}, resized to "
        f"{known.resize} pixels, cut to {known.crop}, {known.interpolation}. If it was trained otherwise, choose "
        f"image_size and resize accordingly, or name it as it was published, such as {example}"
    )


def stage_widths(name: str) -> dict[str, int]:
    """Return the stages of a network in order, with the number of features of each after average pooling.

    Raises
    ------
    BackboneError
    """
    source = resolve_backbone(name, weights=None)
    backbone = source.load("cpu")
    return {stage: backbone.width(View(stage, "avg"), preprocessing=source.preprocessing) for stage in backbone.stages}
