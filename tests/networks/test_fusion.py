"""Fused networks compute what the plain ones do."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import fx, nn
from torch.nn import functional

from featx.networks import fused_convolution
from featx.networks.backbone import FLOAT32_CONVOLUTIONS
from featx.networks.fused_convolution import FusedConvolution
from featx.networks.fusion import fuse, fused_extractor
from featx.networks.resolve import resolve_backbone
from featx.torch_modules.graphs import feature_extractor
from half_precision import HALF, KERNELS, without_half_precision

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
    nodes = [source.architecture.node(stage) for stage in source.architecture.stage_names]
    plain = feature_extractor(module, nodes, name=name)
    wanted = {layer: value.clone() for layer, value in plain(_images()).items()}
    fused = fuse(plain, _images(), dtype=torch.float32, kernels=kernels)
    assert _convolutions(fused)
    given = fused(_images())
    for layer, value in wanted.items():
        torch.testing.assert_close(given[layer], value, rtol=2e-3, atol=2e-4 * float(value.abs().max()))
    again = plain(_images())
    assert all(torch.equal(again[layer], value) for layer, value in wanted.items())


def _node_and_extractor() -> tuple[str, fx.GraphModule]:
    source = resolve_backbone("efficientnet_lite0")
    node = source.architecture.node("head")
    plain = feature_extractor(source.build().eval(), [node], name="efficientnet_lite0")
    assert isinstance(plain, fx.GraphModule)
    return node, plain


@pytest.mark.usefixtures("processor")
@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_spares_the_first_convolutions(kernels: bool, dtype: torch.dtype) -> None:
    node, plain = _node_and_extractor()
    fused = fuse(plain, _images(4), dtype=dtype, kernels=kernels, n_float32=FLOAT32_CONVOLUTIONS)
    dtypes = [convolution.dtype for convolution in _convolutions(fused)]
    assert dtypes.count(torch.float32) == 2
    assert dtypes.count(dtype) == len(dtypes) - 2 > 40
    with torch.autocast("cpu", dtype):
        given = fused(_images(4))[node].float().mean((2, 3))
    wanted = plain(_images(4))[node].mean((2, 3))
    assert functional.cosine_similarity(given, wanted).min() > 0.99
    assert not torch.equal(given, wanted)


@pytest.mark.native_bfloat16
def test_a_processor_without_half_precision_gives_the_numbers_of_one_that_has_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node, plain = _node_and_extractor()

    def rows() -> torch.Tensor:
        fused = fused_extractor(plain, _images(4), dtype=torch.bfloat16, n_float32=FLOAT32_CONVOLUTIONS)
        assert {c.computes_in for c in _convolutions(fused)} == {torch.float32, native}
        with torch.autocast("cpu", torch.bfloat16):
            return fused(_images(4))[node].float().mean((2, 3))

    native = torch.bfloat16
    wanted = rows()
    without_half_precision(monkeypatch)
    native = torch.float32
    # AMX adds up in another order: 0.99988, where float32 is at 0.9995.
    assert functional.cosine_similarity(rows(), wanted).min() > 0.9998


def _dtypes_of_convolutions(plain: fx.GraphModule, read: Any, dtype: torch.dtype) -> list[torch.dtype]:
    """Return what the network's own convolutions give when a feature extractor passes images through them."""
    found: list[torch.dtype] = []
    hooks = [
        part.register_forward_hook(lambda _, inputs, output: found.append(output.dtype))
        for part in plain.modules()
        if isinstance(part, nn.Conv2d)
    ]
    with torch.autocast("cpu", dtype):
        read(_images())
    for hook in hooks:
        hook.remove()
    return found


@pytest.mark.parametrize("dtype", HALF)
def test_a_network_that_is_not_fused_spares_its_first_convolutions_too(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    plain = feature_extractor(_network("resnet18"), ["layer2"], name="resnet18")
    monkeypatch.setattr(FusedConvolution, "forward", lambda self, x, residual=None: self.missing)
    read = fused_extractor(plain, _images(), dtype=dtype, n_float32=FLOAT32_CONVOLUTIONS)
    for _ in range(2):
        found = _dtypes_of_convolutions(plain, read, dtype)
        assert found == [torch.float32] * 2 + [dtype] * (len(found) - 2)
        assert len(found) == 10


@pytest.mark.skipif(not fused_convolution.has_kernels(), reason="no oneDNN")
@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
def test_kernels_that_fail_leave_the_same_graph_of_torchs_own_operations(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    plain = feature_extractor(_network("mobilenet_v2"), ["features.5"], name="mobilenet_v2")
    n_float32 = 0 if dtype == torch.float32 else FLOAT32_CONVOLUTIONS
    wanted = fused_extractor(plain, _images(), dtype=dtype, n_float32=n_float32)
    assert {c.packed for c in _convolutions(wanted)} == {True}
    forward = FusedConvolution.forward

    def failing(self: FusedConvolution, x: torch.Tensor, residual: torch.Tensor | None = None) -> torch.Tensor:
        if self.packed:
            raise RuntimeError("another release")
        return forward(self, x, residual)

    monkeypatch.setattr(FusedConvolution, "forward", failing)
    read = fused_extractor(plain, _images(), dtype=dtype, n_float32=n_float32)
    assert [(c.dtype, c.packed) for c in _convolutions(read)] == [(c.dtype, False) for c in _convolutions(wanted)]


def test_memory_that_ends_while_a_network_is_fused_is_no_reason_for_another_arithmetic(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exhausted(self: FusedConvolution, x: torch.Tensor, residual: torch.Tensor | None = None) -> torch.Tensor:
        raise torch.OutOfMemoryError("no memory left")

    plain = feature_extractor(_network("resnet18"), ["layer1"], name="resnet18")
    monkeypatch.setattr(FusedConvolution, "forward", exhausted)
    with pytest.raises(torch.OutOfMemoryError):
        fused_extractor(plain, _images(), dtype=torch.bfloat16)


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
    # Not `norm`: a copy of it, taken for the feature_extractor, would stand between the convolution and its sum.
    plain = feature_extractor(module, ["output", "a"], name="own")
    wanted = plain(_images())
    fused = fuse(plain, _images(), dtype=torch.float32, kernels=kernels)
    given = fused(_images())
    for layer in wanted:
        torch.testing.assert_close(given[layer], wanted[layer], rtol=1e-4, atol=1e-5)


def test_batches_of_other_sizes_pass() -> None:
    plain = feature_extractor(_network("mobilenet_v2"), ["features.18"], name="mobilenet_v2")
    fused = fused_extractor(plain, _images(4), dtype=torch.float32)
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
    plain = feature_extractor(module.eval().requires_grad_(False), ["output"], name="own")
    fused = fuse(plain, _images(), dtype=torch.float32, kernels=False)
    assert not _convolutions(fused)
    assert torch.equal(fused(_images())["output"], plain(_images())["output"])


def test_kernels_that_fail_or_compute_something_else_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = feature_extractor(_network("resnet18"), ["layer1"], name="resnet18")
    assert fused_extractor(plain, _images(), dtype=torch.float32) is not plain
    with monkeypatch.context() as patch:
        patch.setattr(FusedConvolution, "forward", lambda self, x, residual=None: self.missing)
        assert fused_extractor(plain, _images(), dtype=torch.float32) is plain
    original = FusedConvolution.forward
    monkeypatch.setattr(FusedConvolution, "forward", lambda self, *xs: original(self, *xs) * 1.1)
    assert fused_extractor(plain, _images(), dtype=torch.float32) is plain
