"""Choose between float32 and bfloat16 for `precision="auto"`, by the agreement of embeddings of photographs.

Half precision is chosen where the processor computes it natively and the network's embeddings hardly change. That is
measured once for each network, on crops of two photographs that come with scikit-learn, and noted in the cache.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import socket
from functools import cache as cached
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..cache.files import replaced
from ..cache.interface import EmbeddingStore
from ..choices import Precision, ResolvedPrecision
from ..constraints import plain
from ..display.notes import note_once, note_step
from ..exceptions import FeatxError
from ..images.sources import read_image
from ..process import remember
from ..runtime.lanes import Lanes, in_lanes
from .backbone import BackboneSource
from .device import resolve_device, resolve_precision

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "Agreement",
    "choose_precision",
    "is_to_be_measured",
    "measure_agreement",
    "note_slow_precision",
    "photographs",
    "sample_crops",
]

# The cosines that embeddings in half precision must have with those in float32 for "auto" to choose it.
MEAN_COSINE = 0.999
WORST_COSINE = 0.997
N_CROPS = 30
FOLDER = "precisions"
# Environment variables that limit the kernels or GPUs of a process.
LIMITING_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "CUDA_VISIBLE_DEVICES")

# In this process: the measurement of each network, and the choice for it with each cache.
_measured: dict[str, dict[str, Any]] = remember("networks", {})
_chosen: dict[tuple[str, str | None], ResolvedPrecision] = remember("networks", {})


@dataclasses.dataclass(frozen=True)
class Agreement:
    """How close embeddings in two precisions are.

    Attributes
    ----------
    mean, worst : float
        Mean and minimum of the cosine of an image's two embeddings, over all images.
    """

    mean: float
    worst: float

    @property
    def close(self) -> bool:
        """Whether they are close enough for "auto" to choose half precision."""
        return self.mean >= MEAN_COSINE and self.worst >= WORST_COSINE


def choose_precision(
    source: BackboneSource, precision: Precision, *, device: str = "auto", cache: EmbeddingStore | None = None
) -> ResolvedPrecision:
    """Return the precision of a network's embeddings.

    Parameters
    ----------
    source : BackboneSource
    precision : {"auto", "float32", "bfloat16", "float16"}
        "auto" is bfloat16 where the device computes it natively (AVX512-BF16, AMX, or CUDA from compute capability
        8.0 on) and the network's embeddings of photographs have a cosine with those of float32 of 0.999 on average
        and of 0.997 at worst; else float32. A module of your own is always computed in float32.
    device : str, default="auto"
    cache : EmbeddingCache, default=None
        Where the choice is stored, so that it is measured once and the network need not be built again.

    Raises
    ------
    ParameterError, WeightsError, BackboneError
    """
    if not isinstance(precision, str) or precision != "auto":
        return resolve_precision(precision)
    if source.is_custom:
        return "float32"
    key, root = _key(source, device), None if cache is None else cache.root
    place = key, None if root is None else str(root)
    if place not in _chosen:
        # A note spares a process that finds all its embeddings both torch and the network.
        note = _read_note(root, key)
        if note is None:
            note = _measured.get(key) or _choose(source, device)
            _write_note(root, key, note)
        _measured[key], _chosen[place] = note, note["precision"]
    return _chosen[place]


def is_to_be_measured(
    source: BackboneSource, precision: Precision, *, device: str = "auto", cache: EmbeddingStore | None = None
) -> bool:
    """Tell whether `choose_precision` will load the network.

    Parameters
    ----------
    source, precision, device, cache
        As for `choose_precision`.
    """
    if precision != "auto" or source.is_custom:
        return False
    key = _key(source, device)
    return key not in _measured and _read_note(None if cache is None else cache.root, key) is None


def _key(source: BackboneSource, device: str) -> str:
    """Return a digest of what the choice depends on."""
    where = f"{plain(device)} of {socket.gethostname()} {_processor()}"
    identity = f"{source.name};{source.weights_digest};{source.preprocessing.crop};{where}"
    return hashlib.sha256(identity.encode()).hexdigest()


def note_slow_precision(precision: Precision, device: str) -> None:
    """Log that half precision saves no time here, if it was asked for on a processor without such arithmetic.

    Convolutions are then computed in float32 and take as long; the matrix products of transformers take several times
    as long.
    """
    if precision not in ("bfloat16", "float16") or not resolve_device(device).startswith("cpu"):
        return
    import torch

    from .fused_convolution import has_kernels

    if not (_is_native("cpu") if precision == "bfloat16" else has_kernels(torch.float16)):
        note_once(
            f"precision={precision!r} saves no time on this processor, which has no arithmetic in {precision}, and may "
            "take several times as long as 'float32'; 'auto' chooses"
        )


def measure_agreement(
    source: BackboneSource, images: list[np.ndarray], *, device: str, precision: ResolvedPrecision
) -> Agreement:
    """Return how close the default embeddings are to those of float32.

    Parameters
    ----------
    source : BackboneSource
    images : list of ndarray of uint8, shape (h, w, 3)
    device : str
        A device that is there, not "auto".
    precision : {"bfloat16", "float16"}
    """
    import torch

    preprocessing = source.preprocessing.with_draw(None, seed=0, draw=0)
    pixels = torch.stack([preprocessing.apply(image) for image in images])
    view = source.view(None, "auto")
    backbone = source.load(device)

    # In batches of the later size: kernels that are compiled for a size are then compiled once.
    whole = Lanes.on(device)
    lanes, size = whole.split(whole.batch_size, lambda: backbone.is_thread_safe([view]))

    def rows(kind: ResolvedPrecision) -> Tensor:
        def embed(part: Tensor) -> Tensor:
            return backbone.embed(part, [view], preprocessing=preprocessing, precision=kind)[0]

        return torch.cat([found for _, found in in_lanes(embed, pixels.split(size), lanes=lanes)]).double()

    cosines = torch.nn.functional.cosine_similarity(rows("float32"), rows(precision), dim=1)
    return Agreement(float(cosines.mean()), float(cosines.min()))


def sample_crops(n: int = N_CROPS) -> list[np.ndarray]:
    """Return square crops of various sizes of scikit-learn's two photographs, always the same."""
    photos = photographs()
    rng = np.random.default_rng(0)
    crops = []
    for number in range(n):
        photo = photos[number % len(photos)]
        side = int(rng.integers(120, min(photo.shape[:2]) + 1))
        top, left = (int(rng.integers(0, length - side + 1)) for length in photo.shape[:2])
        crops.append(np.ascontiguousarray(photo[top : top + side, left : left + side]))
    return crops


def photographs() -> list[np.ndarray]:
    """Return the two photographs that come with scikit-learn, RGB uint8."""
    import sklearn

    folder = Path(sklearn.__file__).parent / "datasets" / "images"
    try:
        return [read_image(folder / name) for name in ("china.jpg", "flower.jpg")]
    except FeatxError:
        # The public function takes seconds, since it imports all of scikit-learn.
        from sklearn.datasets import load_sample_images

        return list(load_sample_images().images)


def _is_native(device: str) -> bool:
    """Tell whether a device computes bfloat16 natively."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_capability(device) >= (8, 0)
    from .fused_convolution import has_kernels

    # Kernels in bfloat16 also run on processors without it, where they are slower than those in float32. And settings
    # of oneDNN may keep a processor that has it from using it.
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device == "cpu" and any(getattr(torch.cpu, test, bool)() for test in tests) and has_kernels(torch.bfloat16)


@cached
def _processor() -> str:
    """Return a digest of the processor's features, since different machines may share a cache and even a host name."""
    features = [platform.machine(), *(os.environ.get(name, "") for name in LIMITING_VARIABLES)]
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        features += [line for line in lines if line.startswith(("flags", "Features"))][:1]
    return hashlib.sha256("\n".join(features).encode(errors="replace")).hexdigest()


def _choose(source: BackboneSource, device: str) -> dict[str, Any]:
    """Return the choice, with the measurement on which it rests."""
    note: dict[str, Any] = {"backbone": source.name, "weights": source.weights_digest, "precision": "float32"}
    place = resolve_device(device)
    # Errors of the network are raised when it is asked for embeddings.
    with contextlib.suppress(FeatxError):
        if _is_native(place):
            note_step("measuring what bfloat16 changes, once for each network")
            agreement = measure_agreement(source, sample_crops(), device=place, precision="bfloat16")
            note |= {"precision": "bfloat16" if agreement.close else "float32", **dataclasses.asdict(agreement)}
    return note


def _read_note(root: Path | None, key: str) -> dict[str, Any] | None:
    if root is None:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        note = json.loads((root / FOLDER / f"{key}.json").read_bytes())
        return note if note["precision"] in ("float32", "bfloat16") else None
    return None


def _write_note(root: Path | None, key: str, note: dict[str, Any]) -> None:
    if root is None:
        return
    target = root / FOLDER / f"{key}.json"
    # Without a writable cache, every process measures again.
    with contextlib.suppress(OSError):
        target.parent.mkdir(parents=True, exist_ok=True)
        with replaced(target) as temporary:
            temporary.write_text(json.dumps(note, indent=2) + "\n")
