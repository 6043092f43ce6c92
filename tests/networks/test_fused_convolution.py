"""Promised: a fused convolution computes what torch's operations do, rounded around sums in float32."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from featx.networks.fused_convolution import FusedConvolution
from half_precision import HALF, KERNELS


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("groups", [1, 16])
def test_half_precision_is_rounding_around_sums_in_float32(kernels: bool, dtype: torch.dtype, groups: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(16, 16, 3, padding=1, groups=groups).requires_grad_(False)
    x, residual = (torch.randn(2, 16, 9, 9).contiguous(memory_format=torch.channels_last) for _ in range(2))
    shape = tuple(x.shape) if kernels else None
    module = FusedConvolution(conv, dtype=dtype, activation="relu", shape=shape)
    rounded = [value.to(dtype).double() for value in (x, conv.weight, conv.bias, residual)]
    wanted = functional.conv2d(*rounded[:3], padding=1, groups=groups)
    eps = torch.finfo(dtype).eps
    for given, sums in ((module(x), wanted), (module(x, residual), wanted + rounded[3])):
        assert given.dtype == dtype
        torch.testing.assert_close(given.double(), sums.relu(), rtol=eps, atol=eps)
    # The residual is still whole.
    assert torch.equal(residual.to(dtype).double(), rounded[3])
