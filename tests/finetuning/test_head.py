"""Promised: the head standardises and scores as a logistic regression does, with torch and without."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from featx.finetuning.head import DenseHead, head_probabilities

RNG = np.random.default_rng(0)
FEATURES = RNG.normal(3, 2, size=(40, 5)).astype(np.float32)


def probabilities(head, features):
    head.eval()
    with torch.no_grad():
        return head(torch.from_numpy(features)).softmax(1).numpy()


@pytest.mark.parametrize("hidden_units", [None, 4, (4,), (6, 4, 5)])
def test_probabilities_are_the_same_with_torch_and_without(hidden_units):
    torch.manual_seed(0)
    head = DenseHead(5, 3, hidden_units=hidden_units, dropout=0.5)
    head.standardise(FEATURES)
    state = {name: value.numpy() for name, value in head.state_dict().items()}
    found = head_probabilities(state, FEATURES)
    np.testing.assert_allclose(found, probabilities(head, FEATURES), rtol=1e-5)
    np.testing.assert_array_equal(head_probabilities(state, FEATURES[:1]), found[:1])


def test_the_layers_are_those_of_a_plain_sequence():
    head = DenseHead(5, 3, hidden_units=(6, 4), dropout=0.5).eval()
    assert list(head.state_dict())[2:] == [
        f"{layer}.{kind}" for layer in ("hidden", "hidden2", "output") for kind in ("weight", "bias")
    ]
    plain = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 3))
    plain.load_state_dict(
        dict(zip(plain.state_dict(), [v for n, v in head.state_dict().items() if "." in n], strict=True))
    )

    def scores(module):
        torch.manual_seed(1)
        with torch.no_grad():
            return module(torch.from_numpy(FEATURES))

    torch.testing.assert_close(scores(head), scores(plain.eval()))
    # Dropout acts before the class layer only.
    torch.testing.assert_close(scores(head.train()), scores(plain.train()))


def test_probabilities_of_large_logits_are_finite():
    state = {"mean": np.zeros(2), "scale": np.ones(2), "output.weight": 1e4 * np.eye(2), "output.bias": np.zeros(2)}
    assert head_probabilities(state, np.array([[1.0, 0.0], [0.0, 1.0]])).tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_constant_features_are_only_centred():
    head = DenseHead(2, 2)
    head.standardise(np.array([[1.0, 7.0], [3.0, 7.0]], np.float32))
    assert head.mean.tolist() == [2.0, 7.0]
    assert head.scale.tolist() == [1.0, 1.0]
    # Their mean in float64 is not exact, and one of them may be the next number.
    tenths = np.full(100, 0.1, np.float32)
    near = np.where(np.arange(100) == 3, np.nextafter(np.float32(0.1), np.float32(1)), tenths)
    head.standardise(np.stack([tenths, near], axis=1))
    assert head.scale.tolist() == [1.0, 1.0]
    head.standardise(np.stack([tenths, tenths * (1 + np.arange(100, dtype=np.float32) * 1e-4)], axis=1))
    assert 0 < head.scale[1] < 1e-3


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_logistic_regression_is_taken_over(n_classes):
    y = np.arange(40) % n_classes
    probe = make_pipeline(StandardScaler(), LogisticRegression()).fit(FEATURES, y)
    head = DenseHead(5, n_classes)
    head.take_over(probe)
    np.testing.assert_allclose(probabilities(head, FEATURES), probe.predict_proba(FEATURES), atol=1e-5)
