"""Promised: the shape of a layer's output is what the network gives, found without its weights and without an image."""

import numpy as np
import pytest
import torch
from torch import nn

from featx import evaluate_heads
from featx.exceptions import BackboneError, LayerError
from featx.networks import feature_shapes
from featx.networks.backbone import Backbone
from featx.networks.feature_shapes import feature_shape, feature_shape_text
from featx.networks.pooling import View
from featx.networks.resolve import resolve_backbone


@pytest.mark.parametrize(
    ("name", "size", "layer", "text"),
    [
        ("vgg16", 150, None, "vgg16 at 150 pixels: 4 x 4 x 512 (height x width x channels), flattened to 8,192"),
        ("vgg16", 128, None, "vgg16 at 128 pixels: 4 x 4 x 512 (height x width x channels), flattened to 8,192"),
        ("vgg16", 150, "fc6", "vgg16, layer fc6, at 150 pixels: 4,096"),
        ("resnet50", 150, None,
         "resnet50 at 150 pixels: 5 x 5 x 2,048 (height x width x channels), flattened to 51,200"),
        ("inception_v3", 75, None,
         "inception_v3 at 75 pixels: 1 x 1 x 2,048 (height x width x channels), flattened to 2,048"),
        ("alexnet", 227, None, "alexnet at 227 pixels: 6 x 6 x 256 (height x width x channels), flattened to 9,216"),
        ("vit_b_16", 32, None, "vit_b_16 at 32 pixels: 5 x 768 (tokens x channels), flattened to 3,840"),
        ("swin_t", 64, None, "swin_t at 64 pixels: 2 x 2 x 768 (height x width x channels), flattened to 3,072"),
    ],
    ids=lambda value: str(value).replace(" ", "-")[:20],
)  # fmt: skip
def test_the_default_layer_is_the_last_convolutional_stage_and_its_shape_is_known(name, size, layer, text):
    source = resolve_backbone(name, weights=None, image_size=size)
    assert feature_shape_text(source, source.view(layer, "flatten")) == f"features of {text}"


@pytest.mark.parametrize("pooling", ["flatten", "avg", "avgmax"])
def test_the_shape_is_that_of_the_embeddings(pooling):
    source = resolve_backbone("squeezenet1_1", weights=None, image_size=40)
    view = source.view("features.5", pooling)
    pixels = torch.zeros((1, 3, 40, 40), dtype=torch.uint8)
    width = source.load("cpu").embed(pixels, [view], preprocessing=source.preprocessing)[0].shape[1]
    assert feature_shape_text(source, view).endswith(f" to {width:,}")
    height, columns, channels = feature_shape(source, view)
    assert height * columns * channels == source.load("cpu").width(View("features.5", "flatten"),
                                                                   preprocessing=source.preprocessing)  # fmt: skip


def test_nothing_is_built_with_weights(monkeypatch):
    made = []

    class Recorded(Backbone):
        def __init__(self, name, module, *others, **options):
            made.append(module)
            super().__init__(name, module, *others, **options)

    monkeypatch.setattr(feature_shapes, "Backbone", Recorded)
    source = resolve_backbone("vgg16", weights=None, image_size=64)
    feature_shape(source, source.view(None, "flatten"))
    assert {tensor.device.type for module in made for tensor in module.parameters()} == {"meta"}


class LooksAtValues(nn.Module):
    """A module that cannot compute with shapes alone, whose outputs are no squares."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(3, 8, 3, stride=(2, 1))

    def forward(self, x):
        x = self.convolution(x)
        return (x * 2 if x.sum() > 1e9 else x).mean((2, 3))


def test_a_module_of_the_user_is_asked_itself():
    module = nn.Sequential(nn.Conv2d(3, 8, 3, stride=(2, 1)), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))
    for own, layer in ((module, None), (LooksAtValues(), "convolution")):
        source = resolve_backbone(own, image_size=20)
        assert feature_shape(source, source.view(layer, "flatten")) == (9, 18, 8)
    assert next(module.parameters()).device.type == "cpu"


def test_what_the_network_cannot_do_is_said_before_any_image_is_read():
    source = resolve_backbone("alexnet", weights=None, image_size=62)
    with pytest.raises(BackboneError, match="alexnet fails on images of 62 x 62 pixels"):
        feature_shape(source, source.view(None, "flatten"))
    source = resolve_backbone("alexnet", weights=None)
    with pytest.raises(LayerError, match="blok5"):
        feature_shape(source, source.view("blok5", "flatten"))
    with pytest.raises(LayerError, match="no class token"):
        feature_shape(source, source.view(None, "cls"))


def test_features_of_thousands_of_columns_are_fitted():
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat(["a", "b"], 60))
    X = rng.normal(size=(120, 8192)).astype(np.float32)
    X[:, :300] += np.where(y == "a", 0.5, -0.5)[:, None]
    result, head = evaluate_heads({View("block5", "flatten"): X}, y, heads=["logistic"])
    assert result.metrics["accuracy"].value > 0.9
    assert head.predict(X).tolist() == y.tolist()
