"""Promised: networks of timm are built, initialised and loaded as timm does, or refused with what to do."""

import sys

import pytest
import torch

from backbones import embed, save
from featx import CNNFeatureTransformer, resolve_backbone
from featx.exceptions import BackboneError, MissingDependencyError
from weight_files import X, built, refusal, under


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_timm_networks_embed_with_their_num_features(name, tmp_path):
    timm = pytest.importorskip("timm")
    source = resolve_backbone(f"timm:{name}", weights=None)
    pixels = torch.zeros((1, 3, 160, 160), dtype=torch.uint8)
    width = timm.create_model(name).num_features
    assert embed(source, pixels=pixels).shape == (1, width)
    path = save(timm.create_model(name).state_dict(), tmp_path / "net.safetensors")
    assert embed(resolve_backbone(f"timm:{name}", weights=path), pixels=pixels).shape == (1, width)


def test_unknown_timm_networks_suggest_known_ones():
    pytest.importorskip("timm")
    with pytest.raises(BackboneError, match=r"'resnet51'.*Did you mean"):
        resolve_backbone("timm:resnet51")


def test_without_timm_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingDependencyError, match=r"timm:resnet18 needs timm.*featx\[timm\]"):
        resolve_backbone("timm:resnet18")


@pytest.mark.parametrize("name", ["test_vit", "swin_tiny_patch4_window7_224"])
def test_timms_transformers_take_other_image_sizes(tmp_path, name, caplog):
    timm = pytest.importorskip("timm")
    net = timm.create_model(name, img_size=96, num_classes=5)
    torch.save({"model": under("module.", net.state_dict())}, tmp_path / "net.pth")
    source = resolve_backbone(f"timm:{name}", weights=tmp_path / "net.pth", image_size=96)
    own = source.build().state_dict()
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in own.items())
    assert "resampled" not in caplog.text
    assert source.weights_digest.endswith(";positions=96")
    built(tmp_path / "net.pth", f"timm:{name}", image_size=128)
    assert "was trained at another image size" in caplog.text
    if name == "test_vit":
        transformer = CNNFeatureTransformer(f"timm:{name}", weights=tmp_path / "net.pth", image_size=128, cache=None)
        assert transformer.fit_transform(X).shape == (4, net.num_features)
    state = net.state_dict()
    del state[sorted(key for key in own if key.endswith("weight"))[3]]
    torch.save(state, tmp_path / "net.pth")
    assert "is missing" in refusal(tmp_path / "net.pth", f"timm:{name}", image_size=96)


@pytest.mark.parametrize("name", ["resnet10t", "test_convnext", "deit_tiny_distilled_patch16_224"])
def test_timms_files_are_read_with_any_classifier(tmp_path, name):
    timm = pytest.importorskip("timm")
    net = timm.create_model(name, num_classes=7)
    torch.save({"state_dict": net.state_dict()}, tmp_path / "net.pth")
    own = built(tmp_path / "net.pth", f"timm:{name}", image_size=None).state_dict()
    assert all(torch.equal(value, net.state_dict()[key]) for key, value in own.items())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("resnet18.no_such_tag", r"timm's resnet18 has no weights 'no_such_tag'\. It has a1_in1k"),
        ("resnet18.a1_in2k", r"Did you mean a1_in1k"),
        ("resnt18.a1_in1k", r"no network 'resnt18'\. Did you mean resnet18"),
    ],
)
def test_unknown_names_and_tags_of_timms_suggest_known_ones(name, words):
    pytest.importorskip("timm")
    with pytest.raises(BackboneError, match=words):
        resolve_backbone(f"timm:{name}", weights=None)
