"""Promised: embeddings that are NaN or infinite are an error that names network, layer and image; none is kept."""

import numpy as np
import pytest
import torch
from torch import nn

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, EmbeddingCache
from featx.exceptions import BackboneError

IMAGES = np.random.default_rng(0).integers(200, 256, (8, 32, 32, 3), dtype=np.uint8)
IMAGES[5] = 0
LABELS = np.arange(8) % 2


def network(weight=None):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 1))
    if weight is not None:
        module[0].weight.data.fill_(weight)
    return module


class ByBrightness(nn.Module):
    """Has no answer for black images."""

    def forward(self, x):
        mean = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
        std = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)
        light = (x * std + mean).mean((2, 3)).clamp(min=1e-3) - 1e-3
        return light / light.amax(1, keepdim=True)


def refused(module, **options):
    with pytest.raises(BackboneError) as told:
        CNNFeatureTransformer(module, image_size=32, **options).fit_transform(IMAGES)
    return told.value


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_weights_that_are_not_finite_are_named(tmp_path, on_error):
    told = refused(network(float("nan")), cache=tmp_path, on_error=on_error)
    assert "Sequential gives for image 0 at the layer 'output' is not finite: 4 of 4 values" in told.message
    assert "in '0.weight'" in told.message
    assert EmbeddingCache(tmp_path).info() == []


def test_weights_that_overflow_are_told_of():
    told = refused(network(3e38), cache=None, batch_size=2)
    assert "for image 0 at" in told.message
    assert "layer='...'" in told.next_step


def test_an_overflow_in_half_precision_says_what_to_choose():
    module = network(3e4)
    told = refused(module, cache=None, precision="float16")
    assert "in float16" in told.message
    assert "precision='float32'" in told.next_step
    assert np.isfinite(CNNFeatureTransformer(module, image_size=32, cache=None).fit_transform(IMAGES)).all()
    assert "module.float()" in refused(module.half(), cache=None).next_step


def test_one_image_without_an_answer_is_named_and_those_before_are_kept(tmp_path):
    told = refused(ByBrightness(), layer="output", cache=tmp_path, batch_size=2)
    assert "for image 5 at" in told.message
    assert "this image" in told.next_step
    assert sum(entry.rows for entry in EmbeddingCache(tmp_path).info()) == 4


@pytest.mark.parametrize("cached", [True, False])
@pytest.mark.parametrize("head", ["logistic", "random"])
def test_what_lies_below_the_trained_stages_is_looked_at(cached, head):
    tuned = CNNFineTuneClassifier(
        network(float("inf")), image_size=32, cache=None, boundary_cache=cached, head_init=head, epochs=1
    )
    with pytest.raises(BackboneError, match=r"Sequential gives .*at the layer '\w+' is not finite.*'0.weight'"):
        tuned.fit(IMAGES, LABELS)


def test_bits_of_bfloat16_are_read():
    from featx.networks.forward_errors import require_finite

    def look(values):
        bits = torch.tensor([values], dtype=torch.bfloat16).view(torch.int16).numpy()
        require_finite([bits], [("a", "map:bfloat16")], ["x"], name="n", module=nn.Identity(), precision="float32")

    look([1.0, -3e38, 0.0])
    for value in ("nan", "inf", "-inf"):
        with pytest.raises(BackboneError, match="1 of 2 values"):
            look([1.0, float(value)])
