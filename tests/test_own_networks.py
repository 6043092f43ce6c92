"""Promised: a module of the user's own is taken as it is, and what cannot be used of it is told of with what helps."""

import numpy as np
import pytest
import torch
from torch import nn

from featx import CNNFeatureTransformer


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
    monkeypatch.setattr("featx.notes._told", set())
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)

    def embed(**options):
        return CNNFeatureTransformer(module, image_size=32, cache=None, **options).fit_transform(images)

    returned = embed(layer="output")
    assert "normalises behind" not in caplog.text
    assert embed().shape == returned.shape
    assert (f"in {norm}: its embeddings are what it pools" in caplog.text) == bool(norm)
