"""Promised: two trainings have one identity exactly if they come to the same result, whatever machine they run on."""

import numpy as np
import pytest

from featx.finetuning.fit import FineTuning
from featx.finetuning.training_identity import training_identity
from trainings import classifier, coloured


def identity(*, keys=b"images", **options):
    _, y = coloured()
    training = FineTuning(classifier(cache=None, **options), [None] * len(y), np.unique(y), y, None)
    _, validation = training.split()
    return training_identity(training, training.trunk, validation, keys)


@pytest.fixture(scope="module")
def known():
    return identity()


@pytest.mark.parametrize("options", [{"n_jobs": 1}, {"verbose": True}, {"device": "cpu"}, {"test_draws": 2}], ids=str)
def test_what_does_not_change_the_trained_network_does_not_count(options, known):
    assert identity(**options) == known


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"keys": b"others"}, ["images and labels"]),
        ({"dropout": 0.25}, ["head"]),
        ({"warmup_epochs": 3}, ["warmup_epochs"]),
        ({"head_init": "random", "warmup_epochs": 3}, ["head", "warmup_epochs"]),
        ({"random_state": 1}, ["seed", "validation part", "weights"]),
    ],
    ids=str,
)
def test_what_changes_it_is_named(options, names, known):
    other = identity(**options)
    assert sorted(name for name in known if other[name] != known[name]) == names
