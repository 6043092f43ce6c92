"""Promised: a feature map, tokens or vectors become one float32 vector for each image, by the formula named."""

import numpy as np
import pytest
import torch

from featx.exceptions import LayerError, ParameterError
from featx.networks.pooling import POOLINGS, pool

MAPS = torch.randn((2, 3, 4, 5), generator=torch.Generator().manual_seed(0))
TOKENS = torch.randn((2, 7, 3), generator=torch.Generator().manual_seed(1))
FORMULAS = {
    "avg": lambda values: values.mean(2),
    "max": lambda values: values.max(2),
    "avgmax": lambda values: np.hstack([values.mean(2), values.max(2)]),
    "gem": lambda values: np.cbrt((np.maximum(values, 1e-6) ** 3).mean(2)),
}


@pytest.mark.parametrize("pooling", FORMULAS)
def test_feature_maps_are_pooled_over_their_places(pooling):
    expected = FORMULAS[pooling](MAPS.numpy().reshape(2, 3, 20))
    np.testing.assert_allclose(pool(MAPS, pooling), expected, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["flatten", *FORMULAS])
def test_the_place_of_the_channels_makes_no_difference(pooling):
    last = pool(MAPS.permute(0, 2, 3, 1), pooling, channels_last=True)
    assert torch.equal(last, pool(MAPS, pooling))


@pytest.mark.parametrize("pooling", FORMULAS)
def test_prefix_tokens_are_left_out(pooling):
    expected = FORMULAS[pooling](TOKENS.numpy()[:, 2:].transpose(0, 2, 1))
    np.testing.assert_allclose(pool(TOKENS, pooling, prefix_tokens=2), expected, rtol=1e-5)


def test_flatten_keeps_every_value_in_channel_row_column_order():
    assert torch.equal(pool(MAPS, "flatten"), MAPS.reshape(2, -1))
    assert torch.equal(pool(TOKENS, "flatten", prefix_tokens=1), TOKENS.transpose(1, 2).reshape(2, -1))


def test_cls_is_the_first_token():
    assert torch.equal(pool(TOKENS, "cls", prefix_tokens=1), TOKENS[:, 0])


@pytest.mark.parametrize(("output", "prefix"), [(MAPS, 0), (MAPS, 1), (TOKENS, 0)])
def test_cls_needs_a_class_token(output, prefix):
    with pytest.raises(LayerError, match=r"no class token.*Choose pooling='avg'"):
        pool(output, "cls", prefix_tokens=prefix)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_vectors_stay_as_they_are(pooling):
    assert torch.equal(pool(MAPS[:, :, 0, 0], pooling), MAPS[:, :, 0, 0])


@pytest.mark.parametrize("pooling", ["flatten", *FORMULAS])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_low_precision_is_pooled_in_float32(pooling, dtype):
    low = MAPS.to(dtype)
    assert pool(low, pooling).dtype == torch.float32
    assert torch.equal(pool(low, pooling), pool(low.float(), pooling))


def test_gem_of_nothing_but_negatives_is_finite():
    assert pool(-MAPS.abs(), "gem").isfinite().all()


def test_other_shapes_and_names_are_refused():
    with pytest.raises(LayerError, match=r"shape \(2, 3, 4, 5, 1\), which is not a feature map"):
        pool(MAPS[..., None], "avg")
    with pytest.raises(ParameterError, match="pooling='mean'; expected one of avg, max"):
        pool(MAPS, "mean")
