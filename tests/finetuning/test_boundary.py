"""Promised: what lies below the trained part is computed once for each image and draw."""

import logging

import numpy as np
import pytest
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
    fitted = classifier(boundary_cache=False, head_init="random").fit(*data)
    assert fitted.forwarded_ == {"needed": 0, "forwarded": 0}
    assert not list(own_cache.rglob("*.h5"))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float16", 0.02), ("bfloat16", 0.1)])
def test_a_cached_boundary_gives_what_an_uncached_one_gives(data, dtype, tolerance):
    cached = classifier(boundary_dtype=dtype).fit(*data)
    fresh = classifier(boundary_cache=False).fit(*data)
    assert cached.history_["val_accuracy"] == fresh.history_["val_accuracy"]
    np.testing.assert_allclose(cached.history_["loss"], fresh.history_["loss"], rtol=tolerance)
    np.testing.assert_allclose(cached.predict_proba(data[0]), fresh.predict_proba(data[0]), atol=tolerance)


def test_a_boundary_that_is_too_large_is_logged_and_done_without(data, caplog):
    with caplog.at_level(logging.WARNING, "featx"):
        fitted = classifier(boundary_cache_bytes=1000).fit(*data)
    assert "more than boundary_cache_bytes" in caplog.text
    assert_same_training(fitted, classifier(boundary_cache=False).fit(*data))
