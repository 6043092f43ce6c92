"""Networks of timm: from a name and weights to the source of a network, with a digest of what timm built."""

from __future__ import annotations

import hashlib
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..display.notes import note_torch
from ..exceptions import BackboneError, MissingDependencyError, WeightsError, nearest
from ..images.preprocessing import Preprocessing
from .architectures import Architecture
from .backbone import BackboneSource
from .network_names import check_timm, check_timm_weights, unknown_timm_network
from .state_matching import load_weights
from .weights import Weights, build_seeded, file_weights, is_file_name, random_weights

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = ["module_digest", "timm_source"]


def timm_source(name: str, *, weights: Any, seed: int, image_size: int | None) -> BackboneSource:
    """Return the source of a timm network: what identifies it, and how to build it.

    Parameters
    ----------
    name : str
        ``timm:NAME``, or with the tag of its weights ``timm:NAME.TAG``.
    weights : str, PathLike or None
    seed : int
    image_size : int or None
        A network with position embeddings or windows is built for it, and its weights resampled as timm does.

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
    is_file = is_file_name(weights)
    check_timm_weights(name, weights)
    found = random_weights(seed) if weights is None else None
    if is_file:
        found = file_weights(weights)
    config = timm.data.resolve_data_config(pretrained_cfg=known.to_dict() if known else {})
    crop = config["input_size"][-1]
    side = image_size if known and known.fixed_input_size and image_size not in (None, crop) else None

    build = partial(_build, name, found, side)
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
        digest = module_digest(module)
        return BackboneSource(name, digest, preprocessing, architecture, partial(_built, module), is_built=True)
    random = f"{name};timm={timm.__version__}" if weights is None else name
    digest = f"{found.digest};positions={side}" if side else found.digest
    return BackboneSource(random, digest, preprocessing, architecture, build)


def _build(name: str, found: Weights | None, side: int | None) -> nn.Module:
    short = name.partition(":")[2]
    known = _configuration(short)
    try:
        module = build_seeded(lambda: _create(short, found is None, side), found.seed if found else 0)
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


def _built(module: nn.Module) -> nn.Module:
    return module


def _configuration(short: str) -> Any:
    """Return timm's configuration of a network, or None if it has none."""
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
    """Build a network by timm, for an image size where it takes one."""
    import timm

    if side is not None:
        try:
            return timm.create_model(short, pretrained=pretrained, num_classes=0, img_size=side)
        except TypeError as error:
            if "img_size" not in str(error):
                raise
    return timm.create_model(short, pretrained=pretrained, num_classes=0)


def _filter_of(module: nn.Module) -> Callable[[dict[str, Tensor]], dict[str, Tensor]] | None:
    """Return timm's own conversion of files for a network: names of first releases, other image sizes."""
    found = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    if found is None:
        return None

    def adapted(state: dict[str, Tensor]) -> dict[str, Tensor]:
        try:
            with _quiet():
                return found(state, module)
        except Exception:  # it assumes that the tensors are those of such a network
            return state

    return adapted


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress timm's messages, since featx notes itself which tensors were resampled."""
    level = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


def module_digest(module: nn.Module) -> str:
    """Return the SHA-256 of the structure, the code and the tensors of a network that a library has built.

    It consists of the library's classes alone; for users' own modules, there is `identity`.
    """
    import torch

    checksum = hashlib.sha256(repr(module).encode())
    for path, part in module.named_modules():
        # Attributes besides tensors that the repr may not show, such as a scale or a stride.
        plain = {k: v for k, v in vars(part).items() if k != "training" and _is_plain(v)}
        checksum.update(f"{path}{sorted(plain.items())}".encode())
    kinds = {kind for part in module.modules() for kind in type(part).__mro__}
    for kind in sorted(kinds, key=lambda k: (k.__module__, k.__qualname__)):
        checksum.update(f"{kind.__module__}.{kind.__qualname__}".encode())
        if not kind.__module__.startswith(("torch.", "torchvision.", "builtins")):
            checksum.update(_class_code(kind).encode())
    # Buffers that are not saved are not part of the state dict.
    for key, value in sorted((module.state_dict() | dict(module.named_buffers())).items()):
        tensor = value.detach().cpu().contiguous()
        checksum.update(f"{key}{tensor.dtype}{tuple(tensor.shape)}".encode())
        if tensor.numel():
            checksum.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return checksum.hexdigest()


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a number, a string or a collection of these, which its repr describes completely."""
    if isinstance(value, tuple | list):  # the repr of a set changes with the process
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return bool(value) and all(_is_plain(part) for item in value.items() for part in item)
    return value is None or isinstance(value, bool | int | float | complex | str | bytes)


def _class_code(kind: type) -> str:
    """Return the code of a class's own methods."""
    methods = sorted((name, member) for name, member in vars(kind).items() if hasattr(member, "__code__"))
    return "".join(f"{name}:{_code_text(method.__code__)}" for name, method in methods)


def _code_text(code: CodeType) -> str:
    constants = [
        _code_text(c) if isinstance(c, CodeType) else repr(sorted(c, key=repr) if isinstance(c, frozenset) else c)
        for c in code.co_consts
    ]
    return f"{code.co_code.hex()}{constants}{code.co_names}{code.co_varnames}"
