"""Promised: a warm-up trains the head alone, as it is told to, and its curves are kept."""

import numpy as np
import pytest
import torch
from torch import nn

from featx import CNNFeatureTransformer, CNNFineTuneClassifier
from featx.exceptions import TrainingError
from featx.finetuning.feeds import CachedFeed, FreshFeed
from featx.finetuning.head import DenseHead
from featx.finetuning.training import Training
from featx.finetuning.warm_up import WarmUp
from trainings import TINY, assert_same, classifier, untouched

# A network that stays as it is, and so does the head after its warm-up.
STILL = {"learning_rate": 0.0, "head_learning_rate": 0.0, "epochs": 1, "batch_size": 8}


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
def test_the_head_is_trained_by_the_optimizer_at_the_rate_as_by_a_plain_loop(data, optimizer):
    X, y = data
    options = {"optimizer": optimizer, "weight_decay": 0.1, "label_smoothing": 0.1, "early_stopping": False}
    fitted = classifier(**STILL, **options, warmup_learning_rate=1e-2, warmup_epochs=3).fit(X, y)
    embeddings = CNNFeatureTransformer(**TINY).fit_transform(X)
    features = torch.from_numpy((embeddings - embeddings.mean(0)) / np.where(embeddings.std(0), embeddings.std(0), 1))
    torch.manual_seed(0)
    layer = nn.Linear(512, 3)
    groups = [{"params": [layer.weight], "weight_decay": 0.1}, {"params": [layer.bias], "weight_decay": 0.0}]
    made = {
        "adamw": lambda: torch.optim.AdamW(groups, lr=1e-2),
        "adam": lambda: torch.optim.Adam(groups, lr=1e-2),
        "sgd": lambda: torch.optim.SGD(groups, lr=1e-2, momentum=0.9),
    }[optimizer]()
    for number in (2, 3, 4):  # after the one epoch of the training, whose number is 1
        for rows in np.array_split(np.random.default_rng([0, number]).permutation(len(X)), 3):
            loss = nn.functional.cross_entropy(layer(features[rows]), torch.from_numpy(y[rows]), label_smoothing=0.1)
            made.zero_grad()
            loss.backward()
            made.step()
    # The boundary is kept in half precision.
    np.testing.assert_allclose(fitted.head_["output.weight"], layer.weight.detach(), atol=5e-3)
    assert fitted.history_["warmup"]["learning_rate"] == [None, 1e-2, 1e-2, 1e-2]


def test_without_a_rate_of_its_own_the_warm_up_is_by_adamw_at_the_rate_of_the_head_or_a_thousandth(data):
    for given, used in ((1e-2, 1e-2), (1e-5, 1e-3)):
        fitted = classifier(head_learning_rate=given, optimizer="sgd", warmup_epochs=2).fit(*data)
        assert fitted.history_["warmup"]["learning_rate"] == [None, used, used]


def test_the_curves_of_the_warm_up_begin_with_the_head_as_it_started(data):
    fitted = classifier(warmup_epochs=8, head_learning_rate=1e-2, epochs=3).fit(*data)
    found = fitted.history_["warmup"]
    assert list(found) == list(fitted.history_)[:7]
    assert found["epoch"] == list(range(9))
    assert {len(values) for values in found.values()} == {9}
    assert found["loss"][0] > found["loss"][8]
    assert found["val_loss"][0] > found["val_loss"][8]
    assert found["val_accuracy"][8] == fitted.initial_validation_accuracy_
    assert "warmup" not in classifier(head_init="logistic").fit(*data).history_
    alone = classifier(warmup_epochs=2, early_stopping=False).fit(*data).history_["warmup"]
    assert alone["val_loss"] == alone["val_accuracy"] == [None] * 3


@pytest.mark.parametrize("bytes_", [8_000_000_000, 0])
def test_with_a_rate_the_head_is_shown_augmented_draws_and_every_epoch_another_order(data, monkeypatch, bytes_):
    seen = []
    kind = CachedFeed if bytes_ else FreshFeed
    read = kind.read
    monkeypatch.setattr(kind, "read", lambda self, rows, epoch: seen.append((epoch, *rows)) or read(self, rows, epoch))
    options = {**STILL, "augmentation": "flips", "boundary_cache_bytes": bytes_, "batch_size": 100, "warmup_epochs": 3}
    classifier(**options, warmup_learning_rate=1e-3).fit(*data)
    epochs = [epoch for epoch, *_ in seen]
    assert [epoch for epoch in epochs if epoch is not None] == [2, 3, 4, 1]
    orders = [tuple(rows) for epoch, *rows in seen if epoch is not None]
    assert len(set(orders)) == 4
    assert len({tuple(sorted(order)) for order in orders}) == 1
    seen.clear()
    classifier(**options).fit(*data)
    assert [epoch for epoch, *_ in seen if epoch is not None] == [1]


def test_nothing_but_the_head_is_trained(data):
    fitted = classifier(**STILL, warmup_learning_rate=1e-2, augmentation="flips", hidden_units=8, dropout=0.5).fit(
        *data
    )
    before = untouched()
    assert all(np.array_equal(before[name], value) for name, value in fitted.state_.items())
    torch.manual_seed(0)
    assert not np.array_equal(fitted.head_["hidden.weight"], DenseHead(512, 3, hidden_units=8).hidden.weight.detach())


@pytest.mark.parametrize(
    ("options", "name"), [({"warmup_learning_rate": 1e30}, "warmup_"), ({"head_learning_rate": 1e30}, "head_")]
)
def test_a_rate_that_diverges_is_named(data, options, name):
    with pytest.raises(TrainingError, match=rf"of the warm-up with {name}learning_rate=1e\+30. Choose a lower rate"):
        classifier(**options, optimizer="sgd").fit(*data)


@pytest.mark.parametrize("rate", [None, 1e-3])
def test_batches_whose_classes_all_weigh_nothing_change_nothing(data, rate):
    options = {"class_weight": {0: 1.0, 1: 0.0, 2: 0.0}, "batch_size": 1, "warmup_epochs": 1, "epochs": 1}
    fitted = classifier(**options, warmup_learning_rate=rate).fit(*data)
    assert np.isfinite(fitted.history_["warmup"]["loss"]).all()
    assert np.isfinite(fitted.predict_proba(data[0])).all()


def test_a_training_that_goes_on_does_not_warm_up_again(data, tmp_path, monkeypatch):
    options = {"warmup_learning_rate": 1e-3, "epochs": 2, "augmentation": "flips", "checkpoint": tmp_path / "a.ckpt"}
    epoch = Training._epoch
    with monkeypatch.context() as patch:
        patch.setattr(Training, "_epoch", lambda self, n: epoch(self, n) if n == 1 else _stop())
        with pytest.raises(KeyboardInterrupt):
            classifier(**options).fit(*data)
    monkeypatch.setattr(WarmUp, "run", lambda *_: pytest.fail("the head was warmed up again"))
    resumed = classifier(**options).fit(*data)
    monkeypatch.undo()
    unbroken = classifier(**{**options, "checkpoint": None}).fit(*data)
    assert_same(resumed.head_, unbroken.head_)
    assert resumed.history_["warmup"]["val_loss"] == unbroken.history_["warmup"]["val_loss"]


def _stop():
    raise KeyboardInterrupt


def test_the_walkthrough_of_keras_is_one_call(data):
    model = CNNFineTuneClassifier(
        **TINY, hidden_units=16, dropout=0.5, optimizer="adam", weight_decay=0.0, schedule="constant",
        head_init="warmup", warmup_learning_rate=1e-4, warmup_epochs=10, augmentation="keras", trainable_layers=4,
        learning_rate=1e-5, head_learning_rate=1e-5, epochs=5, validation_fraction=0.2, patience=5)  # fmt: skip
    model.fit(*data)
    assert model.history_["warmup"]["epoch"] == list(range(11))
    assert set(model.history_["warmup"]["learning_rate"][1:]) == {1e-4}
    assert model.history_["learning_rate"] == [1e-5] * 5
