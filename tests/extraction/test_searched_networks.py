"""Promised: every network gets the views that it has; a layer that none has is refused."""

import numpy as np
import pytest

from backbones import net
from featx import CNNFeatureTransformer, LayerError, ParameterError
from featx.extraction.searched_networks import searched_networks
from featx.networks.pooling import View


def views(networks):
    return {name: network.plan(np.arange(0)).views for name, network in networks.items()}


@pytest.fixture
def transformer():
    return CNNFeatureTransformer(weights=None, image_size=32)


def test_each_network_has_all_views_that_it_can_have(transformer, remarks):
    names = ["resnet18", "squeezenet1_1", "resnet18"]
    found = searched_networks(transformer, backbones=names, layers=["layer1", None], poolings=["avg", "max"])
    assert list(found) == ["resnet18", "squeezenet1_1"]
    assert [view.layer for view in views(found)["resnet18"]] == ["layer1", "layer1", "layer4", "layer4"]
    own = {view.layer for view in views(found)["squeezenet1_1"]}
    assert len(own) == 1
    assert "layer1" not in own
    assert any("squeezenet1_1 has no layer1: it is searched without" in text for text in remarks())
    assert transformer.prefetch == ()


def test_the_network_of_the_transformer_is_searched_if_none_is_named(transformer):
    found = searched_networks(transformer, backbones=None, layers=["head"], poolings=["avg"])
    assert views(found) == {"efficientnet_lite0": [View("head", "avg")]}


def test_modules_of_one_class_are_numbered():
    networks = [net(), net(scale=2.0)]
    found = searched_networks(CNNFeatureTransformer(image_size=32), backbones=networks, layers=[None], poolings=["avg"])
    assert list(found) == ["backbones.Net", "backbones.Net (2)"]
    assert [network.backbone for network in found.values()] == networks


def test_what_cannot_be_searched_is_refused(transformer):
    for wrong in ([], "resnet18", 3):
        with pytest.raises(ParameterError, match="got backbones="):
            searched_networks(transformer, backbones=wrong, layers=[None], poolings=["avg"])
    names = ["resnet18", "squeezenet1_1"]
    with pytest.raises(LayerError, match="squeezenet1_1 has none of the layers layer1"):
        searched_networks(transformer, backbones=names, layers=["layer1"], poolings=["avg"])
    with pytest.raises(LayerError, match="no layer 'nothing'"):
        searched_networks(transformer, backbones=names, layers=["nothing"], poolings=["avg"])


def test_names_are_those_that_a_backbone_is_chosen_by(transformer):
    pytest.importorskip("timm")
    found = searched_networks(transformer, backbones=["timm:resnet18"], layers=[None], poolings=["avg"])
    assert list(found) == ["timm:resnet18"]
