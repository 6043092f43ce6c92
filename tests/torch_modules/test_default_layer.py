"""Promised: the default layer is the one before the final pooling, and a norm behind that is noted."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from backbones import PIXELS, embed, net
from featx import CNNFeatureTransformer
from featx.images.preprocessing import IMAGENET
from featx.networks.resolve import resolve_backbone
from featx.process import forget


class Normalised(nn.Module):
    """A convolution, its mean, what follows, and a norm behind it all."""

    def __init__(self, *behind):
        super().__init__()
        torch.manual_seed(0)
        self.c, self.behind = nn.Conv2d(3, 4, 3), nn.Sequential(*behind)

    def forward(self, x):
        return self.behind(nn.functional.normalize(self.c(x).mean((2, 3))))


@pytest.mark.parametrize(
    ("module", "norm"),
    [
        (Normalised(), "normalize"),
        (Normalised(nn.LayerNorm(4)), "behind.0"),
        (Normalised(nn.Linear(4, 4), nn.Dropout(), nn.LayerNorm(4)), "behind.2"),
        (Normalised(nn.Linear(4, 4), nn.Softmax(1)), ""),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()), ""),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), ""),
    ],
    ids=["by function", "by module", "behind a layer", "of a classifier", "before the pooling", "without a pooling"],
)
def test_a_norm_behind_what_is_pooled_is_noted_where_it_is_left_out(module, norm, caplog, monkeypatch):
    forget("remarks")
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)

    def embed(**options):
        return CNNFeatureTransformer(module, image_size=32, cache=None, **options).fit_transform(images)

    returned = embed(layer="output")
    assert "normalises after" not in caplog.text
    assert embed().shape == returned.shape
    assert (f"in {norm}: its embeddings are the pooled values" in caplog.text) == bool(norm)


def test_a_module_is_cut_before_its_final_pooling():
    module = net()
    with torch.inference_mode():
        pixels = IMAGENET.normalise(PIXELS)
        expected = 2 * copy.deepcopy(module).eval().features(pixels).mean((2, 3)).numpy()
    assert resolve_backbone(module).architecture.default_layer == "add_1"
    assert np.allclose(embed(resolve_backbone(module)), expected, rtol=1e-4, atol=1e-5)
    named = resolve_backbone("resnet18", weights=None)
    assert np.allclose(embed(resolve_backbone(named.build())), embed(named), rtol=1e-4, atol=1e-5)
