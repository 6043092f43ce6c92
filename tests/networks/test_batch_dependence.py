"""Promised: a module whose embedding of an image depends on the other images of its batch is refused, and no other."""

import numpy as np
import pytest
import torch
from torch import nn

from featx import CNNFeatureTransformer, EmbeddingCache
from featx.exceptions import BackboneError

IMAGES = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), dtype=np.uint8)


class Net(nn.Module):
    """A convolution, its mean, and what a test makes of it."""

    def __init__(self, end):
        super().__init__()
        torch.manual_seed(0)
        self.c = nn.Conv2d(3, 16, 3)
        self.end, self.calls = end, 0

    def forward(self, x):
        self.calls += 1
        return self.end(self.c(x).mean((2, 3)))


def own(v, n):
    if len(v) != n:
        raise ValueError(f"only batches of {n}")
    return v


def in_bfloat16(v):
    with torch.autocast("cpu", torch.bfloat16):
        return torch.nn.functional.linear(v, torch.linspace(-1, 1, 16 * 64).reshape(64, 16)).float()


DEPENDENT = {
    "less the mean": lambda v: v - v.mean(0, keepdim=True),
    "softmax over the images": lambda v: v.softmax(0),
    "divided by their number": lambda v: v / len(v),
    "scaled by the largest": lambda v: v / v.abs().max(),
    "less the last": lambda v: v - v[-1:],
    "summed so far": lambda v: v.cumsum(0),
    "attention over the images": lambda v: torch.softmax(v @ v.T, 1) @ v,
}
BY_ITSELF = {
    "normalised": torch.nn.functional.normalize,
    "softmax": lambda v: v.softmax(1),
    "in bfloat16": in_bfloat16,
    "zeros": lambda v: v * 0,
    "at random": lambda v: v + torch.rand_like(v),
    "one by one": lambda v: own(v, 1),
}


@pytest.mark.parametrize("how", DEPENDENT)
def test_a_module_that_mixes_the_images_of_a_batch_is_refused_before_anything_is_kept(how, tmp_path):
    extract = CNNFeatureTransformer(Net(DEPENDENT[how]), layer="output", image_size=32, cache=tmp_path)
    with pytest.raises(BackboneError, match=r"'output' depends on the other images of its batch") as told:
        extract.fit_transform(IMAGES)
    assert "over the first axis" in told.value.next_step
    assert EmbeddingCache(tmp_path).info() == []


@pytest.mark.parametrize("how", BY_ITSELF)
def test_one_that_computes_each_image_by_itself_is_not(how):
    extract = CNNFeatureTransformer(Net(BY_ITSELF[how]), layer="output", image_size=32, cache=None, batch_size=1)
    assert len(extract.fit_transform(IMAGES)) == len(IMAGES)


def test_norms_without_statistics_are_named_and_those_of_an_untrained_network_are_left():
    def network(**options):
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, **options), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def embed(module):
        return CNNFeatureTransformer(module, image_size=32, cache=None).fit_transform(IMAGES)

    with pytest.raises(BackboneError, match=r"its BatchNorm2d '1' has no running statistics") as told:
        embed(network(track_running_stats=False))
    assert "track_running_stats=True" in told.value.next_step
    assert embed(network()).shape == (5, 4)


def test_a_network_is_looked_at_once_and_keeps_nothing_of_it():
    module = Net(nn.Identity())
    extract = CNNFeatureTransformer(module, layer="output", image_size=32, cache=None).fit(IMAGES)
    first = extract.transform(IMAGES)
    assert module.calls == 0
    assert np.array_equal(extract.transform(IMAGES), first)
