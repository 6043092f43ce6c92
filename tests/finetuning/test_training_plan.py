"""Promised: the steps of a training are those that it then makes, and planning them computes nothing."""

import numpy as np
import pytest

from featx import CNNFineTuneClassifier
from featx.extraction.steps import HeadFits, Passes
from featx.finetuning.training_plan import Epochs


@pytest.mark.parametrize(
    ("options", "names"),
    [
        (
            {"head_init": "logistic"},
            [*["forward below the trained stages"] * 5, "forward for the head", "fit the head"],
        ),
        ({"head_init": "random", "augmentation": "none"}, ["forward below the trained stages"]),
        ({"head_init": "random", "boundary_cache_bytes": 0}, []),
    ],
)
def test_steps_are_passes_the_head_the_epochs_and_the_prediction(options, names, tiny, forwards):
    X = np.random.default_rng(0).integers(0, 256, (40, 12, 12, 3), dtype=np.uint8)
    classifier = CNNFineTuneClassifier(**{**tiny, "cache": None, "epochs": 3, "test_draws": 2, **options})
    plan = classifier.prepare(X, np.arange(40) % 2).plan()
    rows, tested = np.arange(100, 140), np.arange(7)
    *before, epochs, predict = plan.steps(rows, tested)
    assert forwards.since() == 0
    assert [step.name for step in before] == names
    assert all(set(step.rows) <= set(rows) for step in before if isinstance(step, Passes))
    for step in before:
        if isinstance(step, HeadFits):
            assert step.sizes == [len(plan.train)]
            assert step.passes.rows.tolist() == rows[plan.train].tolist()
    assert isinstance(epochs, Epochs)
    assert (epochs.number, epochs.n_train, epochs.n_validation) == (3, 34, 6)
    assert epochs.cached == bool(options.get("boundary_cache_bytes", True))
    assert (len(predict.rows), predict.kept) == (7 if options.get("augmentation") else 14, False)
