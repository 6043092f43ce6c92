"""The name of a device or of a precision goes in; the one to compute with, or why there is none, comes out."""

from __future__ import annotations

import contextlib
from typing import Any

from .constraints import DEVICE, PRECISION
from .exceptions import ParameterError

__all__ = ["arithmetic", "out_of_memory", "resolve_device", "resolve_precision"]


def arithmetic(precision: str, device: str) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which a network computes with a precision that is resolved."""
    import torch

    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(torch.device(device).type, getattr(torch, precision))


def resolve_device(device: str) -> str:
    """Return the device that "auto" stands for: CUDA, else Apple's MPS, else the CPU.

    Raises
    ------
    ParameterError
        If the device is not there.
    """
    import torch

    DEVICE.check("device", device)
    if device == "auto":
        mps = torch.backends.mps.is_available()
        return "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
    try:
        kind = torch.device(device)
        there = {"cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available()), "cpu": 1}
        if (kind.index or 0) < there.get(kind.type, 0):
            return device
        reason = "this machine has no such device"
    except RuntimeError:
        reason = "torch knows no such device"
    raise ParameterError(f"got device={device!r}; {reason}", "Use 'auto', 'cpu', 'cuda', 'cuda:1' or 'mps'.")


def resolve_precision(precision: str) -> str:
    """Return the arithmetic of a training, where "auto" is float32; `choose_precision` has that of embeddings.

    Raises
    ------
    ParameterError
    """
    PRECISION.check("precision", precision)
    return "float32" if precision == "auto" else precision


def out_of_memory(error: RuntimeError) -> bool:
    """Tell whether an error means that the memory of a device does not suffice; on CPUs it is a plain one."""
    import torch

    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or "out of memory" in text or "not enough memory" in text
