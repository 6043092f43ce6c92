"""Promised: a frozen and a trained part together are the whole network, cut below what is trained."""

import numpy as np
import pytest
import torch
from torch import nn

from featx.exceptions import BackboneError, LayerError, ParameterError
from featx.finetuning.trunk import Trunk
from featx.networks.resolve import resolve_backbone

# Name, side of the image, stages to train.
FAMILIES = [
    pytest.param("alexnet", 63, 1, marks=pytest.mark.long),
    pytest.param("vgg11", 32, 2, marks=pytest.mark.long),
    ("resnet18", 32, 1),
    ("densenet121", 32, 1),
    pytest.param("inception_v3", 75, 2, marks=pytest.mark.long),
    pytest.param("googlenet", 32, 2, marks=pytest.mark.long),
    ("shufflenet_v2_x0_5", 32, 2),
    ("squeezenet1_1", 32, 3),
    ("mnasnet0_5", 32, 2),
    ("mobilenet_v2", 32, 3),
    ("mobilenet_v3_small", 32, 2),
    ("regnet_y_400mf", 32, 1),
    pytest.param("convnext_tiny", 32, 1, marks=pytest.mark.long),
    ("swin_t", 32, 1),
    pytest.param("swin_v2_t", 32, 1, marks=pytest.mark.long),
    pytest.param("vit_b_32", 224, 1, marks=pytest.mark.long),
]


def source_of(backbone, size=32):
    weights = None if isinstance(backbone, str) else "DEFAULT"
    return resolve_backbone(backbone, weights=weights, image_size=size)


def cut(backbone, size=32, *, layer=None, pooling="auto", **options):
    source = source_of(backbone, size)
    return Trunk.cut(source, source.view(layer, pooling), **options)


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
    assert trunk.stages == []


def test_layers_are_counted_as_keras_counts_them():
    def trained(count):
        return {name.rpartition(".")[0] for name in cut("mobilenet_v2", trainable_layers=count).trained}

    # The last three are a convolution, its normalisation and its activation.
    assert trained(2) == {"features.18.1"}
    assert trained(3) == {"features.18.0", "features.18.1"}
    assert trained(4) == {"features.18.0", "features.18.1", "features.17.conv.3"}


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


def test_stages_can_be_named_and_need_not_be_the_last():
    trunk = cut("resnet18", trainable_stages=["layer2", "layer4"])
    assert trunk.stages == ["layer2", "layer4"]
    assert {name.split(".")[0] for name in trunk.trained} == {"layer2", "layer4"}
    assert trunk.boundary.startswith("layer1.")


@pytest.mark.parametrize("kind", [np.int64, np.int32])
def test_numbers_of_numpy_count_as_numbers(kind):
    assert cut("resnet18", trainable_stages=kind(1)).stages == ["layer4"]
    assert cut("resnet18", trainable_layers=kind(2)).trained


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trainable_stages": 6}, r"trainable_stages=6; up to the head's layer there are 5: stem, layer1.*'all'"),
        ({"trainable_stages": -1}, "trainable_stages=-1; expected a number, names of stages, or 'all'"),
        ({"trainable_stages": 1.5}, "trainable_stages=1.5; expected"),
        ({"trainable_stages": True}, "trainable_stages=True; expected"),
        ({"trainable_stages": "layer4"}, "trainable_stages='layer4'; expected"),
        ({"trainable_stages": None}, "trainable_stages=None; expected"),
        ({"trainable_stages": ["layer5"]}, r"there is no stage 'layer5'. Did you mean layer"),
        ({"trainable_stages": ["xyz"]}, r"there is no stage 'xyz'. There are stem, layer1"),
        ({"trainable_stages": 3, "layer": "layer1"}, "there are 2: stem, layer1"),
        ({"trainable_layers": 1000}, "trainable_layers=1000; resnet18 has 58 layers up to layer4. Choose fewer"),
        ({"trainable_layers": 0}, "trainable_layers=0; expected a positive integer"),
        ({"trainable_layers": True}, "trainable_layers=True; expected a positive integer"),
        ({"trainable_layers": 1}, "trainable_layers=1; nothing in it has parameters"),
    ],
    ids=str,
)
def test_a_choice_that_is_not_there_is_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        cut("resnet18", **options)


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


def test_children_without_parameters_are_no_stages():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    trunk = cut(module, layer="output")
    assert (trunk.stages, trunk.trained) == (["2"], ["2.weight", "2.bias"])


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


@pytest.mark.parametrize(
    ("has_statistics", "update", "training"),
    [(True, True, True), (True, False, False), (False, True, True), (False, False, True)],
)
def test_only_the_trained_part_goes_into_training(settled, has_statistics, update, training):
    weights = settled("mobilenet_v2") if has_statistics else None
    source = resolve_backbone("mobilenet_v2", weights=weights, image_size=32)
    trunk = Trunk.cut(source, source.view(None, "auto"), trainable_stages=1)
    trunk.update_statistics = update
    trunk.train()
    states = {name: part.training for name, part in trunk.module.named_modules() if isinstance(part, nn.BatchNorm2d)}
    assert {states[name] for name in states if name.startswith("features.18.")} == {training}
    assert not any(states[name] for name in states if not name.startswith("features.18."))
    trunk.train(False)
    assert not any(part.training for part in trunk.module.modules())
