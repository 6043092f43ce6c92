"""Promised: a parameter with a value that is not accepted is named before any image is forwarded."""

import numpy as np
import pytest

from featx.exceptions import (
    ParameterError,
)
from trainings import assert_same_training, classifier

BAD = {
    "epochs": [0, -1, 1.5, True, "3", None],
    "batch_size": [0, -10, 2.5, None],
    "augment_draws": [0, 1.5],
    "test_draws": [0, "2"],
    "patience": [0, None],
    "warmup_epochs": [0, -3],
    "random_state": [-1, None, 2**32, np.random.RandomState(0)],
    "boundary_cache_bytes": [-1, 8e9],
    "learning_rate": [-1e-4, np.nan, np.inf, "1e-4", "AUTO", None, True],
    "head_learning_rate": [-1.0, np.nan, "auto"],
    "momentum": [-0.1, 1.0],
    "weight_decay": [-1.0, np.inf],
    "dropout": [-0.1, 1.0, None],
    "label_smoothing": [-0.1, 1.0],
    "validation_fraction": [0.0, 1.0, -0.2, "some"],
    "hidden_units": [0, -5, 2.5, True],
    "head_init": ["svm", None],
    "batch_norm": ["train", True],
    "optimizer": ["adam", None],
    "schedule": ["linear", None],
    "class_weight": ["even", 5, {9: 1.0}, {1: -2.0}, {1: "much"}],
    "augmentation": ["strong", 5],
    "trainable_stages": [-1, 1.5, None],
    "trainable_layers": [0, "2"],
    "precision": ["double"],
    "device": ["tpu9", None],
    "layer": [-1, ["features.12"]],
    "pooling": ["mean"],
    "n_jobs": [0],
    "cache": [5],
    "image_size": [0],
    "resize": ["pad"],
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, values in BAD.items() for v in values], ids=str)
def test_bad_parameters_are_named_before_any_image_is_forwarded(data, name, value, forwards):
    with pytest.raises(ParameterError) as caught:
        classifier(**{name: value}).fit(*data)
    assert name in str(caught.value)
    shown = value
    if isinstance(value, dict):
        shown = 9 if 9 in value else value[1]
    assert repr(shown) in str(caught.value)
    assert forwards.since() == 0


def test_class_weights_that_are_all_zero_are_refused(data):
    weights = dict.fromkeys(np.unique(data[1]).tolist(), 0)
    with pytest.raises(ParameterError, match=r"got class_weight=.*above 0"):
        classifier(class_weight=weights).fit(*data)


def test_a_logistic_head_has_no_hidden_layer(data):
    with pytest.raises(ParameterError, match=r"head_init='logistic' with hidden_units.*head_init='warmup'"):
        classifier(head_init="logistic", hidden_units=8).fit(*data)


def test_the_default_head_rate_is_three_times_the_other(data):
    assert_same_training(
        classifier(learning_rate=1e-3).fit(*data), classifier(learning_rate=1e-3, head_learning_rate=3e-3).fit(*data)
    )
