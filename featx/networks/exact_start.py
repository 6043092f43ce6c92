"""A network that computes in half precision goes in; the same one with its first convolutions in float32 comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["Reader", "with_exact_start"]

# A batch goes in; the outputs of the layers that are read come out.
Reader = Callable[[Tensor], dict[str, Any]]


def with_exact_start(network: Reader, exact: int) -> Reader:
    """Return a reader whose first `exact` convolutions of each pass are in float32, also where autocast is on.

    For networks that are computed as they are; `fuse` gives each convolution a precision of its own.
    """
    if not exact:
        return network

    def read(batch: Tensor) -> dict[str, Any]:
        with _ExactStart(exact):
            return network(batch)

    return read


class _ExactStart(TorchFunctionMode):
    """Counts the convolutions of one pass, and takes autocast away from the first ones."""

    def __init__(self, exact: int) -> None:
        super().__init__()
        self.left = exact

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is not torch.conv2d or not self.left:
            return func(*args, **kwargs)
        self.left -= 1
        args = [_exact(value) for value in args]
        kwargs = {name: _exact(value) for name, value in kwargs.items()}
        with torch.autocast(args[0].device.type if args else kwargs["input"].device.type, enabled=False):
            return func(*args, **kwargs)


def _exact(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) else value
