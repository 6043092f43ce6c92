"""Promised: the best epoch is kept, and a training that diverges says so."""

import numpy as np
import pytest
import torch

from featx.exceptions import (
    TrainingError,
    TrainingWarning,
)
from featx.finetuning.fit import FineTuning
from featx.finetuning.settings import ResolvedSettings
from featx.finetuning.training import Training
from trainings import assert_same_training, classifier, coloured, is_same, untouched


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_a_rate_that_diverges_stops_and_keeps_the_best_weights(data, optimizer):
    with pytest.warns(TrainingWarning, match=r"learning_rate=1e\+30.*epoch 0 are kept"):
        fitted = classifier(learning_rate=1e30, optimizer=optimizer, head_learning_rate=1e-3).fit(*data)
    assert fitted.best_epoch_ == 0
    assert is_same(fitted.state_, untouched())
    assert np.isfinite(fitted.predict_proba(data[0])).all()


@pytest.mark.parametrize(
    "options",
    [
        {"head_init": "random", "epochs": 3},
        {"head_init": "random", "epochs": 1, "batch_size": 100},
        {"early_stopping": False, "epochs": 3},
    ],
    ids=str,
)
def test_a_training_that_diverges_before_anything_was_learnt_is_an_error(data, options):
    with pytest.raises(TrainingError, match=r"learning_rate=1e\+30.*Choose (lower rates|a lower rate)"):
        classifier(learning_rate=1e30, head_learning_rate=1e30, optimizer="sgd", **options).fit(*data)


def test_a_last_step_to_nan_is_noticed(data, monkeypatch):
    def step(self, *args):
        with torch.no_grad():
            self.param_groups[0]["params"][0].fill_(torch.nan)

    monkeypatch.setattr(torch.optim.SGD, "step", step)
    options = {"optimizer": "sgd", "epochs": 1, "batch_size": 100, "early_stopping": False}
    with pytest.raises(TrainingError, match="a weight became NaN"):
        classifier(**options).fit(*data)


@pytest.mark.parametrize("head_init", ["logistic", "warmup", "random"])
def test_class_weights_shift_what_is_predicted(head_init):
    X, y = coloured(2, contrast=3)
    rate = 1e-4 if head_init == "random" else 0.0
    options = {"head_init": head_init, "early_stopping": False, "learning_rate": rate, "head_learning_rate": 1e-3}
    if head_init == "warmup":
        options["head_learning_rate"] = 5e-3

    def share(class_weight):
        fitted = classifier(**options, class_weight=class_weight, epochs=4, warmup_epochs=4).fit(X, y)
        return fitted.predict_proba(X)[:, 1].mean()

    plain = share(None)
    assert share({1: 50.0}) > plain + 0.02
    assert plain > share({0: 50.0}) + 0.02


def test_balanced_weights_are_those_of_scikit_learn():
    X, y = coloured(3, 20)
    y[:8] = 0
    counts = np.bincount(y)
    weights = {label: len(y) / (3 * count) for label, count in enumerate(counts)}
    options = {"early_stopping": False}
    assert_same_training(
        classifier(class_weight="balanced", **options).fit(X, y), classifier(class_weight=weights, **options).fit(X, y)
    )


def test_smoothed_labels_keep_the_head_from_certainty(data):
    options = {"epochs": 12, "learning_rate": 1e-3, "early_stopping": False}
    sure = classifier(**options).fit(*data).predict_proba(data[0]).max(axis=1).mean()
    smoothed = classifier(**options, label_smoothing=0.5).fit(*data).predict_proba(data[0]).max(axis=1).mean()
    assert smoothed < sure - 0.05


def test_the_history_has_an_entry_for_each_epoch(data):
    fitted = classifier(epochs=3).fit(*data)
    keys = ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds"]
    assert list(fitted.history_) == [*keys, "warmup", "iterations"]
    assert all(len(fitted.history_[key]) == fitted.n_iter_ == 3 for key in keys)
    assert fitted.history_["epoch"] == [1, 2, 3]
    assert all(isinstance(v, float) for key in keys[1:] for v in fitted.history_[key])
    assert {"extraction", "training", "read", "decode", "forward"} <= set(fitted.timings_)
    assert min(fitted.timings_[part] for part in ("extraction", "training", "forward")) > 0


def test_every_epoch_trains_on_all_images_once_in_an_order_of_its_own(data, monkeypatch):
    seen = []
    step = Training._step
    monkeypatch.setattr(Training, "_step", lambda self, rows, batch: seen.append(rows) or step(self, rows, batch))
    classifier(epochs=5, batch_size=7, early_stopping=False).fit(*data)
    orders = np.concatenate(seen).reshape(5, -1)
    assert (np.sort(orders) == np.arange(len(data[1]))).all()
    assert len(np.unique(orders, axis=0)) == 5
    assert not any((order == np.arange(len(order))).all() for order in orders)
    assert [len(rows) for rows in seen[:4]] == [6, 6, 6, 6]


def test_the_figures_of_the_last_and_the_best_epoch_are_in_the_history(data):
    fitted = classifier(epochs=4, head_learning_rate=1e-2).fit(*data)
    history = fitted.history_
    assert len(history["accuracy"]) == len(history["val_accuracy"]) == fitted.n_iter_
    best = [fitted.initial_validation_accuracy_, *history["val_accuracy"]][fitted.best_epoch_]
    X, y = data
    _, held_out = FineTuning(classifier(), X, np.unique(y), y, None).split()
    assert best == fitted.score(X[held_out], y[held_out])


def test_the_best_epoch_is_kept_and_training_stops_when_patience_ends(data):
    # Weights that run away from a good start.
    options = {"head_init": "logistic", "learning_rate": 0.5, "head_learning_rate": 0.0, "epochs": 9, "patience": 3}
    fitted = classifier(**options).fit(*data)
    history = fitted.history_
    assert fitted.initial_validation_accuracy_ == 1.0
    assert fitted.best_epoch_ + 3 == fitted.n_iter_ < 9
    best = history["val_accuracy"][fitted.best_epoch_ - 1] if fitted.best_epoch_ else 1.0
    assert best == max([1.0, *history["val_accuracy"]])
    assert fitted.score(*data) > 0.9


def test_without_early_stopping_the_last_epoch_is_kept(data):
    fitted = classifier(learning_rate=1e-3, epochs=3, early_stopping=False).fit(*data)
    assert fitted.best_epoch_ == 3
    assert fitted.initial_validation_accuracy_ is None
    assert fitted.history_["val_loss"] == [None] * 3


@pytest.fixture
def in_float16(monkeypatch):
    """Train in float16 on the processor, as a GPU does."""
    monkeypatch.setattr(ResolvedSettings, "training_precision", "float16")


def test_float16_trains_as_float32_does(data, in_float16, monkeypatch):
    options = {"epochs": 2, "learning_rate": 1e-3, "early_stopping": False}
    # Of a loss this small, nearly all gradients are zero in float16 but for the scaling.
    loss = Training._loss
    monkeypatch.setattr(Training, "_loss", lambda self, *given: loss(self, *given) * 1e-6)
    half = classifier(**options, optimizer="adam").fit(*data)
    monkeypatch.setattr(ResolvedSettings, "training_precision", "float32")
    whole = classifier(**options, optimizer="adam").fit(*data)
    moved = {name: whole.state_[name] - start for name, start in untouched().items() if name in whole.state_}
    also = {name: half.state_[name] - start for name, start in untouched().items() if name in half.state_}
    agree = [np.mean(np.sign(moved[name]) == np.sign(also[name])) for name in moved if np.any(moved[name])]
    assert agree
    assert np.mean(agree) > 0.8


def test_a_batch_with_infinite_gradients_is_computed_again(data, in_float16, monkeypatch):
    """Else a short training would lack its first steps: the scale begins high, and is halved each time."""
    monkeypatch.setattr(
        "featx.finetuning.training.make_scaler", lambda settings: torch.amp.GradScaler("cpu", init_scale=2.0**28)
    )
    steps, scales, step, loss = [], [], torch.optim.AdamW.step, Training._loss
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self, *given: steps.append(1) or step(self, *given))
    monkeypatch.setattr(
        Training, "_loss", lambda self, *given: scales.append(self._scaler.get_scale()) or loss(self, *given)
    )
    fitted = classifier(epochs=3, head_init="random", batch_size=4, early_stopping=False).fit(*data)
    assert len(steps) == 3 * 6
    assert len(scales) > 3 * 6
    assert scales == sorted(scales, reverse=True)
    assert np.isfinite(fitted.history_["loss"]).all()


def test_gradients_that_are_infinite_with_any_scale_end_the_training(data, in_float16, monkeypatch):
    loss = Training._loss
    monkeypatch.setattr(Training, "_loss", lambda self, logits, y: loss(self, logits + (logits - logits).sqrt(), y))
    with pytest.raises(TrainingError, match="the gradients became infinite in epoch 1"):
        classifier(early_stopping=False, head_init="random").fit(*data)


def test_a_resumed_training_in_float16_knows_its_scale(data, in_float16, tmp_path):
    options = {"epochs": 3, "batch_size": 8, "early_stopping": False}
    whole = classifier(**options).fit(*data)
    run = Training._epoch

    def stopped(self, epoch):
        if epoch == 3:
            raise KeyboardInterrupt
        run(self, epoch)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Training, "_epoch", stopped)
        classifier(**options, checkpoint=str(tmp_path / "c.pt")).fit(*data)
    assert_same_training(classifier(**options, checkpoint=str(tmp_path / "c.pt")).fit(*data), whole)
