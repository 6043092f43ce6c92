"""A fused convolution: convolution, residual addition and activation in one oneDNN kernel of a chosen precision.

On a CPU it is oneDNN's kernel with weights that are packed once; on other devices it consists of torch's operations. A
processor without half precision computes the same numbers: inputs, weights and results are rounded, and the arithmetic
is in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FusedConvolution", "has_kernels"]

# The operations by which torch checks the processor before it runs a kernel in half precision.
_CHECKS = {torch.bfloat16: "_is_mkldnn_bf16_supported", torch.float16: "_is_mkldnn_fp16_supported"}

# By the names that oneDNN has for activations.
_TORCH: dict[str, Callable[..., Tensor]] = {
    "none": lambda x: x,
    "relu": functional.relu,
    "hardtanh": functional.hardtanh,
    "swish": functional.silu,
    "hardswish": functional.hardswish,
    "sigmoid": torch.sigmoid,
    "hardsigmoid": functional.hardsigmoid,
}


def has_kernels(dtype: torch.dtype = torch.float32) -> bool:
    """Tell whether this build of torch and this processor have oneDNN's fused convolutions of that precision."""
    names = ["_convolution_pointwise", "_convolution_pointwise_", "_reorder_convolution_weight"]
    check = _CHECKS.get(dtype)
    operations: Any = getattr(torch.ops, "mkldnn", None)
    if not torch.backends.mkldnn.is_available() or not torch.backends.mkldnn.enabled:
        return False
    if not all(hasattr(operations, name) for name in [*names, *([check] if check else [])]):
        return False
    return check is None or bool(getattr(operations, check)())


def _computes_in(dtype: torch.dtype, device: torch.device) -> torch.dtype:
    """Return the dtype to compute in, for inputs, weights and results of a precision.

    Products of two numbers in half precision are exact in float32, and every kernel adds them up in float32, so that
    a processor without such kernels loses nothing but time.
    """
    return dtype if device.type != "cpu" or has_kernels(dtype) else torch.float32


class FusedConvolution(nn.Module):
    """A convolution with the activation and the residual that follow it.

    Parameters
    ----------
    convolution : nn.Conv2d
        BatchNorm folded in.
    dtype : torch.dtype
        Of inputs, weights and output; sums are in float32.
    activation : str
        One of oneDNN's names, or "none".
    bounds : tuple of float
        Of a clipping activation.
    shape : tuple of int or None
        Of the batches to come, for packing the weights; None means torch's own operations.
    in_place : bool
        Whether the residual may be overwritten.
    """

    def __init__(
        self,
        convolution: nn.Conv2d,
        *,
        dtype: torch.dtype,
        activation: str = "none",
        bounds: tuple[float, ...] = (),
        shape: tuple[int, ...] | None = None,
        in_place: bool = False,
    ) -> None:
        super().__init__()
        self.dtype, self.activation, self.bounds, self.in_place = dtype, activation, list(bounds), in_place
        self.packed = shape is not None
        # `Any`, for torch types them as tuples of one or two numbers or names.
        conv: Any = convolution
        self.sizes = [list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups]
        self.computes_in = _computes_in(dtype, conv.weight.device)
        weight = conv.weight.detach().to(dtype).to(self.computes_in)
        if shape is not None:
            weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *self.sizes, list(shape))
        else:
            weight = weight.contiguous(memory_format=torch.channels_last)
        self.weight = weight
        self.bias = None if conv.bias is None else conv.bias.detach().to(dtype).to(self.computes_in)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Return the activation of the convolution of x (n, c, h, w) plus the residual."""
        x = self._rounded(x)
        if not self.packed:
            return self._separately(x, residual)
        x = x.contiguous(memory_format=torch.channels_last)
        if residual is None:
            return torch.ops.mkldnn._convolution_pointwise(
                x, self.weight, self.bias, *self.sizes, self.activation, self.bounds, ""
            ).to(self.dtype)
        follows = (None, [], None) if self.activation == "none" else (self.activation, self.bounds, None)
        # The sum goes into the memory of the residual if nothing else reads that, or into a copy of it.
        where = self._rounded(residual)
        if where is residual and not self.in_place:
            where = residual.clone(memory_format=torch.channels_last)
        where = where.contiguous(memory_format=torch.channels_last)
        return torch.ops.mkldnn._convolution_pointwise_.binary(
            where, x, self.weight, self.bias, *self.sizes, "add", 1.0, *follows
        ).to(self.dtype)

    def _rounded(self, x: Tensor) -> Tensor:
        return x.to(self.dtype).to(self.computes_in)

    def _separately(self, x: Tensor, residual: Tensor | None) -> Tensor:
        padding, stride, dilation, groups = self.sizes
        device = x.device.type
        with torch.autocast(device, enabled=False):
            x = functional.conv2d(x, self.weight, self.bias, stride, padding, dilation, groups)
            if residual is not None:
                x = x + self._rounded(residual)
            return _TORCH[self.activation](x, *self.bounds).to(self.dtype)
