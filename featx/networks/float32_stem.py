"""Compute the first convolutions of a network in float32 while autocast computes the others in half precision."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ..torch_modules.graphs import FeatureExtractor

__all__ = ["with_float32_stem"]


def with_float32_stem(network: FeatureExtractor, n_float32: int) -> FeatureExtractor:
    """Return a feature extractor whose first convolutions compute in float32, also where autocast is on.

    It is for networks that are not fused; `fuse` sets the precision of each convolution.
    """
    if not n_float32:
        return network

    def extract(batch: Tensor) -> dict[str, Any]:
        with _Float32Stem(n_float32):
            return network(batch)

    return extract


class _Float32Stem(TorchFunctionMode):
    """Counts the convolutions of one pass, and disables autocast for the first ones."""

    def __init__(self, n_float32: int) -> None:
        super().__init__()
        self.left = n_float32

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is not torch.conv2d or not self.left:
            return func(*args, **kwargs)
        self.left -= 1
        args = [_to_float32(value) for value in args]
        kwargs = {name: _to_float32(value) for name, value in kwargs.items()}
        with torch.autocast(args[0].device.type if args else kwargs["input"].device.type, enabled=False):
            return func(*args, **kwargs)


def _to_float32(value: Any) -> Any:
    return value.float() if isinstance(value, Tensor) else value
