"""Promised: every network gives its stages, its documented width and one embedding for one set of weights."""

import enum

import numpy as np
import pytest

from backbones import PIXELS, Branching, InPlace, backbone_of, embed, net, squeezenet
from featx.exceptions import LayerError, ParameterError
from featx.networks.device import resolve_device, resolve_precision
from featx.networks.resolve import resolve_backbone


def test_width_agrees_with_the_embedding():
    source = squeezenet()
    for view in [("features.5", "flatten"), ("stem", "avgmax"), ("output", "avg")]:
        width = backbone_of(source).width(view, preprocessing=source.preprocessing)
        assert width == embed(source, view).shape[1]


def test_layer_errors_name_the_stages():
    with pytest.raises(LayerError, match=r"no layer 'layer9'.*stages are stem, layer1, layer2, layer3, layer4"):
        embed(resolve_backbone("resnet18", weights=None), ("layer9", "avg"))


def test_poolings_are_checked():
    with pytest.raises(ParameterError, match=r"pooling='mean'.*auto, avg"):
        squeezenet().view(None, "mean")
    with pytest.raises(LayerError, match="no class token"):
        embed(squeezenet(), (None, "cls"))


def test_bfloat16_is_near_and_has_its_own_spec():
    source = squeezenet()
    full, half = embed(source), embed(source, precision="bfloat16")
    assert half.dtype == np.float32
    assert not np.array_equal(full, half)
    assert (full * half).sum() / np.linalg.norm(full) / np.linalg.norm(half) > 0.99
    view = source.view(None, "auto")
    assert source.spec(view, "float32").digest != source.spec(view, "bfloat16").digest


def test_a_module_that_cannot_be_traced_gives_its_output_and_names_its_layers():
    source = resolve_backbone(net(Branching))
    assert embed(source).shape == (2, 3)
    assert backbone_of(source).layers() == ["features", "features.0", "features.1", "features.2", "pool", "head"]
    with pytest.raises(LayerError, match=r"no layer 'feature'.*Did you mean features"):
        embed(source, ("feature", "avg"))


def test_a_view_is_the_same_whatever_other_views_share_its_pass():
    source = resolve_backbone(net(InPlace))
    views = [(layer, "avg") for layer in ("conv", "relu", "norm", "sub", "output")]
    together = backbone_of(source).embed(PIXELS, views, preprocessing=source.preprocessing)
    for view, rows in zip(views, together, strict=True):
        assert np.allclose(embed(source, view), rows, rtol=1e-4, atol=1e-6)


class Named(str, enum.Enum):  # noqa: UP042 - a StrEnum writes itself as its text
    AVG = "avg"
    HEAD = "head"
    CPU = "cpu"
    SQUASH = "squash"
    FLOAT32 = "float32"
    NETWORK = "efficientnet_lite0"


def test_texts_of_an_enum_are_the_texts_that_they_are():
    plain = resolve_backbone(resize="squash")
    named = resolve_backbone(Named.NETWORK, resize=Named.SQUASH)
    view = named.view(Named.HEAD, Named.AVG)
    assert [type(name) for name in view] == [str, str]
    assert named.spec(view, resolve_precision(Named.FLOAT32)).digest == plain.spec(("head", "avg"), "float32").digest
    assert resolve_device(Named.CPU) == "cpu"
    assert type(resolve_device(Named.CPU)) is str
