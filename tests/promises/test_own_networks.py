"""Promised: a module of the user's own is taken as it is, and what cannot be used of it is told of with what helps."""

import numpy as np
import pytest
import torch
from images import noise
from torch import nn

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, compare_strategies, load_dataset
from featx.exceptions import BackboneError, FeatxError, ParameterError, TrainingError

IMAGES = noise(4)


class Returning(nn.Module):
    """A convolution and its mean; what it returns, a test says."""

    def __init__(self, end):
        super().__init__()
        torch.manual_seed(0)
        self.c, self.end = nn.Conv2d(3, 4, 3), end

    def forward(self, x):
        z = self.c(x)
        return self.end(z.mean((2, 3)), z)


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
def test_a_norm_behind_what_is_pooled_is_noted_where_it_is_left_out(module, norm, caplog):
    images = noise(2)

    def embed(**options):
        return CNNFeatureTransformer(module, image_size=32, cache=None, **options).fit_transform(images)

    returned = embed(layer="output")
    assert "normalises after" not in caplog.text
    assert embed().shape == returned.shape
    assert (f"in {norm}: its embeddings are the pooled values" in caplog.text) == bool(norm)


def embed(module, **options):
    return CNNFeatureTransformer(module, image_size=32, cache=None, **options).fit_transform(IMAGES)


KINDS = {
    "quantized": (lambda v, z: torch.quantize_per_tensor(v, 0.1, 0, torch.quint8), "x.dequantize()"),
    "nested": (lambda v, z: torch.nested.nested_tensor(list(v)), "to_padded_tensor"),
    "without values": (lambda v, z: v.to("meta"), "meta device"),
    "in a list": (lambda v, z: [v], "'output.0'"),
}


@pytest.mark.filterwarnings("ignore:.*nested tensors:UserWarning", "ignore:torch.quantize:UserWarning")
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_of_another_kind_are_refused_where_they_are_asked_for(kind):
    end, step = KINDS[kind]
    with pytest.raises(BackboneError, match="Returning") as told:
        embed(Returning(end), layer="output")
    assert step in told.value.next_step
    assert np.isfinite(embed(Returning(end), layer="c")).all()


def test_a_sparse_output_gives_the_rows_of_a_dense_one():
    dense = embed(Returning(lambda v, z: v * 2), layer="output")
    assert np.array_equal(embed(Returning(lambda v, z: (v * 2).to_sparse()), layer="output"), dense)


def test_volumes_are_taken_where_a_module_makes_them_of_images():
    class Volume(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.c = nn.Conv3d(3, 4, (1, 3, 3))

        def forward(self, x):
            return self.c(x[:, :, None]).mean((2, 3, 4))

    rows = embed(Volume(), layer="output")
    assert rows.shape == (4, 4)
    tuned = CNNFineTuneClassifier(Volume(), layer="output", image_size=32, cache=None, epochs=1, early_stopping=False)
    assert tuned.fit(IMAGES, [0, 1, 0, 1]).predict(IMAGES).shape == (4,)


def test_a_forward_that_writes_into_its_input_is_told_how_to_be_trained():
    class Writes(Returning):
        def forward(self, x):
            z = self.c(x)
            x.zero_()
            return z.mean((2, 3))

    tuned = CNNFineTuneClassifier(
        Writes(None), layer="output", image_size=32, cache=None, epochs=1, early_stopping=False, head_init="random"
    )
    with pytest.raises(TrainingError, match="Writes writes into a tensor") as told:
        tuned.fit(IMAGES, [0, 1, 0, 1])
    assert "x.clone()" in told.value.next_step


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


@pytest.mark.parametrize("stages", [1, "all", ["c"]], ids=str)
def test_a_network_without_parameters_trains_the_head_alone(stages):
    def tuned(stages):
        return CNNFineTuneClassifier(
            nn.Identity(), image_size=32, cache=None, epochs=1, early_stopping=False, trainable_stages=stages
        )

    with pytest.raises(ParameterError, match="has parameters") as told:
        tuned(stages).fit(IMAGES, [0, 1, 0, 1])
    assert "trainable_stages=0" in told.value.next_step
    assert tuned(0).fit(IMAGES, [0, 1, 0, 1]).predict(IMAGES).shape == (4,)


@pytest.mark.parametrize("strategies", [["frozen"], {}, None, 3], ids=str)
def test_strategies_that_are_no_mapping_are_shown_with_what_makes_one(strategies):
    with pytest.raises(FeatxError) as told:
        compare_strategies(load_dataset("sample:digits"), strategies)
    assert f"got strategies={strategies!r}; expected" in str(told.value)
