"""Promised: what lies below the trained part is computed once for each image and draw."""

import logging

import numpy as np
import pytest
import torch
from torch import nn

from featx import CNNFineTuneClassifier
from featx.cache import EmbeddingCache
from trainings import COUNT, assert_same_training, classifier


@pytest.mark.parametrize("augmentation", ["none", "light"])
@pytest.mark.parametrize("cache", ["auto", None])
def test_images_pass_below_the_boundary_once(data, forwards, augmentation, cache):
    options = {"augmentation": augmentation, "augment_draws": 2, "head_init": "random", "cache": cache, "epochs": 3}
    fitted = classifier(**options).fit(*data)
    needed = COUNT if augmentation == "none" else 4 + 2 * (COUNT - 4)
    assert forwards.since() == needed
    assert fitted.forwarded_ == {"needed": needed, "forwarded": needed}
    again = classifier(**options).set_params(learning_rate=1e-3).fit(*data)
    assert forwards.since() == again.forwarded_["forwarded"] == (0 if cache else needed)


def test_without_a_boundary_cache_nothing_is_kept(data, forwards, own_cache):
    fitted = classifier(boundary_cache_bytes=0, head_init="random").fit(*data)
    assert fitted.forwarded_ == {"needed": 0, "forwarded": 0}
    assert not list(own_cache.rglob("*.h5"))


def test_a_cached_boundary_gives_what_an_uncached_one_gives(data):
    cached = classifier().fit(*data)
    fresh = classifier(boundary_cache_bytes=0).fit(*data)
    assert cached.history_["val_accuracy"] == fresh.history_["val_accuracy"]
    np.testing.assert_allclose(cached.history_["loss"], fresh.history_["loss"], rtol=0.02)
    np.testing.assert_allclose(cached.predict_proba(data[0]), fresh.predict_proba(data[0]), atol=0.02)


def large_below():
    """A network whose first layer has values beyond the range of float16."""
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 8, 3)
    with torch.no_grad():
        first.weight *= 1e7
        second.weight *= 1e-7
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.mark.parametrize("augmentation", ["none", "flips"])
def test_values_beyond_the_range_of_float16_are_kept_as_bfloat16(data, own_cache, remarks, augmentation):
    options = {"trainable_layers": 3, "image_size": 24, "augmentation": augmentation}
    cached = CNNFineTuneClassifier(large_below(), **options, epochs=2).fit(*data)
    assert cached.forwarded_["needed"] > 0
    assert [remark.count("beyond the range of float16; it is kept as bfloat16") for remark in remarks()].count(1) == 1
    kinds = {info.spec.pooling for info in EmbeddingCache(own_cache).info() if info.spec.pooling.startswith("map")}
    assert "map:bfloat16" in kinds
    again = CNNFineTuneClassifier(large_below(), **options, epochs=2).fit(*data)
    assert_same_training(cached, again)
    if augmentation == "none":
        fresh = CNNFineTuneClassifier(large_below(), **options, epochs=2, boundary_cache_bytes=0).fit(*data)
        np.testing.assert_allclose(cached.history_["loss"], fresh.history_["loss"], rtol=0.1)


def test_a_boundary_that_is_too_large_is_logged_and_done_without(data, caplog):
    with caplog.at_level(logging.WARNING, "featx"):
        fitted = classifier(boundary_cache_bytes=1000).fit(*data)
    assert "more than boundary_cache_bytes" in caplog.text
    assert_same_training(fitted, classifier(boundary_cache_bytes=0).fit(*data))
