"""Promised: the stages or layers to train are those that were asked for, counted from the head."""

import numpy as np
import pytest
from torch import nn

from featx.exceptions import ParameterError
from trainings import cut


def test_layers_are_counted_as_keras_counts_them():
    def trained(count):
        return {name.rpartition(".")[0] for name in cut("mobilenet_v2", trainable_layers=count).trained}

    # The last three are a convolution, its normalisation and its activation.
    assert trained(2) == {"features.18.1"}
    assert trained(3) == {"features.18.0", "features.18.1"}
    assert trained(4) == {"features.18.0", "features.18.1", "features.17.conv.3"}


def test_the_last_ten_layers_of_resnet50_are_its_last_block_and_the_activation_before_it():
    trunk = cut("resnet50", trainable_layers=10)
    block = ["conv1", "bn1", "relu", "conv2", "bn2", "relu_1", "conv3", "bn3", "relu_2"]
    assert trunk.stages == ["layer4.1.relu_2", *(f"layer4.2.{name}" for name in block)]
    assert {name.rpartition(".")[0] for name in trunk.trained} == {
        f"layer4.2.{kind}{number}" for kind in ("conv", "bn") for number in (1, 2, 3)
    }
    assert trunk.boundary == "layer4.1.relu_2"


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


def test_children_without_parameters_are_no_stages():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
    trunk = cut(module, layer="output")
    assert (trunk.stages, trunk.trained) == (["2"], ["2.weight", "2.bias"])
