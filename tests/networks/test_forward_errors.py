"""Promised: embeddings that are NaN or infinite are an error that names network, layer and image; none is kept."""

import numpy as np
import pytest
import torch
from torch import nn

from backbones import PIXELS, Returning, backbone_of
from featx import CNNFeatureTransformer, CNNFineTuneClassifier, EmbeddingCache
from featx.exceptions import BackboneError, LayerError
from featx.networks.resolve import resolve_backbone

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
        network(float("inf")), image_size=32, cache=None, boundary_cache_bytes=10**9 * cached, head_init=head, epochs=1
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


def test_a_size_that_the_network_refuses_is_named(unallocated):
    source = resolve_backbone("vit_b_32", weights=None)
    with pytest.raises(BackboneError, match=r"vit_b_32 fails on images of 64 x 64 pixels.*image_size"):
        backbone_of(source, "meta").embed(PIXELS, [("stem", "avg")], preprocessing=source.preprocessing)


class Mixing(torch.nn.Module):
    """A network that does not keep the images apart."""

    def __init__(self, mix):
        super().__init__()
        self.convolution = torch.nn.Conv2d(3, 4, 3)
        self.mix = mix

    def forward(self, x):
        x = self.convolution(x)
        return {"first": x[0], "mean": x.mean(0), "twice": torch.cat([x, x])}[self.mix]


@pytest.mark.parametrize("mix", ["first", "mean", "twice"])
def test_a_network_that_gives_other_than_one_output_for_each_image_is_refused(mix):
    images = [np.full((32, 32, 3), value, np.uint8) for value in (0, 80, 160, 240)]
    transformer = CNNFeatureTransformer(Mixing(mix), image_size=32, cache=None, layer="output", pooling="flatten")
    with pytest.raises(LayerError, match=r"outputs for 1 image.*first axis counts the images"):
        transformer.fit_transform(images)


def embed(module, **options):
    return CNNFeatureTransformer(module, image_size=32, cache=None, **options).fit_transform(IMAGES)


def fails_with(error):
    def end(v, z):
        raise error

    return Returning(end)


def at_224(v, z):
    if z.shape[-1] != 222:
        raise ValueError("wrong")
    return v


FAILING = {
    "an error whose text is a key": (
        fails_with(KeyError("boom")),
        "pixels: KeyError: 'boom'",
        "torch.rand(2, 3, 32, 32)",
    ),
    "an error without a text": (fails_with(ValueError()), "pixels: ValueError", "its own code"),
    "one channel": (nn.Conv2d(1, 4, 3), "have 1 channel", "takes 1 channel:"),
    "another size": (Returning(at_224), "pixels: ValueError: wrong", "choose image_size=224, which is the default"),
    "memory": (Returning(lambda v, z: torch.empty(2**50)), "allocate", "more memory than there is"),
    "sizes that none of the tried is": (
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(7, 2)),
        "multiplied",
        "image_size",
    ),
    "parameters of two types": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3).half()), "type", "module.float()"),
}


@pytest.mark.parametrize("what", FAILING)
def test_advice_about_a_module_that_fails_fits_its_error(what):
    module, text, step = FAILING[what]
    with pytest.raises(BackboneError) as told:
        embed(module, layer="output")
    assert text in told.value.message
    assert step in told.value.next_step
    assert ("image_size" in told.value.next_step) == (
        what in ("another size", "memory", "sizes that none of the tried is")
    )
