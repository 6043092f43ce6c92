"""Promised: exported weights are those of the trained network."""

import numpy as np
import pytest
import torch

from featx import CNNFeatureTransformer
from featx.exceptions import (
    WeightsError,
)
from featx.finetuning.head import head_probabilities
from featx.networks.backbone import Backbone
from trainings import classifier


@pytest.mark.parametrize(
    "name",
    [
        "squeezenet1_1",
        "small_cnn",
        *(pytest.param(name, marks=pytest.mark.long) for name in ("mnasnet0_5", "efficientnet_lite0")),
    ],
)
def test_exported_weights_give_the_features_of_the_tuned_network(data, tmp_path, settled, name):
    X, y = data
    options = {"weights": settled(name), "batch_norm": "update", "learning_rate": 1e-3, "early_stopping": False}
    fitted = classifier(backbone=name, **options).fit(X, y)
    path = tmp_path / "tuned.safetensors"
    fitted.export_weights(path)
    features = CNNFeatureTransformer(name, weights=str(path), image_size=32, cache=None).fit_transform(X)
    pixels = torch.stack([fitted.source().preprocessing.apply(image) for image in X])
    source = fitted.network().source
    module = Backbone(name, source.build(), source.architecture, "cpu")
    expected = module.embed(pixels, [fitted.network().view], preprocessing=source.preprocessing)[0]
    np.testing.assert_array_equal(features, expected.numpy())
    np.testing.assert_allclose(head_probabilities(fitted.head_, features), fitted.predict_proba(X), atol=1e-6)
    plain = CNNFeatureTransformer(name, weights=settled(name), image_size=32, cache=None).fit_transform(X)
    assert not np.allclose(features, plain, rtol=1e-3, atol=0)
    assert [file.name for file in tmp_path.iterdir() if file.suffix == ".safetensors"] == ["tuned.safetensors"]


def test_weights_that_cannot_be_written_are_an_error(data, tmp_path):
    fitted = classifier().fit(*data)
    with pytest.raises(WeightsError, match=r"ends in \.safetensors"):
        fitted.export_weights(tmp_path / "tuned.pth")
    with pytest.raises(WeightsError, match="cannot write"):
        fitted.export_weights(tmp_path / "missing" / "tuned.safetensors")


def test_changing_the_network_of_a_fitted_one_does_not_hide(data):
    fitted = classifier().fit(*data)
    with pytest.raises(WeightsError, match=r"do not belong to mnasnet0_5.*Call fit again"):
        fitted.set_params(backbone="mnasnet0_5").predict(data[0])
