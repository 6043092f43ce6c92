"""Promised: embeddings are what `module(x)` gives, hooks and patches included, at every layer and in training."""

import numpy as np
import pytest
import torch
from torch import nn

from featx import CNNFeatureTransformer, CNNFineTuneClassifier
from featx.exceptions import LayerError
from featx.finetuning.trunk import Trunk
from featx.networks.backbone import Backbone
from featx.networks.resolve import resolve_backbone
from patched_modules import IMAGES, LABELS, PATCHES, TwoBlocks, patched, pixels, reference


@pytest.mark.parametrize("name", PATCHES)
def test_embeddings_are_what_the_module_gives(name):
    views = [("output", "avg"), ("one", "max"), ("two", "avg")]
    for layer, pooling in views[:1] if name == "compiled in place" else views:
        net = patched(name)
        source = resolve_backbone(net, image_size=32)
        expected = reference(net, layer, source)
        if expected.ndim == 4:
            expected = expected.mean((2, 3)) if pooling == "avg" else expected.amax((2, 3))
        options = {"layer": layer, "pooling": pooling, "image_size": 32, "cache": None}
        if name in ("method", "function") and layer == "two":
            with pytest.raises(LayerError, match="'two' is not called"):
                CNNFeatureTransformer(patched(name), **options).fit_transform(IMAGES)
            continue
        given = CNNFeatureTransformer(patched(name), **options).fit_transform(IMAGES)
        np.testing.assert_allclose(given, expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", PATCHES)
def test_both_parts_of_a_fine_tuned_network_give_what_the_module_gives(name):
    net = patched(name)
    source = resolve_backbone(net, image_size=32)
    stage = "one" if name in ("method", "function") else "head"
    trunk = Trunk.cut(source, source.view("output", "avg"), trainable_stages=[stage])
    images = pixels(source)
    with torch.inference_mode():
        given, expected = trunk.features(trunk.lower(images, "float32")), net(images)
    torch.testing.assert_close(given, expected, rtol=1e-4, atol=1e-5)


def test_a_fine_tuned_network_predicts_with_its_patches():
    options = {"image_size": 32, "layer": "output", "cache": None, "augmentation": "none", "early_stopping": False}
    model = CNNFineTuneClassifier(patched("hook"), trainable_stages=["head"], epochs=1, batch_size=2, **options)
    plain = CNNFineTuneClassifier(TwoBlocks(), trainable_stages=["head"], epochs=1, batch_size=2, **options)
    model.fit(IMAGES, LABELS)
    plain.fit(IMAGES, LABELS)
    assert model.state_
    network = model.network().build()
    assert network._forward_hooks
    with torch.inference_mode():
        features = network(pixels(model.source()))
    source = model.network().source
    given = Backbone(source.name, source.build(), source.architecture, "cpu", is_custom=True)
    torch.testing.assert_close(
        given.embed(torch.stack([source.preprocessing.apply(i) for i in IMAGES]), [("output", "avg")],
                    preprocessing=source.preprocessing)[0],
        features, rtol=1e-4, atol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_module_of_another_precision_is_given_images_of_it(dtype):
    net = TwoBlocks().eval().to(dtype)
    source = resolve_backbone(net, image_size=32)
    with torch.inference_mode():
        expected = net(pixels(source).to(dtype)).float().numpy()
    given = CNNFeatureTransformer(net, layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    np.testing.assert_array_equal(given, expected)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_old_weight_norm_works():
    net = nn.Sequential(nn.utils.weight_norm(nn.Conv2d(3, 4, 3)), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    source = resolve_backbone(net, image_size=32)
    with torch.inference_mode():
        expected = net(pixels(source)).numpy()
    given = CNNFeatureTransformer(net, layer="output", image_size=32, cache=None).fit_transform(IMAGES)
    np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-5)
