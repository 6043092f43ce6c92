"""Precisions and kernels of convolutions, and a processor that has kernels in float32 only."""

import pytest
import torch

from featx.networks import fused_convolution

HALF = [torch.bfloat16, torch.float16]
KERNELS = [False, pytest.param(True, marks=pytest.mark.skipif(not fused_convolution.has_kernels(), reason="no oneDNN"))]


def without_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    has = fused_convolution.has_kernels
    monkeypatch.setattr(
        fused_convolution, "has_kernels", lambda dtype=torch.float32: dtype == torch.float32 and has(dtype)
    )
