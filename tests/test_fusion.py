"""Fused networks compute what the plain ones do."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from featx import fused_convolution
from featx.backbones import EXACT_CONVOLUTIONS, arithmetic
from featx.fused_convolution import FusedConvolution
from featx.fusion import fuse, fused_reader
from featx.graphs import reader
from featx.networks import resolve_backbone

KERNELS = [False, pytest.param(True, marks=pytest.mark.skipif(not fused_convolution.has_kernels(), reason="no oneDNN"))]
NETWORKS = ["resnet18", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x0_5",
            "squeezenet1_1", "regnet_y_400mf", "mnasnet0_5", "efficientnet_lite0", "densenet121",
            "convnext_tiny"]  # fmt: skip

SLOW = {"densenet121", "efficientnet_b0", "regnet_y_400mf", "mnasnet0_5", "convnext_tiny"}


@pytest.fixture(autouse=True)
def _inference():
    with torch.inference_mode():
        yield


def _network(name: str) -> nn.Module:
    module = resolve_backbone(name, weights=None).build().eval()
    generator = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            # Statistics that folding must not get wrong.
            part.running_mean.normal_(0, 0.1, generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)
            part.weight.data.uniform_(0.5, 1.5, generator=generator)
            part.bias.data.normal_(0, 0.1, generator=generator)
    return module.requires_grad_(False)


def _images(n: int = 2, side: int = 64) -> torch.Tensor:
    images = torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(1))
    return images.contiguous(memory_format=torch.channels_last)


def _convolutions(graph: nn.Module) -> list[FusedConvolution]:
    return [m for m in graph.modules() if isinstance(m, FusedConvolution)]


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.long) if n in SLOW else n for n in NETWORKS])
def test_float32_is_the_same_at_every_stage(name: str, kernels: bool) -> None:
    source = resolve_backbone(name, weights=None)
    module = _network(name)
    nodes = [source.plan.node(stage) for stage in source.plan.stage_names]
    plain = reader(module, nodes, name=name)
    wanted = {layer: value.clone() for layer, value in plain(_images()).items()}
    fused = fuse(plain, _images(), dtype=torch.float32, kernels=kernels)
    assert _convolutions(fused)
    given = fused(_images())
    for layer, value in wanted.items():
        torch.testing.assert_close(given[layer], value, rtol=2e-3, atol=2e-4 * float(value.abs().max()))
    again = plain(_images())
    assert all(torch.equal(again[layer], value) for layer, value in wanted.items())


@pytest.mark.parametrize("kernels", KERNELS)
def test_half_precision_spares_the_first_convolutions(kernels: bool) -> None:
    source = resolve_backbone("efficientnet_lite0")
    node = source.plan.node("head")
    plain = reader(source.build().eval(), [node], name="efficientnet_lite0")
    fused = fuse(plain, _images(4), dtype=torch.bfloat16, kernels=kernels, exact=EXACT_CONVOLUTIONS)
    dtypes = [convolution.dtype for convolution in _convolutions(fused)]
    assert sorted(map(str, dtypes)) == ["torch.bfloat16"] * (len(dtypes) - 2) + ["torch.float32"] * 2
    with arithmetic("bfloat16", "cpu"):
        given = fused(_images(4))[node].float().mean((2, 3))
    wanted = plain(_images(4))[node].mean((2, 3))
    assert torch.nn.functional.cosine_similarity(given, wanted).min() > 0.99
    assert not torch.equal(given, wanted)


class _Residuals(nn.Module):
    """Sums that must not overwrite what is still read, and inputs that change on the way."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d = (nn.Conv2d(3 if i == 0 else 8, 8, 3, padding=1) for i in range(4))
        self.norm = nn.BatchNorm2d(8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.a(x)
        second = self.norm(self.b(first)) + first
        # `first` is read again behind the sum, and changed in place before the next one.
        third = self.c(second)
        first.relu_()
        fourth = self.d(first)
        second.mul_(2)
        return torch.relu(third + first) + fourth + second


@pytest.mark.parametrize("kernels", KERNELS)
def test_what_is_read_later_is_not_overwritten(kernels: bool) -> None:
    torch.manual_seed(0)
    module = _Residuals().eval().requires_grad_(False)
    # Not `norm`: a copy of it, taken for the reader, would stand between the convolution and its sum.
    plain = reader(module, ["output", "a"], name="own")
    wanted = plain(_images())
    fused = fuse(plain, _images(), dtype=torch.float32, kernels=kernels)
    given = fused(_images())
    for layer in wanted:
        torch.testing.assert_close(given[layer], wanted[layer], rtol=1e-4, atol=1e-5)


def test_batches_of_other_sizes_pass() -> None:
    plain = reader(_network("mobilenet_v2"), ["features.18"], name="mobilenet_v2")
    fused = fused_reader(plain, _images(4), dtype=torch.float32)
    for images in (_images(1), _images(7), _images(2, side=96)):
        wanted = plain(images)["features.18"]
        torch.testing.assert_close(
            fused(images)["features.18"], wanted, rtol=2e-3, atol=1e-4 * float(wanted.abs().max())
        )


def test_a_convolution_with_a_hook_or_of_another_class_stays() -> None:
    class Doubled(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    module = nn.Sequential(Doubled(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"))
    module[1].register_forward_hook(lambda m, i, out: out + 1)
    plain = reader(module.eval().requires_grad_(False), ["output"], name="own")
    fused = fuse(plain, _images(), dtype=torch.float32, kernels=False)
    assert not _convolutions(fused)
    assert torch.equal(fused(_images())["output"], plain(_images())["output"])


def test_kernels_that_fail_or_compute_something_else_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = reader(_network("resnet18"), ["layer1"], name="resnet18")
    assert fused_reader(plain, _images(), dtype=torch.float32) is not plain
    with monkeypatch.context() as patch:
        patch.setattr(FusedConvolution, "forward", lambda self, x, residual=None: self.missing)
        assert fused_reader(plain, _images(), dtype=torch.float32) is plain
    original = FusedConvolution.forward
    monkeypatch.setattr(FusedConvolution, "forward", lambda self, *xs: original(self, *xs) * 1.1)
    assert fused_reader(plain, _images(), dtype=torch.float32) is plain
