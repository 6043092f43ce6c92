"""Promised: names of networks and weights are checked without torch, and the nearest ones are suggested."""

import os
import sys

import pytest
import torch

from featx.heads.head_names import HEADS, HEADS_WITH_CLASS_WEIGHTS, check_heads
from featx.networks import network_names
from featx.networks.architectures import architecture_of, torchvision_names
from featx.networks.network_names import check_network, published_weight_names
from weight_files import NAME, STATE, refusal


@pytest.mark.parametrize(
    ("name", "network"),
    [("IMAGENET1K_V7", NAME), ("IMAGENET1K_V2", "efficientnet_lite0"), ("IMAGENET1K_V2", "timm:test_vit")],
)
def test_a_file_with_the_name_of_weights_that_there_are_not_is_pointed_to(tmp_path, monkeypatch, name, network):
    if network.startswith("timm:"):
        pytest.importorskip("timm")
    monkeypatch.chdir(tmp_path)
    assert "and there is no file of that name" in refusal(name, network)
    torch.save(STATE, name)
    text = refusal(name, network)
    assert "no file of that name" not in text
    assert text.endswith(f"To read the file of that name, pass {os.path.join('.', name)!r}.")


def test_right_names_pass():
    for name in ("efficientnet_lite0", *torchvision_names()):
        architecture = architecture_of(name)
        for weights in ("DEFAULT", None, *published_weight_names(name)):
            check_network(
                name, weights=weights, layers=[None, *architecture.stage_names], poolings=["auto", architecture.pooling]
            )
    check_network("resnet18", layers=["layer2.0.conv1", "flatten", "output"])  # nodes, which a graph must tell
    check_network("timm:resnet18.a1_in1k")
    check_heads(HEADS, HEADS)
    check_heads(HEADS_WITH_CLASS_WEIGHTS, class_weight="balanced")


def test_names_of_weights_are_those_of_torchvision():
    from torchvision.models import get_model_weights

    for name in torchvision_names():
        assert [entry.name for entry in get_model_weights(name)] == list(published_weight_names(name)), name


def test_names_of_timm_networks_are_found_without_importing_it(monkeypatch):
    import timm

    monkeypatch.delitem(sys.modules, "timm")
    known = []
    monkeypatch.setattr(network_names, "unknown_timm_network", lambda name, names: known.append(names) or ValueError())
    with pytest.raises(ValueError):
        check_network("timm:no_such")
    assert known == [sorted(timm.list_models())]
    check_network("timm:tf_efficientnet_b0_ns")  # of an older release
    monkeypatch.setattr(network_names, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"featx\[timm\]"):
        check_network("timm:resnet18")
