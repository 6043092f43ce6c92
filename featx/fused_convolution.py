"""A convolution goes in; one in a precision of its own, with what follows it in the same kernel, comes out.

On a CPU it is oneDNN's kernel with weights that are packed once; elsewhere it stays torch's own operations.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["FusedConvolution", "has_kernels"]

# By oneDNN's names of the activations.
_TORCH: dict[str, Callable[..., Tensor]] = {
    "none": lambda x: x,
    "relu": functional.relu,
    "hardtanh": functional.hardtanh,
    "swish": functional.silu,
    "hardswish": functional.hardswish,
    "sigmoid": torch.sigmoid,
    "hardsigmoid": functional.hardsigmoid,
}


def has_kernels() -> bool:
    """Tell whether this build of torch has oneDNN's fused convolutions."""
    operations = getattr(torch.ops, "mkldnn", None)
    names = ("_convolution_pointwise", "_convolution_pointwise_", "_reorder_convolution_weight")
    return torch.backends.mkldnn.is_available() and all(hasattr(operations, name) for name in names)


class FusedConvolution(nn.Module):
    """A convolution with the activation and the residual that follow it.

    Parameters
    ----------
    convolution : nn.Conv2d
        BatchNorm folded in.
    dtype : torch.dtype
        Of the arithmetic and of the output; sums are in float32.
    activation : str
        One of oneDNN's names, or "none".
    bounds : tuple of float
        Of a clipping activation.
    shape : tuple of int or None
        Of a batch that it will be given, for packing the weights; None keeps to torch's own operations.
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
        weight = conv.weight.detach().to(dtype)
        if shape is not None:
            weight = torch.ops.mkldnn._reorder_convolution_weight(weight, *self.sizes, list(shape))
        else:
            weight = weight.contiguous(memory_format=torch.channels_last)
        self.weight = weight
        self.bias = None if conv.bias is None else conv.bias.detach().to(dtype)

    def forward(self, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """Return the activation of the convolution of x (n, c, h, w) plus the residual."""
        x = x.to(self.dtype)
        if not self.packed:
            return self._separately(x, residual)
        x = x.contiguous(memory_format=torch.channels_last)
        if residual is None:
            return torch.ops.mkldnn._convolution_pointwise(
                x, self.weight, self.bias, *self.sizes, self.activation, self.bounds, ""
            )
        follows = (None, [], None) if self.activation == "none" else (self.activation, self.bounds, None)
        # Accumulated into what the residual's own layer wrote and no one else reads, or into a copy of it.
        where = residual.to(self.dtype)
        if where is residual and not self.in_place:
            where = residual.clone(memory_format=torch.channels_last)
        where = where.contiguous(memory_format=torch.channels_last)
        return torch.ops.mkldnn._convolution_pointwise_.binary(
            where, x, self.weight, self.bias, *self.sizes, "add", 1.0, *follows
        )

    def _separately(self, x: Tensor, residual: Tensor | None) -> Tensor:
        padding, stride, dilation, groups = self.sizes
        device = x.device.type
        with torch.autocast(device, enabled=False):
            x = functional.conv2d(x, self.weight, self.bias, stride, padding, dilation, groups)
            if residual is not None:
                x = x + residual.to(self.dtype)
            return _TORCH[self.activation](x, *self.bounds)
