"""Promised: nodes of a graph have the names that torchvision's feature extraction gives them."""

import pytest
import torch
from torch import nn
from torchvision import models
from torchvision.models.feature_extraction import NodePathTracer as Reference

from featx.networks.efficientnet_lite import EfficientNetLite0
from featx.torch_modules.node_paths import NodePathTracer


class Repeating(nn.Module):
    """Calls one submodule several times, has numbers in names, and the same functions at several depths."""

    def __init__(self, inner=None):
        super().__init__()
        self.conv_1, self.conv_2, self.conv = nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)
        self.act_5_2, self.act = nn.ReLU(), nn.ReLU()
        self.inner = inner or nn.Sequential(nn.ReLU(), nn.ReLU())

    def forward(self, x):
        x = self.conv_2(self.conv_1(self.conv(x) + 1) + 2)
        for _ in range(3):
            x = torch.relu(self.act(x + x))
        x = self.inner(self.act_5_2(self.conv(x))) + self.act(x)
        return torch.relu(self.act_5_2(x)).flatten(1)


NETWORKS = {
    "Lite0": EfficientNetLite0,
    "repeating": lambda: Repeating(Repeating()),
    "mobilenet_v3_small": lambda: models.mobilenet_v3_small(),
    "googlenet": lambda: models.googlenet(init_weights=False, aux_logits=True).eval(),
    "densenet121": lambda: models.densenet121(),
    "shufflenet_v2_x0_5": lambda: models.shufflenet_v2_x0_5(),
    "swin_t": lambda: models.swin_t(),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_names_are_those_of_torchvision(name):
    with torch.device("meta"):
        network = NETWORKS[name]()
    given, wanted = NodePathTracer(), Reference()
    given.trace(network)
    wanted.trace(network)
    assert list(given.node_to_qualname.values()) == list(wanted.node_to_qualname.values())
    assert [node.op for node in given.node_to_qualname] == [node.op for node in wanted.node_to_qualname]
