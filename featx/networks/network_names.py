"""Check the names of networks, weights, layers and poolings without importing torch or timm.

Nothing is built, so that a mistyped name is reported at once.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..exceptions import BackboneError, MissingDependencyError, WeightsError, nearest
from .architectures import LITE_IMAGE_SIZES, SMALL_CNN, architecture_of
from .pooling import check_pooling
from .stage_names import check_layer
from .state_files import check_file
from .weights import is_file_name

__all__ = [
    "check_network",
    "check_patches",
    "check_published",
    "check_timm",
    "check_timm_weights",
    "published_weight_names",
    "unknown_timm_network",
    "unknown_weights",
]

_OTHER_WEIGHTS = {
    "IMAGENET1K_V1 IMAGENET1K_V2": "efficientnet_b1 mobilenet_v2 mobilenet_v3_large regnet_x_16gf regnet_x_1_6gf "
    "regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf regnet_y_1_6gf regnet_y_3_2gf "
    "regnet_y_400mf regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet50 resnext101_32x8d resnext50_32x4d "
    "wide_resnet101_2 wide_resnet50_2",
    "IMAGENET1K_SWAG_E2E_V1 IMAGENET1K_SWAG_LINEAR_V1": "regnet_y_128gf vit_h_14",
    "IMAGENET1K_V1 IMAGENET1K_V2 IMAGENET1K_SWAG_E2E_V1 IMAGENET1K_SWAG_LINEAR_V1": "regnet_y_16gf regnet_y_32gf",
    "IMAGENET1K_V1 IMAGENET1K_FEATURES": "vgg16",
    "IMAGENET1K_V1 IMAGENET1K_SWAG_E2E_V1 IMAGENET1K_SWAG_LINEAR_V1": "vit_b_16 vit_l_16",
}
_PUBLISHED = {name: tuple(weights.split()) for weights, names in _OTHER_WEIGHTS.items() for name in names.split()}


def check_network(
    backbone: str,
    *,
    weights: str | None = "DEFAULT",
    layers: Sequence[str | None] = (),
    poolings: Sequence[str] = (),
    image_size: int | None = None,
) -> None:
    """Raise the errors of `resolve_backbone` that names alone can show.

    Parameters
    ----------
    backbone : str
    weights, image_size
        As for `resolve_backbone`.
    layers : sequence of str or None
        Nodes of the graph that are not stages can be checked only when the network is built.
    poolings : sequence of str

    Raises
    ------
    BackboneError, LayerError, WeightsError, MissingDependencyError, ParameterError
    """
    for pooling in poolings:
        check_pooling(pooling)
    if backbone.startswith("timm:"):
        check_timm(backbone)
        check_timm_weights(backbone, weights)
    else:
        architecture = architecture_of(backbone)
        for layer in filter(None, layers):
            check_layer(backbone, architecture, layer)
        check_published(backbone, weights)
        check_patches(backbone, image_size)
    if weights is not None and is_file_name(weights):
        check_file(os.fspath(weights))


def check_published(name: str, weights: Any, *, known: Sequence[str] | None = None) -> None:
    """Raise WeightsError for a name that is not one of published weights; files and None pass.

    Parameters
    ----------
    name : str
        A network of featx's own, or one of torchvision's.
    weights : object
    known : sequence of str, default=None
        Their names; by default those of `published_weight_names`.
    """
    if name == SMALL_CNN and weights == "DEFAULT":
        raise WeightsError(
            f"{name} has no pretrained weights: it is there to be trained from scratch",
            "Train it with CNNFineTuneClassifier or `featx finetune --weights none --trainable-stages all`, or pass a "
            "file of weights.",
        )
    if weights is None or weights == "DEFAULT" or is_file_name(weights):
        return
    known = published_weight_names(name) if known is None else known
    if not known:
        raise unknown_weights(name, weights, "Pass 'DEFAULT', a file of weights, or None.")
    if weights not in known:
        step = nearest(str(weights), known) or "Pass one of these, 'DEFAULT', a file of weights, or None."
        raise unknown_weights(name, weights, step, known=known)


def published_weight_names(name: str) -> tuple[str, ...]:
    """Return the names of torchvision's published weights for a network; none for those of featx's own."""
    return () if name in (*LITE_IMAGE_SIZES, SMALL_CNN) else _PUBLISHED.get(name, ("IMAGENET1K_V1",))


def check_timm_weights(name: str, weights: Any) -> None:
    """Raise WeightsError for weights of a timm network that are neither "DEFAULT", a file, nor None."""
    if not (weights is None or weights == "DEFAULT" or is_file_name(weights)):
        step = "Pass 'DEFAULT', a file of weights, or None; a tag of timm's belongs to the name: timm:NAME.TAG."
        raise unknown_weights(name, weights, step)


def unknown_weights(name: str, weights: Any, step: str, *, known: Sequence[str] = ()) -> WeightsError:
    """Return the error for weights that are neither a file nor known by name.

    Parameters
    ----------
    name : str
        The network.
    weights : object
    step : str
        The next step, unless there is a file of that name, for which the step is to pass it with its folder.
    known : sequence of str, default=()
        The names of the weights that the network has.
    """
    has = f"; it has {', '.join(known)}" if known else ""
    if isinstance(weights, str) and os.path.isfile(weights):
        file = os.path.join(os.curdir, weights)
        return WeightsError(f"{name} has no weights {weights!r}{has}", f"To read the file of that name, pass {file!r}.")
    return WeightsError(f"{name} has no weights {weights!r}, and there is no file of that name{has}", step)


def check_patches(name: str, image_size: int | None) -> None:
    """Raise BackboneError if a vision transformer of torchvision cannot divide images of this size into patches."""
    patch = int(name.rpartition("_")[2]) if name.startswith("vit_") else 1
    if image_size is not None and image_size % patch:
        raise BackboneError(
            f"got image_size={image_size}; {name} takes multiples of {patch}",
            f"Choose {max(1, image_size // patch) * patch}.",
        )


def unknown_timm_network(name: str, known: Sequence[str]) -> BackboneError:
    """Return the error for a network that timm does not have."""
    hint = nearest(name, known) or "`python -c 'import timm; print(timm.list_models())'` lists them."
    return BackboneError(f"timm has no network {name!r}", hint)


def check_timm(backbone: str) -> None:
    """Raise BackboneError unless timm's source code has a network of that name, since importing timm takes seconds."""
    if "timm" in sys.modules:  # it checks names itself, and knows networks that were registered with it
        return
    spec = find_spec("timm")
    if spec is None or spec.origin is None:
        raise MissingDependencyError("timm", f"the backbone {backbone}", "timm")
    name = backbone.partition(":")[2].partition(".")[0]
    try:
        source = "\n".join(
            path.read_text(encoding="utf-8") for path in sorted(Path(spec.origin).parent.glob("models/*.py"))
        )
    except (OSError, ValueError):
        return
    known = sorted(set(re.findall(r"^@register_model\s+def (\w+)\(", source, re.MULTILINE)))
    # Names of older releases are in quotes. Anything else that timm may know, it checks itself once it is imported.
    if known and name not in known and not re.search(rf"""['"]{re.escape(name)}['".]""", source):
        raise unknown_timm_network(name, known)
