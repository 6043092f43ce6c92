"""The metadata of an ONNX file: classes, versions, the digest and licence of the weights, training figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._version import __version__
from ..images.preprocessing import Preprocessing
from ..networks.architectures import LITE_IMAGE_SIZES, SMALL_CNN
from .file_check import FileCheck
from .model_steps import ModelSteps

__all__ = ["metadata", "weights_licence"]

TIMM = "timm:"
KEPT = ("value", "low", "high")


def metadata(
    steps: ModelSteps, check: FileCheck, *, input: str, precision: str, evaluation: Mapping[str, Any] | None
) -> dict[str, str]:
    """Return the metadata of a file; values that are not text are JSON.

    Parameters
    ----------
    steps : ModelSteps
    check : FileCheck
    input : {"image", "resized"}
    precision : {"float32", "float16"}
        Of the network's weights.
    evaluation : mapping or None
        What was saved with the model.
    """
    spec = steps.source.spec(steps.view, "float32")
    found: dict[str, Any] = {
        "featx_version": __version__,
        "classes": steps.classes,
        "backbone": spec.backbone,
        "weights_digest": spec.weights_digest,
        "weights_licence": weights_licence(spec.backbone, steps.images.weights),
        "layer": spec.layer,
        "pooling": spec.pooling,
        "preprocessing": spec.preprocessing,
        "input": input_text(steps.source.preprocessing, input),
        "weights_precision": precision,
        "figures": _figures(evaluation),
        **({"decision": vars(steps.decision)} if steps.decision is not None else {}),
        "compared_with_featx": vars(check),
    }
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in found.items()}


def input_text(preprocessing: Preprocessing, input: str) -> str:
    """Return a sentence on what the file takes."""
    if input == "image":
        return "image: RGB pixels of any size, which the file resizes"
    side = preprocessing.crop
    return f"resized: RGB pixels already resized and cut to {side} x {side}, which the file does not do"


def weights_licence(backbone: str, weights: Any) -> str:
    """Return what is known of the licence of a network's weights; the user's own are theirs.

    Parameters
    ----------
    backbone : str
    weights : str, PathLike or None
        As the estimator has them.
    """
    name = str(weights)
    if weights is None or backbone == SMALL_CNN:
        return "none: begun from random weights"
    if name != "DEFAULT" and not name.startswith("IMAGENET1K_"):
        return "unknown: from a file"
    if backbone in LITE_IMAGE_SIZES:
        return "Apache-2.0"
    if backbone.startswith(TIMM):
        return _timm_licence(backbone.removeprefix(TIMM))
    if "SWAG" in name:
        return "CC-BY-NC-4.0"
    return "torchvision's: BSD-3-Clause code; the terms of weights may follow from their training data"


def _timm_licence(name: str) -> str:
    import timm

    config = timm.get_pretrained_cfg(name, allow_unregistered=True)
    return getattr(config, "license", None) or "unknown: timm does not say"


def _figures(evaluation: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the figures with their intervals, without classes, notes and candidates."""
    if not evaluation or "metrics" not in evaluation:
        return {}
    metrics = {name: {key: entry.get(key) for key in KEPT} for name, entry in evaluation["metrics"].items()}
    known = ("n_test", "protocol", "head", "parameters")
    return {**{key: evaluation[key] for key in known if key in evaluation}, "metrics": metrics, "interval": 0.95}
