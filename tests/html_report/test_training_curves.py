"""Promised: every curve of a history that is known is drawn, and nothing is needed of it."""

import numpy as np

from featx.html_report.training_curves import training_curves

HISTORY = {"epoch": [1, 2, 3], "loss": [1.0, 0.5, 0.4], "accuracy": [0.5, 0.8, 0.9],
           "val_loss": [None] * 3, "val_accuracy": [None] * 3, "learning_rate": [0.1, 0.1, 0.01],
           "more": {"a": 1}}  # fmt: skip


def test_what_a_history_holds_is_drawn():
    charts = training_curves(HISTORY, best_epoch=2)
    assert [chart["name"] for chart in charts] == ["loss by epoch", "accuracy by epoch", "learning rate by epoch"]
    assert charts[0]["legend"] == []
    assert "training from 1 to 0.4" in charts[0]["svg"]
    both = training_curves({**HISTORY, "val_loss": [1.1, 0.6, 0.7]}, best_epoch=2)
    assert [entry["label"] for entry in both[0]["legend"]] == ["training", "validation"]


def test_a_history_of_other_keys_gives_no_chart():
    assert training_curves({"epoch": [], "loss": []}, best_epoch=0) == []
    assert training_curves({"iterations": [1, 2]}, best_epoch=0) == []


def test_the_epochs_of_a_warm_up_come_first():
    warmup = {name: [value[0], *value[:2]] for name, value in HISTORY.items() if name != "more"} | {"epoch": [0, 1, 2]}
    charts = training_curves({**HISTORY, "warmup": warmup}, best_epoch=2)
    assert "from 0 the warm-up" in charts[0]["svg"]
    assert "training, epoch 5: 0.4" in charts[0]["svg"]  # two epochs of the warm-up and three more
    assert "the warm-up ends" in charts[0]["svg"]
    assert "the epoch that was kept" in charts[0]["svg"]


def test_mini_batches_are_drawn_as_means_of_several_where_they_are_many():
    steps = {"n_warmup": 0, "loss": np.linspace(2, 1, 1000, dtype=np.float32), "accuracy": np.ones(1000, np.float32),
             "val_iteration": [500, 1000], "val_loss": [1.5, 1.2], "val_accuracy": [0.7, 0.8]}  # fmt: skip
    by_epoch, by_iteration = (training_curves({**HISTORY, "iterations": found}, best_epoch=2) for found in ({}, steps))
    new = by_iteration[len(by_epoch) :]
    assert [chart["name"] for chart in new] == ["loss by iteration", "accuracy by iteration"]
    assert [entry["label"] for entry in new[0]["legend"]] == ["training, means of 4 mini-batches", "validation"]
    assert "validation, iteration 500: 1.5" in new[0]["svg"]
    assert len(new[0]["svg"]) < 20_000
