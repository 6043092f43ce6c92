"""Promised: every optimizer and schedule trains, with a rate for the network and one for the head."""

from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from featx import CNNFeatureTransformer
from featx.choices import Optimizer
from featx.finetuning.optimization import make_scaler
from trainings import COUNT, TINY, assert_same, classifier, is_same, untouched

SCHEDULES = ["constant", "cosine", "onecycle"]
OPTIMIZERS = get_args(Optimizer)


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        # In the quick form each once.
        pytest.param(optimizer, schedule, marks=[] if (n - m) % len(SCHEDULES) == 0 else pytest.mark.long)
        for n, optimizer in enumerate(OPTIMIZERS)
        for m, schedule in enumerate(SCHEDULES)
    ],
)
def test_every_optimiser_and_schedule_reduces_the_loss(data, optimizer, schedule):
    rate = 3e-2 if optimizer == "sgd" else 1e-3
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


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("optimizer", get_args(Optimizer))
def test_a_head_is_trained_as_by_a_plain_loop_in_pytorch(data, optimizer, weight_decay):
    X, y = data
    options = {"hidden_units": 4, "optimizer": optimizer, "weight_decay": weight_decay, "head_learning_rate": 1e-2}
    fitted = classifier(
        trainable_stages=0, head_init="random", schedule="constant", early_stopping=False, batch_size=6, epochs=3,
        momentum=0.8, **options).fit(X, y)  # fmt: skip
    features = torch.from_numpy(CNNFeatureTransformer(**TINY).fit_transform(X))
    torch.manual_seed(0)
    hidden, output = nn.Linear(512, 4), nn.Linear(4, 3)
    weights = [{"params": [hidden.weight, output.weight], "weight_decay": weight_decay}]
    groups = [*weights, {"params": [hidden.bias, output.bias], "weight_decay": 0.0}]
    made = {
        "adamw": lambda: torch.optim.AdamW(groups, lr=1e-2),
        "adam": lambda: torch.optim.Adam(groups, lr=1e-2),
        "sgd": lambda: torch.optim.SGD(groups, lr=1e-2, momentum=0.8),
    }[optimizer]()
    for epoch in (1, 2, 3):
        for rows in np.array_split(np.random.default_rng([0, epoch]).permutation(COUNT), 4):
            loss = nn.functional.cross_entropy(output(hidden(features[rows]).relu()), torch.from_numpy(y[rows]))
            made.zero_grad()
            loss.backward()
            made.step()
    for name, layer in (("hidden", hidden), ("output", output)):
        np.testing.assert_allclose(fitted.head_[f"{name}.weight"], layer.weight.detach(), rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(fitted.head_[f"{name}.bias"], layer.bias.detach(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_only_losses_in_float16_are_scaled_up(precision):
    scaler = make_scaler(SimpleNamespace(training_precision=precision, device="cpu"))
    assert scaler.is_enabled() is (precision == "float16")
    loss = torch.tensor(1e-6)
    assert (scaler.scale(loss) > 1e-3) == (precision == "float16")
