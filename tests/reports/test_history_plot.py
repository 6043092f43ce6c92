"""Promised: the curves of a training are drawn as they are, however many epochs there are."""

import math
import re

import numpy as np
import pytest

from featx.exceptions import ParameterError
from featx.reports.history_plot import plot_history
from plotted import HISTORY, width

matplotlib = pytest.importorskip("matplotlib")


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_history_shows_both_curves_in_both_panels(tmp_path, figures):
    plot_history(HISTORY, tmp_path / "h.png")
    for ax, kind in zip(figures[0].axes, ("loss", "accuracy"), strict=True):
        curves = {line.get_label(): list(line.get_ydata()) for line in ax.lines if line.get_label()[0] != "_"}
        assert curves["training"] == HISTORY[kind]
        assert curves["validation"] == HISTORY[f"val_{kind}"]
        assert ax.get_ylabel() == kind.capitalize()
        assert ax.get_xlabel() == "Epoch"
    ticks = [label.get_text() for label in figures[0].axes[1].get_yticklabels()]
    assert all(re.fullmatch(r"\d+ %", tick) for tick in ticks)


def test_the_best_epoch_is_that_of_the_highest_accuracy_then_the_lowest_loss(tmp_path, figures):
    plot_history(HISTORY, tmp_path / "h.png")
    assert legend(figures[0]) == ["training", "validation", "best epoch: 4 (78.0 %, loss 0.55)"]
    plot_history({**HISTORY, "val_loss": [0.9, 0.8, 0.5, 0.5, 0.7]}, tmp_path / "h.png")
    assert legend(figures[1])[-1].startswith("best epoch: 3 ")
    plot_history({**HISTORY, "val_loss": [0.9, 0.8, math.nan, 0.6, 0.7]}, tmp_path / "h.png")
    assert legend(figures[2])[-1].startswith("best epoch: 4 ")
    plot_history({**HISTORY, "epoch": [11, 12, 13, 14, 15]}, tmp_path / "h.png")
    assert legend(figures[3])[-1].startswith("best epoch: 14 ")


def test_without_validation_only_training_is_drawn(tmp_path, figures):
    plot_history({**HISTORY, "val_loss": [None] * 5, "val_accuracy": [None] * 5}, tmp_path / "h.png")
    assert legend(figures[0]) == ["training"]
    assert [len(ax.lines) for ax in figures[0].axes] == [1, 1]


def test_gaps_in_the_validation_are_skipped(tmp_path, figures):
    gaps = {"val_loss": [None, 0.8, None, 0.5, None], "val_accuracy": [None, 0.7, None, 0.8, None]}
    plot_history({**HISTORY, **gaps}, tmp_path / "h.png")
    assert legend(figures[0])[-1] == "best epoch: 4 (80.0 %, loss 0.5)"
    plot_history({**HISTORY, "val_loss": [None] * 5}, tmp_path / "h.png")
    assert legend(figures[1])[-1] == "best epoch: 3 (78.0 %)"


@pytest.mark.parametrize("n", [1, 2, 60, 400])
def test_any_number_of_epochs(n, tmp_path):
    history = {name: np.linspace(0.2, 0.9, n) for name in ("loss", "accuracy", "val_loss", "val_accuracy")}
    plot_history({**history, "epoch": np.arange(1, n + 1)}, tmp_path / "h.png")
    assert width(tmp_path / "h.png") > 1000


def test_diverged_training_is_drawn_as_far_as_it_goes(tmp_path):
    wrong = [1.0, 5.0, math.inf, math.nan, math.nan]
    plot_history({**HISTORY, "loss": wrong, "val_loss": wrong}, tmp_path / "h.png")
    plot_history({**HISTORY, "loss": [math.nan] * 5, "val_loss": [math.nan] * 5}, tmp_path / "h.png")


def test_histories_that_are_none_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="got a history without val_loss; expected the keys"):
        plot_history({k: v for k, v in HISTORY.items() if k != "val_loss"}, tmp_path / "h.png")
    with pytest.raises(ParameterError, match="history of 0 epochs"):
        plot_history({name: [] for name in HISTORY}, tmp_path / "h.png")
    with pytest.raises(ParameterError, match="history of 4 or 5 epochs"):
        plot_history({**HISTORY, "loss": [1.0] * 4}, tmp_path / "h.png")
    assert not list(tmp_path.glob("h.png"))
