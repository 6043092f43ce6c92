"""Promised: the traits of a strategy are those that its training has, with "auto" resolved."""

from dataclasses import replace

import numpy as np
from sklearn.svm import LinearSVC

from comparisons import Network
from featx import CNNFeatureTransformer, make_strategy
from featx.comparison.strategy_traits import StrategyTraits, strategy_traits
from featx.images.augmentation import PRESETS

LABELS = np.array(["a", "b"] * 10)


def traits(name, **parameters):
    transformer = CNNFeatureTransformer("squeezenet1_1", weights=None, image_size=32)
    found = strategy_traits(make_strategy(name, transformer, parameters=parameters), LABELS)
    source = transformer.source()
    if "image_size" not in parameters:
        assert (found.weights_digest, found.preprocessing) == (source.weights_digest, source.preprocessing)
    return replace(found, weights_digest=None, preprocessing=None, augmentation=None, augment_draws=None)


def test_rates_and_epochs_are_resolved():
    assert traits("finetuned") == StrategyTraits("squeezenet1_1", 32, 3e-5, 9e-5, 10, 0)
    assert traits("scratch", image_size=64, epochs=5) == StrategyTraits("squeezenet1_1", 64, 1e-3, 1e-3, 5, 0)
    warm = traits("finetuned", head_init="warmup", warmup_epochs=7, warmup_learning_rate=1e-2)
    assert (warm.warmup_epochs, warm.warmup_learning_rate) == (7, 1e-2)
    assert traits("finetuned", learning_rate=1e-4, head_learning_rate=1e-2).head_learning_rate == 1e-2
    head = traits("finetuned", trainable_stages=0, head_learning_rate=1e-2)  # no stage has a rate
    assert (head.learning_rate, head.head_learning_rate) == (None, 1e-2)


def test_a_strategy_that_trains_has_its_augmentation():
    transformer = CNNFeatureTransformer("squeezenet1_1", weights=None, image_size=32)
    parameters = {"augmentation": "flips", "augment_draws": 3}
    found = strategy_traits(make_strategy("finetuned", transformer, parameters=parameters), LABELS)
    assert (found.augmentation, found.augment_draws) == (PRESETS["flips"], 3)


def test_frozen_features_have_a_network_and_no_rate_and_others_have_neither():
    assert traits("frozen") == StrategyTraits("squeezenet1_1", 32)
    transformer = CNNFeatureTransformer("squeezenet1_1", weights=None, image_size=32, value_range=(0, 4095))
    assert strategy_traits(make_strategy("frozen", transformer), LABELS).value_range == (0, 4095)
    assert strategy_traits(Network(), LABELS) == strategy_traits(LinearSVC(), LABELS) == StrategyTraits()
