"""Check the names of networks, layers, heads and files in options before torch and scikit-learn are loaded."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Most names of images in a suggested command.
NAMES_SHOWN = 3

__all__ = [
    "check_decision_options",
    "check_figure_paths",
    "check_model_files",
    "check_names",
    "check_reading",
    "check_trained_stages",
]


def check_names(options: dict[str, Any]) -> None:
    """Raise what the library would raise for unknown networks, layers, weights, heads and strategies.

    Raises
    ------
    FeatxError
    """
    from ..comparison.strategy_names import parse_named_strategy, parse_strategy
    from ..networks.network_names import check_network

    check_reading(options)
    strategies = [parse_strategy(parse_named_strategy(text)[1]) for text in options.get("strategies", ())]
    layers = [*_several(options["layer"]), *(strategy.layer for strategy in strategies)]
    weights = None if options["weights"].lower() == "none" else options["weights"]
    poolings, backbones = _several(options["pooling"]), _several(options["backbone"])
    for backbone in backbones:
        own = _own_layers(backbone, layers, backbones) if len(backbones) > 1 and "strategies" not in options else layers
        check_network(backbone, weights=weights, layers=own, poolings=poolings, image_size=options["image_size"])
    if "trainable_stages" in options:
        _check_training(options)


def check_decision_options(options: dict[str, Any], classes: Sequence[Any] | None = None) -> None:
    """Raise what the library would raise for --positive and --operating-point; for the class once they are known.

    Raises
    ------
    FeatxError
    """
    from ..evaluation.operating_point import check_decision, class_number

    check_decision(options["positive"], options["operating_point"])
    if classes is not None and options["positive"] is not None:
        class_number(options["positive"], classes)


def check_reading(options: dict[str, Any]) -> None:
    """Raise what the library would raise for the device, precision, threads and cache.

    Raises
    ------
    FeatxError
    """
    from ..cache import EmbeddingCache
    from ..networks.device import check_device, resolve_precision
    from ..runtime.resources import thread_count

    check_device(options["device"])
    if "precision" in options:
        resolve_precision(options["precision"])
    if options["n_jobs"] is not None:
        thread_count(options["n_jobs"])
    if options["cache"] != "none":
        EmbeddingCache(None if options["cache"] == "auto" else options["cache"]).check_place()


def check_model_files(model: str, weights: Sequence[str], *, images: Sequence[str] = ()) -> None:
    """Raise what loading a model would raise if it or its weight files do not exist.

    If the model is among the images, the error says that it comes first.
    """
    from ..display.names import quoted
    from ..exceptions import ModelFileError
    from ..model_files.model_schema import check_model_file, classes_in
    from ..networks.state_files import check_file

    try:
        check_model_file(model)
    except ModelFileError as error:
        found = next((name for name in images if classes_in(name) is not None), None)
        if found is None:
            raise
        others = [model if name == found else name for name in images]
        more = " ..." if len(others) > NAMES_SHOWN else ""
        command = f"`featx predict {quoted(found, *others[:NAMES_SHOWN])}{more}`"
        raise ModelFileError(f"got {model} as MODEL, and {found} is one: the model comes first", command) from error
    for file in weights:
        check_file(file)


def check_figure_paths(**paths: Path | None) -> None:
    """Raise what writing plots to these files would raise; each is named by the option that it was given by."""
    from ..reports.figure_files import check_figure_path
    from .output_files import check_output

    for name, path in paths.items():
        if path is not None:
            check_output(path)
            check_figure_path(path, name=name)


def check_trained_stages(backbone: str, stages: Any, *, layer: str | None) -> None:
    """Raise what the library would raise for trained stages that the network does not have up to a layer."""
    from ..exceptions import BackboneError
    from ..networks.architectures import architecture_of
    from ..networks.stage_names import check_stages

    try:
        architecture = architecture_of(backbone)
    except BackboneError:  # timm's stages are known when the network is built
        return
    check_stages(architecture, stages, layer=layer)


def _own_layers(backbone: str, layers: Sequence[str], backbones: Sequence[str]) -> Sequence[str | None]:
    """Return the layers but for stages of the other networks of a search, as far as their stages are known."""
    from ..networks.architectures import architecture_of
    from ..networks.stage_names import owned_layers

    if not layers or any(name.startswith("timm:") for name in backbones):  # timm's are known when they are built
        return layers
    stages = {name: architecture_of(name).stage_names for name in backbones}
    return owned_layers(layers, stages[backbone], [s for each in stages.values() for s in each], name=backbone)


def _check_training(options: dict[str, Any]) -> None:
    from ..images.augmentation import resolve_augmentation

    resolve_augmentation(options["augmentation"])
    if options["trainable_layers"] is None:
        check_trained_stages(options["backbone"], options["trainable_stages"], layer=options["layer"])


def _several(value: str | Sequence[str] | None) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)
