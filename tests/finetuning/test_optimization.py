"""Promised: every optimizer and schedule trains, with a rate for the network and one for the head."""

import numpy as np
import pytest

from trainings import assert_same, classifier, is_same, untouched


@pytest.mark.parametrize("schedule", ["constant", "cosine", "onecycle"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_every_optimiser_and_schedule_reduces_the_loss(data, optimizer, schedule):
    rate = 1e-3 if optimizer == "adamw" else 3e-2
    options = {"learning_rate": rate, "head_learning_rate": rate, "early_stopping": False, "epochs": 6, "batch_size": 6}
    fitted = classifier(optimizer=optimizer, schedule=schedule, head_init="random", **options).fit(*data)
    assert fitted.history_["loss"][-1] < 0.9 * fitted.history_["loss"][0]
    rates = np.array(fitted.history_["learning_rate"]) / rate
    if schedule == "constant":
        assert rates.tolist() == [1.0] * 6
    if schedule == "cosine":
        np.testing.assert_allclose(rates, (1 + np.cos(np.pi * np.arange(6) / 6)) / 2, atol=1e-6)
    if schedule == "onecycle":
        assert rates.argmax() in (1, 2)
        assert rates[-1] < 0.2 < rates.max() <= 1.0


def test_the_head_has_a_rate_of_its_own(data):
    fitted = classifier(learning_rate=0.0, head_learning_rate=1e-2, early_stopping=False).fit(*data)
    assert is_same(fitted.state_, untouched())
    still = classifier(learning_rate=1e-3, head_learning_rate=0.0, early_stopping=False, head_init="random").fit(*data)
    assert not is_same(still.state_, untouched())
    other = classifier(learning_rate=1e-3, head_learning_rate=0.0, early_stopping=False, head_init="random", epochs=1)
    assert_same(still.head_, other.fit(*data).head_)
