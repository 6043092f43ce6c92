"""The name of a timm network and weights go in; what identifies the network and how to build it come out."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..display.notes import note_torch
from ..exceptions import BackboneError, MissingDependencyError, WeightsError, nearest
from ..images.preprocessing import Preprocessing
from . import weights as weight_files
from .architectures import Architecture
from .backbone import BackboneSource
from .network_names import check_timm, check_timm_weights, unknown_timm_network
from .state_matching import load_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["timm_source"]


def timm_source(
    name: str, *, weights: Any, seed: int, image_size: int | None, seeded: Callable[[Callable[[], Any], int], Any]
) -> BackboneSource:
    """Return what identifies a timm network.

    Parameters
    ----------
    name : str
        ``timm:NAME``, or with the tag of its weights ``timm:NAME.TAG``.
    weights : str, PathLike or None
    seed : int
    image_size : int or None
        A network with position embeddings or windows is built for it, and its weights resampled as timm does.
    seeded : callable
        Builds with random weights from a seed.

    Raises
    ------
    MissingDependencyError, BackboneError, WeightsError
    """
    check_timm(name)
    note_torch()
    try:
        import timm
    except ImportError as error:
        raise MissingDependencyError("timm", f"the backbone {name}", "timm") from error
    short = name.partition(":")[2]
    known = _configuration(short)
    is_file = weight_files.is_file_name(weights)
    check_timm_weights(name, weights)
    found = weight_files.random_weights(seed) if weights is None else None
    if is_file:
        found = weight_files.file_weights(weights)
    config = timm.data.resolve_data_config(pretrained_cfg=known.to_dict() if known else {})
    crop = config["input_size"][-1]
    side = image_size if known and known.fixed_input_size and image_size not in (None, crop) else None

    def build() -> nn.Module:
        try:
            module = seeded(lambda: _create(short, found is None, side), found.seed if found else 0)
        except Exception as error:  # hub, network and file errors of several libraries
            if found is not None:
                at = f" at image_size={side}" if side else ""
                raise BackboneError(
                    f"timm cannot build {short}{at}: {error}", "Choose an image size that the network takes."
                ) from error
            raise WeightsError(
                f"cannot get the weights of {name}: {error}",
                "Fetch them where there is a network and pass weights=FILE.",
            ) from error
        if found is not None and found.file:
            heads = (known.classifier if known else None) or "classifier"
            load_weights(
                module,
                found.load(),
                name=name,
                source=found.file,
                layer="output",
                heads=(heads,) if isinstance(heads, str) else heads,
                adapt=_filter_of(module),
            )
        return module

    preprocessing = Preprocessing(
        crop=crop,
        resize=round(crop / config["crop_pct"]),
        interpolation="bicubic" if config["interpolation"] == "bicubic" else "bilinear",
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )
    architecture = Architecture(stages=(), default_layer="output", width=0, class_layer="")
    if found is None:
        module = build()
        digest = weight_files.module_digest(module)
        return BackboneSource(name, digest, preprocessing, architecture, lambda: module, is_built=True)
    random = f"{name};timm={timm.__version__}" if weights is None else name
    digest = f"{found.digest};positions={side}" if side else found.digest
    return BackboneSource(random, digest, preprocessing, architecture, build)


def _configuration(short: str) -> Any:
    """Return timm's configuration of a network, which may be None."""
    import timm

    plain, _, tag = short.partition(".")
    if not timm.is_model(short):
        raise unknown_timm_network(plain, timm.list_models())
    try:
        return timm.get_pretrained_cfg(short)
    except RuntimeError:
        tags = [other.partition(".")[2] for other in timm.list_models(f"{plain}.*", pretrained=True)]
        hint = nearest(tag, tags) or (f"It has {', '.join(tags)}." if tags else f"Pass timm:{plain}.")
        raise BackboneError(f"timm's {plain} has no weights {tag!r}", hint) from None


def _create(short: str, pretrained: bool, side: int | None) -> Any:
    import timm

    if side is not None:
        try:
            return timm.create_model(short, pretrained=pretrained, num_classes=0, img_size=side)
        except TypeError as error:
            if "img_size" not in str(error):
                raise
    return timm.create_model(short, pretrained=pretrained, num_classes=0)


def _filter_of(module: nn.Module) -> Callable[[dict[str, Tensor]], dict[str, Tensor]] | None:
    """Return how timm itself reads files of such a network: names of first releases, other sizes of images."""
    found = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    if found is None:
        return None

    def adapted(state: dict[str, Tensor]) -> dict[str, Tensor]:
        try:
            with _quiet():
                return found(state, module)
        except Exception:  # it takes for granted that the tensors are those of such a network
            return state

    return adapted


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep timm's remarks back: featx says itself what was resampled."""
    level = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
