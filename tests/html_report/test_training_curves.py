"""Promised: every curve of a history that is known is drawn, and nothing is needed of it."""

from featx.html_report.training_curves import training_curves

HISTORY = {"epoch": [1, 2, 3], "loss": [1.0, 0.5, 0.4], "accuracy": [0.5, 0.8, 0.9],
           "val_loss": [None] * 3, "val_accuracy": [None] * 3, "learning_rate": [0.1, 0.1, 0.01],
           "more": {"a": 1}}  # fmt: skip


def test_what_a_history_holds_is_drawn():
    charts = training_curves(HISTORY, best_epoch=2)
    assert [chart["name"] for chart in charts] == ["loss", "accuracy", "learning rate"]
    assert charts[0]["legend"] == []
    assert "training from 1 to 0.4" in charts[0]["svg"]
    both = training_curves({**HISTORY, "val_loss": [1.1, 0.6, 0.7]}, best_epoch=2)
    assert [entry["label"] for entry in both[0]["legend"]] == ["training", "validation"]


def test_a_history_of_other_keys_gives_no_chart():
    assert training_curves({"epoch": [], "loss": []}, best_epoch=0) == []
    assert training_curves({"iterations": [1, 2]}, best_epoch=0) == []
