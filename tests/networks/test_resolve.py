"""Promised: a name, weights and options stand for one network and one digest, or for an error that suggests another."""

import hashlib
from importlib.metadata import version
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torchvision import models

from backbones import embed, net, save, squeezenet
from featx.exceptions import BackboneError, ParameterError, WeightsError
from featx.networks.resolve import resolve_backbone


def test_unknown_names_suggest_known_ones():
    with pytest.raises(BackboneError, match=r"'resnet_50'.*Did you mean.*resnet50"):
        resolve_backbone("resnet_50")
    with pytest.raises(ParameterError, match="type int"):
        resolve_backbone(50)


def test_random_weights_follow_their_seed_and_leave_torchs_generator_alone():
    state = torch.get_rng_state()
    first, again, other = squeezenet(), squeezenet(), squeezenet(random_state=1)
    assert np.array_equal(embed(first), embed(again))
    assert not np.allclose(embed(first), embed(other))
    assert first.weights_digest == again.weights_digest != other.weights_digest
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("name", "weight", "deviation"),
    [
        ("inception_v3", "Conv2d_2b_3x3.conv.weight", 0.1),
        ("googlenet", "inception4a.branch1.conv.weight", 0.01),
        # The square root of 2 / 320, and of 2 / (25 * 192 / 192).
        ("efficientnet_lite0", "stage7.0.project.conv.weight", 0.0791),
        ("efficientnet_lite0", "stage6.1.depthwise.conv.weight", 0.2828),
    ],
)
def test_random_weights_are_drawn_as_the_network_was_published(name, weight, deviation):
    source = resolve_backbone(name, weights=None)
    assert float(source.build().state_dict()[weight].std()) == pytest.approx(deviation, rel=0.05)
    # It is another network than the one that was drawn in PyTorch's way, so it has another digest.
    assert ";initialisation=" in source.weights_digest


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "timm:resnet10t"])
def test_the_digest_of_other_random_weights_stays(name):
    pytest.importorskip("timm")
    digest = resolve_backbone(name, weights=None, random_state=3).weights_digest
    assert digest == f"random;seed=3;torch={version('torch')};torchvision={version('torchvision')}"


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_local_files_give_the_embedding_of_their_network(tmp_path, suffix):
    path = save(squeezenet().build().state_dict(), tmp_path / f"net{suffix}")
    for weights in (path, str(path)):
        assert np.array_equal(embed(squeezenet(weights=weights)), embed(squeezenet()))


def test_unknown_published_weights_name_the_known():
    with pytest.raises(WeightsError, match=r"'IMAGENET1K_V9'.*; it has IMAGENET1K_V1, IMAGENET1K_V2"):
        resolve_backbone("resnet50", weights="IMAGENET1K_V9")
    with pytest.raises(WeightsError, match="efficientnet_lite0 has no weights 'V2'"):
        resolve_backbone(weights="V2")


def test_a_published_file_that_is_there_is_used(hub, tmp_path, monkeypatch):
    path = save(squeezenet().build().state_dict(), tmp_path / "net.pth")
    name = f"squeezenet1_1-{hashlib.sha256(path.read_bytes()).hexdigest()[:8]}.pth"
    path.rename(hub / name)
    preset = models.SqueezeNet1_1_Weights.DEFAULT.transforms
    entry = SimpleNamespace(url=f"https://host/{name}", name="DEFAULT", transforms=preset)
    monkeypatch.setattr("featx.networks.resolve.weights_entry", lambda *args: entry)
    assert np.array_equal(embed(squeezenet(weights="DEFAULT")), embed(squeezenet()))


def test_weights_beside_a_module_are_refused():
    with pytest.raises(ParameterError, match="beside a module"):
        resolve_backbone(net(), weights="IMAGENET1K_V1")


def test_a_vision_transformer_takes_other_image_sizes(unallocated):
    """From files too: test_state_matching.py."""
    small = resolve_backbone("vit_b_32", weights=None, image_size=64)
    assert small.build().encoder.pos_embedding.shape == (1, 5, 768)
    assert small.weights_digest != resolve_backbone("vit_b_32", weights=None).weights_digest
    with pytest.raises(BackboneError, match=r"got image_size=65; vit_b_32 takes multiples of 32. Choose 64"):
        resolve_backbone("vit_b_32", weights=None, image_size=65)
