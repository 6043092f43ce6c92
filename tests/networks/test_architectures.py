"""Promised: every network has the stages, in the order of the graph, and the width that the table says."""

import pytest
import torch

from backbones import backbone_of
from featx.networks.resolve import list_backbones, resolve_backbone

COMPUTED = [
    "efficientnet_lite0",
    "mnasnet0_5",
    "mobilenet_v2",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
    "resnet18",
    "regnet_x_400mf",
    "regnet_y_400mf",
    "shufflenet_v2_x0_5",
    "squeezenet1_0",
    "squeezenet1_1",
    "swin_t",
]


def graph_places(backbone):
    """Where in the graph the stages end."""
    nodes = backbone.layers()
    ends = [backbone.architecture.node(stage) for stage in backbone.stages]
    return [max(i for i, node in enumerate(nodes) if f"{node}.".startswith(f"{end}.")) for end in ends]


def assert_is_as_documented(name, device, image_size):
    source = resolve_backbone(name, weights=None, image_size=image_size)
    backbone = backbone_of(source, device)
    poolings = ("avg", "max", "avgmax", "gem")
    views = [source.view(None, "auto"), *((stage, how) for stage in backbone.stages for how in poolings)]
    side = source.preprocessing.crop
    default, *others = backbone.embed(
        torch.zeros((1, 3, side, side), dtype=torch.uint8), views, preprocessing=source.preprocessing
    )
    assert default.shape == (1, source.architecture.width)
    places = graph_places(backbone)
    assert places == sorted(set(places))
    for avg, largest, both, gem in zip(*[iter(others)] * 4, strict=True):
        assert avg.shape == largest.shape == gem.shape
        assert both.shape[1] in (avg.shape[1], 2 * avg.shape[1])
    assert device == "meta" or all(output.isfinite().all() for output in (default, *others))


@pytest.mark.parametrize("name", COMPUTED)
def test_small_networks_give_their_stages_and_width(name):
    assert_is_as_documented(name, "cpu", 64)


# One of each family and kind of graph; their sisters, seconds each though nothing is allocated, are in the long form.
SAMPLED = {"alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet",
           "inception_v3", "maxvit_t", "mnasnet1_3", "regnet_y_16gf", "resnet50", "resnext50_32x4d",
           "shufflenet_v2_x2_0", "swin_v2_t", "vgg11", "vgg16_bn", "vit_b_32", "wide_resnet50_2"}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in SAMPLED else [pytest.mark.long])
        for name in list_backbones()
        if name not in COMPUTED
    ],
)
def test_large_networks_have_their_stages_and_width(name, unallocated):
    assert_is_as_documented(name, "meta", None)
