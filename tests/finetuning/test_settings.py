"""Promised: a bad parameter is named before any image is forwarded; all that matter identify a training."""

import inspect
from dataclasses import fields

import numpy as np
import pytest

from featx import CNNFineTuneClassifier
from featx.exceptions import ParameterError
from featx.finetuning.settings import TrainingSettings
from trainings import assert_same_training, classifier

BAD = {
    "epochs": [0, -1, 1.5, True, "3", None],
    "batch_size": [0, -10, 2.5, None],
    "augment_draws": [0, 1.5],
    "test_draws": [0, "2"],
    "patience": [0, None],
    "warmup_epochs": [0, -3],
    "warmup_learning_rate": [-1e-4, 0.0, np.inf, "auto", True],
    "random_state": [-1, None, 2**32, np.random.RandomState(0)],
    "boundary_cache_bytes": [-1, 8e9],
    "learning_rate": [-1e-4, np.nan, np.inf, "1e-4", "AUTO", None, True],
    "head_learning_rate": [-1.0, np.nan, "auto"],
    "momentum": [-0.1, 1.0],
    "weight_decay": [-1.0, np.inf],
    "dropout": [-0.1, 1.0, None],
    "label_smoothing": [-0.1, 1.0],
    "validation_fraction": [0.0, 1.0, -0.2, "some"],
    "hidden_units": [0, -5, 2.5, True, (8, 0), [], "8,4"],
    "head_init": ["svm", None],
    "batch_norm": ["train", True],
    "optimizer": ["rmsprop", None],
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
    with pytest.raises(ParameterError, match=r"head_init='logistic' with hidden_units.*'warmup', or leave"):
        classifier(head_init="logistic", hidden_units=8).fit(*data)


def test_the_default_head_rate_is_three_times_the_other(data):
    assert_same_training(
        classifier(learning_rate=1e-3).fit(*data), classifier(learning_rate=1e-3, head_learning_rate=3e-3).fit(*data)
    )


# Of each setting, another value than that of `classifier()`.
OTHER = {
    "trainable_stages": 2,
    "trainable_layers": 3,
    "head_init": "random",
    "hidden_units": 4,
    "dropout": 0.25,
    "warmup_epochs": 3,
    "warmup_learning_rate": 1e-4,
    "batch_norm": "update",
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "head_learning_rate": 0.5,
    "momentum": 0.5,
    "weight_decay": 0.5,
    "schedule": "constant",
    "epochs": 3,
    "batch_size": 5,
    "label_smoothing": 0.25,
    "class_weight": "balanced",
    "early_stopping": False,
    "validation_fraction": 0.5,
    "patience": 2,
    "augmentation": "flips",
    "boundary_cache_bytes": 0,
    "augment_draws": 2,
    "test_draws": 2,
    "checkpoint": "a.checkpoint",
    "precision": "bfloat16",
    "device": "cpu",
    "n_jobs": 2,
    "random_state": 1,
    "verbose": True,
}
# These say which network there is and how images reach it, which its source knows; the cache changes no result.
OF_THE_SOURCE = {"backbone", "weights", "layer", "pooling", "cache_key", "image_size", "resize", "image_shape",
                 "value_range", "cache"}  # fmt: skip
# The trained network is the same whatever they are.
WITHOUT_EFFECT = {"test_draws", "checkpoint", "device", "n_jobs", "verbose"}


def resolved(**options):
    return TrainingSettings.of(classifier(**options)).resolved(from_scratch=False, begins_at_random=False)


def test_every_parameter_is_a_setting_or_one_of_the_source():
    names = {each.name for each in fields(TrainingSettings)}
    assert names | OF_THE_SOURCE == set(inspect.signature(CNNFineTuneClassifier).parameters)
    assert not names & OF_THE_SOURCE
    assert set(OTHER) == names


@pytest.mark.parametrize("name", OTHER)
def test_a_setting_says_whether_the_result_depends_on_it(name):
    entry = next(each for each in fields(TrainingSettings) if each.name == name).metadata["entry"]
    assert (entry is None) == (name in WITHOUT_EFFECT)
    known, other = resolved().entries(), resolved(**{name: OTHER[name]}).entries()
    assert entry is None or known[entry] != other[entry]
    assert entry is not None or known == other


def test_settings_are_of_pythons_own_types():
    given = classifier(epochs=np.int64(3), learning_rate=1, dropout=np.float32(0.5), early_stopping=np.True_)
    found = TrainingSettings.of(given)
    values = [found.epochs, found.learning_rate, found.dropout, found.early_stopping]
    assert [type(value) for value in values] == [int, float, float, bool]
    assert found.hidden_units is None


@pytest.mark.parametrize(
    ("given", "units"), [(4, 4), ([4], 4), ((6, 4), (6, 4)), (np.array([6, 4]), (6, 4)), (np.int32(4), 4)], ids=str
)
def test_hidden_units_are_those_of_one_layer_or_of_each(given, units):
    found = TrainingSettings.of(classifier(hidden_units=given))
    assert found.hidden_units == units
    named = f"warmup, {str(units).strip('()')} hidden units, dropout 0"
    assert resolved(hidden_units=given).entries()["head"] == named


def test_what_is_resolved_leaves_nothing_to_choose():
    found = resolved(head_init="auto", epochs="auto")
    assert "auto" not in {found.learning_rate, found.epochs, found.patience, found.head_init}
    assert (found.head_init, found.warmup_epochs) == ("logistic", 0)
    assert resolved(early_stopping=False).patience is None
    assert found.resolved(from_scratch=True, begins_at_random=True) == found
