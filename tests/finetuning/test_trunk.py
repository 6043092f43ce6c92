"""Promised: a frozen and a trained part together are the whole network, cut below what is trained."""

import numpy as np
import pytest
import torch
from torch import nn

from featx.exceptions import BackboneError, LayerError, ParameterError
from trainings import cut

# Name, side of the image, stages to train.
FAMILIES = [
    pytest.param("alexnet", 63, 1, marks=pytest.mark.long),
    pytest.param("vgg11", 32, 2, marks=pytest.mark.long),
    ("resnet18", 32, 1),
    pytest.param("densenet121", 32, 1, marks=pytest.mark.long),
    pytest.param("inception_v3", 75, 2, marks=pytest.mark.long),
    pytest.param("googlenet", 32, 2, marks=pytest.mark.long),
    ("shufflenet_v2_x0_5", 32, 2),
    ("squeezenet1_1", 32, 3),
    pytest.param("mnasnet0_5", 32, 2, marks=pytest.mark.long),
    ("mobilenet_v2", 32, 3),
    pytest.param("mobilenet_v3_small", 32, 2, marks=pytest.mark.long),
    pytest.param("regnet_y_400mf", 32, 1, marks=pytest.mark.long),
    pytest.param("convnext_tiny", 32, 1, marks=pytest.mark.long),
    ("swin_t", 32, 1),
    pytest.param("swin_v2_t", 32, 1, marks=pytest.mark.long),
    pytest.param("vit_b_32", 224, 1, marks=pytest.mark.long),
]


def some_pixels(size, count=2):
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, 3, size, size), dtype=np.uint8))


def whole(trunk, pixels):
    """Return what the uncut network gives for the layer, as the extraction computes it."""
    return trunk.source.load("cpu").embed(pixels, [trunk.view], preprocessing=trunk.source.preprocessing)[0]


def in_parts(trunk, pixels):
    inputs = trunk.source.preprocessing.normalise(pixels).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        return trunk.features(trunk.lower(inputs, "float32"))


def parameters_below(trunk):
    """Return the parameters that the lower part uses, by the gradients that reach them."""
    for parameter in trunk.module.parameters():
        parameter.requires_grad_(True)
    pixels = torch.rand(2, 3, trunk.source.preprocessing.crop, trunk.source.preprocessing.crop)
    trunk.lower(pixels, "float32")  # makes the reader
    trunk._lower(pixels)[trunk.boundary].sum().backward()
    return {name for name, value in trunk.module.named_parameters() if value.grad is not None}


def upper_of(trunk):
    return {name for name, _ in trunk.upper.named_parameters()}


@pytest.mark.parametrize(("name", "size", "stages"), FAMILIES)
def test_the_lower_and_the_upper_part_are_the_whole_network(name, size, stages):
    trunk = cut(name, size, trainable_stages=stages)
    pixels = some_pixels(size)
    expected = whole(trunk, pixels)
    torch.testing.assert_close(in_parts(trunk, pixels), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
    assert trunk.boundary is not None
    assert len(trunk.stages) == stages
    below = parameters_below(trunk)
    assert below
    assert not below & set(trunk.trained)
    assert set(trunk.trained) <= upper_of(trunk)


@pytest.mark.parametrize("layers", [2, 5, 10, 17, 30, 52])
def test_any_number_of_layers_is_cut_below_the_lowest(layers):
    trunk = cut("mobilenet_v2", trainable_layers=layers)
    pixels = some_pixels(32)
    torch.testing.assert_close(in_parts(trunk, pixels), whole(trunk, pixels), rtol=1e-4, atol=1e-5)
    assert not parameters_below(trunk) & set(trunk.trained)
    assert len(trunk.stages) == layers


def test_with_all_stages_the_trained_part_begins_at_the_image():
    trunk = cut("resnet18", trainable_stages="all")
    assert trunk.boundary is None
    assert trunk.stages == ["stem", "layer1", "layer2", "layer3", "layer4"]
    assert not any(name.startswith("fc.") for name in trunk.trained)
    assert {name for name, _ in trunk.module.named_parameters()} - set(trunk.trained) == {"fc.weight", "fc.bias"}
    pixels = some_pixels(32)
    torch.testing.assert_close(in_parts(trunk, pixels), whole(trunk, pixels), rtol=1e-4, atol=1e-5)


def test_with_no_stage_the_lower_part_is_everything():
    trunk = cut("resnet18", trainable_stages=0)
    assert (trunk.trained, trunk.stages, trunk.boundary, trunk.state()) == ([], [], None, {})
    pixels = some_pixels(32)
    torch.testing.assert_close(in_parts(trunk, pixels), whole(trunk, pixels), rtol=1e-4, atol=1e-5)


def test_an_earlier_layer_of_the_head_moves_the_stages():
    trunk = cut("resnet18", layer="layer3", trainable_stages=1)
    assert trunk.stages == ["layer3"]
    assert {name.split(".")[0] for name in trunk.trained} == {"layer3"}
    trunk = cut("alexnet", 63, layer="fc7", trainable_stages=1)
    assert trunk.trained == ["classifier.4.weight", "classifier.4.bias"]


def test_a_layer_that_is_not_there_is_refused():
    with pytest.raises(LayerError, match="layer9"):
        cut("resnet18", layer="layer9")


def test_an_image_size_that_the_network_does_not_take_is_refused():
    with pytest.raises(BackboneError, match="squeezenet1_1 fails on images of 12 x 12 pixels"):
        cut("squeezenet1_1", 12).boundary_shape()


class Untraceable(nn.Module):
    """Takes a branch that depends on the values of the image."""

    def __init__(self):
        super().__init__()
        self.low = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.BatchNorm2d(4), nn.ReLU())
        self.high = nn.Sequential(nn.Conv2d(4, 6, 3), nn.ReLU())
        self.top = nn.Linear(6, 5)

    def forward(self, x):
        x = self.low(x)
        if x.mean() > 1e6:
            x = x * 0
        return self.top(self.high(x).mean((2, 3)))


def test_a_module_that_cannot_be_traced_runs_whole():
    trunk = cut(Untraceable())
    assert trunk.boundary is None
    assert (trunk.stages, trunk.trained) == (["top"], ["top.weight", "top.bias"])
    pixels = some_pixels(32)
    torch.testing.assert_close(in_parts(trunk, pixels), whole(trunk, pixels))
    assert cut(Untraceable(), trainable_stages=["high"]).trained == ["high.0.weight", "high.0.bias"]
    assert len(cut(Untraceable(), trainable_stages="all").trained) == 8
    assert cut(Untraceable(), trainable_stages=0).trained == []
    with pytest.raises(ParameterError, match=r"trainable_layers=2; .*Untraceable cannot be traced"):
        cut(Untraceable(), trainable_layers=2)


def test_children_behind_the_layer_of_the_head_do_not_count_where_nothing_can_be_traced():
    assert cut(Untraceable(), layer="high").trained == ["high.0.weight", "high.0.bias"]


class Shared(nn.Module):
    """Uses one convolution at both ends, under two names."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 3, 3, padding=1)
        self.middle = nn.Conv2d(3, 3, 3, padding=1)
        self.last = self.first

    def forward(self, x):
        return self.last(self.middle(self.first(x).relu()))


def test_the_cut_is_below_the_first_use_of_a_shared_tensor():
    trunk = cut(Shared(), layer="output", trainable_layers=1)
    assert trunk.trained == ["first.weight", "first.bias"]
    assert trunk.boundary is None
    pixels = some_pixels(32)
    torch.testing.assert_close(in_parts(trunk, pixels), whole(trunk, pixels))


class InPlace(nn.Module):
    """Changes a tensor in place and does not look at what the change returns."""

    def __init__(self):
        super().__init__()
        self.low, self.high = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.low(x)
        y = self.high(x)
        self.relu(y)
        y.mul_(2)
        return y + 1


def test_operations_in_place_whose_result_is_not_used_are_kept():
    trunk = cut(InPlace(), layer="output", trainable_stages=["high"])
    pixels = some_pixels(32)
    assert trunk.boundary == "low"
    torch.testing.assert_close(in_parts(trunk, pixels), whole(trunk, pixels))


def test_cutting_leaves_the_given_module_as_it_is():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU()).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    trunk = cut(module, layer="output", trainable_stages="all")
    with torch.no_grad():
        for parameter in trunk.module.parameters():
            parameter.add_(1)
    assert module.training
    assert all(parameter.requires_grad for parameter in module.parameters())
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
