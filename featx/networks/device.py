"""Devices and precisions: which ones exist, how tensors get there and back, and in which context a network computes."""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..cache.machine import visible_gpu
from ..choices import ResolvedPrecision
from ..constraints import DEVICE, DEVICES, PRECISION, plain
from ..display.notes import note_torch
from ..exceptions import FeatxError, ParameterError, nearest
from ..process import remember

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

__all__ = [
    "channels_last",
    "check_device",
    "embedding_context",
    "fetched_later",
    "halved",
    "image_dtype",
    "out_of_memory",
    "physical_device",
    "pinned",
    "precision_context",
    "resolve_device",
    "resolve_precision",
    "sent",
]

log = logging.getLogger("featx")
# Embeddings that are being computed on a GPU, and the settings before the first of them.
_in_full: dict[str, Any] = {"count": 0, "before": []}
_setting = threading.Lock()
# Of each GPU, the stream in which images are copied to it.
_streams: dict[str, Any] = remember("networks", {})


def precision_context(precision: str, device: str) -> contextlib.AbstractContextManager[Any]:
    """Return the autocast context in which a network computes with a resolved precision."""
    import torch

    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(device).type, getattr(torch, precision))


@contextlib.contextmanager
def embedding_context(precision: str, device: str) -> Iterator[None]:
    """Be in the context in which embeddings are computed: that of the precision, and float32 in full.

    PyTorch lets CUDA round the inputs of convolutions in float32 to TF32, with 10 bits of 23, and matrix products where
    the user has asked for it. Embeddings of a GPU and of a processor have the same key, and so have to be the same.
    """
    import torch

    with precision_context(precision, device):
        if torch.device(device).type != "cuda":
            yield
            return
        # The settings are those of the whole process: with several threads the first sets them, and the last resets.
        with _setting:
            if not _in_full["count"]:
                _in_full["before"] = _set_tf32()
            _in_full["count"] += 1
        try:
            yield
        finally:
            with _setting:
                _in_full["count"] -= 1
                if not _in_full["count"]:
                    _set_tf32(_in_full["before"])


def _set_tf32(wanted: list[Any] | None = None) -> list[Any]:
    """Set whether convolutions and matrix products round to TF32, by default never; return the settings before."""
    import torch

    backends: Any = torch.backends
    # The names up to torch 2.8, which a later torch refuses to read where the new ones are in use.
    name, never = ("fp32_precision", "ieee") if hasattr(backends.cudnn, "conv") else ("allow_tf32", False)
    places = [getattr(backends.cudnn, "conv", backends.cudnn), backends.cuda.matmul]
    before = [getattr(place, name) for place in places]
    for place, value in zip(places, wanted or [never, never], strict=True):
        setattr(place, name, value)
    return before


def pinned(batch: Tensor, device: str) -> Tensor:
    """Return a batch as it is or, for a GPU, in pinned memory, from which alone a copy overlaps with computation."""
    return batch.pin_memory() if device.startswith("cuda") else batch


def sent(batch: Tensor, device: str) -> Tensor:
    """Return a batch on a device; a GPU copies it, from pinned memory, beside what it computes.

    What it is given to compute from now on waits for the copy, and nothing else does.
    """
    import torch

    if not device.startswith("cuda"):
        return batch.to(device)
    if device not in _streams:
        _streams[device] = torch.cuda.Stream(device)
    copying, computing = _streams[device], torch.cuda.current_stream(device)
    with torch.cuda.stream(copying):
        copy = batch.to(device, non_blocking=True)
    computing.wait_stream(copying)
    # Its memory is that of the first stream, which may not give it away before the second one is done with it.
    copy.record_stream(computing)
    return copy


def fetched_later(tensors: Sequence[Tensor], device: str) -> Callable[[], list[Tensor]]:
    """Begin to copy tensors of a device to the processor; return a function that waits for the copies, and no more.

    What a GPU is given to compute between the two does not delay them.
    """
    import torch

    if not device.startswith("cuda"):
        found = [tensor.cpu() for tensor in tensors]
        return lambda: found
    copies, done = [tensor.to("cpu", non_blocking=True) for tensor in tensors], torch.cuda.Event(blocking=True)
    done.record(torch.cuda.current_stream(device))

    def wait() -> list[Tensor]:
        done.synchronize()
        # Pinned memory is dear: the next batch takes that of this one.
        return [copy.clone() for copy in copies]

    return wait


def check_device(device: str) -> None:
    """Raise ParameterError for a string that is not the name of a device; only torch knows whether it exists."""
    if not re.fullmatch(r"auto|(cpu|cuda|mps)(:(0|[1-9]\d*))?", device):
        # By spelling, "gpu" would be nearest to "cpu".
        other = re.fullmatch(r"(gpu|cuda|nvidia|rocm|metal)(?::?(\d+))?", device.lower())
        name = "" if other is None else "mps" if other[1] == "metal" else "cuda" + (f":{other[2]}" if other[2] else "")
        close = f"Did you mean {name}?" if name else nearest(device, ("auto", "cpu", "cuda", "mps"))
        hint = close or "'auto' takes a GPU if there is one."
        raise ParameterError(f"got device={device!r}; expected {DEVICES}", hint)


def resolve_device(device: str) -> str:
    """Return the device that "auto" stands for: CUDA, else Apple's MPS, else the CPU.

    Raises
    ------
    ParameterError
        If the device does not exist.
    """
    note_torch()
    import torch

    DEVICE.check("device", device)
    mps = torch.backends.mps.is_available()
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    device = plain(device) if isinstance(device, str) else str(device)
    check_device(device)
    kind, _, number = device.partition(":")
    # The others are not asked: to count GPUs takes time, and may keep forked processes from using them.
    count = torch.cuda.device_count() if kind == "cuda" else int(kind == "cpu" or mps)
    if int(number or 0) < count:
        return device if kind == "cuda" else kind
    if kind == "cuda" and getattr(torch.cuda, "_is_in_bad_fork", bool)():
        raise ParameterError(
            f"got device={device!r} in a process that was forked from one that uses a GPU, where CUDA does not work",
            "Start processes in another way: joblib.parallel_config('loky'), or multiprocessing's 'spawn'.",
        )
    gpus = range(torch.cuda.device_count())
    known = ["auto", "cpu", *(f"cuda:{n}" for n in gpus), *(["mps"] if mps else [])]
    raise ParameterError(f"got device={device!r}; this machine has no such device", f"It has {', '.join(known)}.")


def physical_device(device: str) -> str:
    """Return a name for the hardware of a resolved device that is unique on this machine.

    "cuda" and "cuda:0" may be the same GPU, and different ones in two processes because of ``CUDA_VISIBLE_DEVICES``. So
    a GPU is named by its UUID, and a part of one (MIG) by its own UUID; where the driver reports none, by the
    environment.
    """
    import torch

    shown = visible_gpu(device)
    if torch.device(device).type != "cuda" or shown.startswith("MIG-"):
        return shown
    try:
        index = torch.device(device).index
        index = torch.cuda.current_device() if index is None else index
        uuid = getattr(torch.cuda.get_device_properties(index), "uuid", None)
    except (AssertionError, RuntimeError, AttributeError):
        return visible_gpu(device)
    return visible_gpu(f"cuda:{index}") if uuid is None else f"GPU-{uuid}"


def resolve_precision(precision: str) -> ResolvedPrecision:
    """Return the precision of a training, where "auto" is float32; `choose_precision` returns that of embeddings.

    Raises
    ------
    ParameterError
    """
    PRECISION.check("precision", precision)
    return "float32" if precision == "auto" else plain(precision)


def out_of_memory(error: Exception) -> bool:
    """Tell whether an error means that a device is out of memory; on CPUs it is a plain RuntimeError."""
    import torch

    # cuDNN and cuBLAS say ..._STATUS_ALLOC_FAILED.
    signs = ("out of memory", "not enough memory", "status_alloc_failed")
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error).lower() for sign in signs)


def halved(size: int, device: str, error: Exception, too_much: FeatxError) -> int:
    """Return half the size of a batch after an error, and free what the batch took.

    Parameters
    ----------
    size : int
        The images that were computed at once.
    device : str
    error : Exception
    too_much : FeatxError
        What to raise where a single image does not fit.

    Raises
    ------
    Exception
        The error itself, if it has another reason than memory.
    FeatxError
    """
    import torch

    if not out_of_memory(error):
        raise error
    if size == 1:
        raise too_much from error
    log.warning("out of memory on %s: batches are computed in parts of %d images from here on", device, size // 2)
    # The frames of the failed call, and of what it was raised for, hold its tensors.
    cause: BaseException | None = error
    while cause is not None:
        traceback.clear_frames(cause.__traceback__)
        cause = cause.__cause__
    if torch.device(device).type == "cuda":
        torch.cuda.empty_cache()
    return size // 2


def image_dtype(module: nn.Module) -> torch.dtype:
    """Return the dtype of images that a user's module takes: that of all its parameters, or float32."""
    import torch

    kinds = {parameter.dtype for parameter in module.parameters() if parameter.is_floating_point()}
    return kinds.pop() if len(kinds) == 1 else torch.float32


def channels_last(module: nn.Module) -> nn.Module:
    """Convert a module's weights to channels-last memory format, unless it has 3-D convolutions, which have none."""
    import torch

    known = all(tensor.dim() != 5 for tensor in (*module.parameters(), *module.buffers()))
    return module.to(memory_format=torch.channels_last) if known else module
