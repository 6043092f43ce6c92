"""Promised: a module of the user's own is taken as it is, and what cannot be used of it is told of with what helps."""

import numpy as np
import pytest
import torch
from torch import nn

from backbones import Returning
from featx import CNNFeatureTransformer, CNNFineTuneClassifier, compare_strategies, load_dataset
from featx.exceptions import BackboneError, FeatxError, ParameterError, TrainingError
from images import noise

IMAGES = noise(4)


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
