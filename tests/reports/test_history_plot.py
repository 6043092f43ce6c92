"""Promised: the curves of a training are drawn as they are, however many epochs there are."""

import math
import re

import numpy as np
import pytest

from featx.display.json_values import as_json
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


WARM_UP = {
    "epoch": [0, 1, 2],
    "loss": [1.5, 1.2, 1.1],
    "accuracy": [0.3, 0.5, 0.55],
    "val_loss": [1.4, 0.4, 1.0],
    "val_accuracy": [0.3, 0.95, 0.58],
}
STEPS = {
    "n_warmup": 4,
    "loss": np.linspace(2, 1, 14, dtype="float32"),
    "accuracy": np.linspace(0, 0.9, 14, dtype="float32"),
    "val_iteration": np.array([0, 2, 4, 6, 8, 10, 12, 14]),
    "val_loss": np.array([*WARM_UP["val_loss"], *HISTORY["val_loss"]], "float32"),
    "val_accuracy": np.array([*WARM_UP["val_accuracy"], *HISTORY["val_accuracy"]], "float32"),
}
BOTH = {**HISTORY, "warmup": WARM_UP, "iterations": STEPS}


def lines(ax):
    return {line.get_label(): line for line in ax.lines if line.get_label()[0] != "_"}


def ground(ax):
    """Return from where to where the ground is grey."""
    (patch,) = ax.patches
    box = patch.get_bbox() if hasattr(patch, "get_bbox") else patch.get_path().get_extents()
    return box.x0, box.x1


def test_the_epochs_of_the_warm_up_come_first_on_grey_ground(tmp_path, figures):
    plot_history(BOTH, tmp_path / "h.png")
    for ax, kind in zip(figures[0].axes, ("loss", "accuracy"), strict=True):
        found = lines(ax)
        for name, curve in (("training", kind), ("validation", f"val_{kind}")):
            assert list(found[name].get_xdata()) == [0, 1, 2, 3, 4, 5, 6, 7]
            assert list(found[name].get_ydata()) == [*WARM_UP[curve], *HISTORY[curve]]
        assert ground(ax) == (-0.5, 2)
    assert legend(figures[0])[2:] == [
        "best epoch: 6, 4 after the warm-up (78.0 %, loss 0.55)",
        "warm-up: the head alone",
    ]


def test_of_the_warm_up_only_its_end_may_be_best(tmp_path, figures):
    better = {**WARM_UP, "val_accuracy": [0.3, 0.95, 0.8]}
    plot_history({**BOTH, "warmup": better}, tmp_path / "h.png")
    assert legend(figures[0])[2] == "best epoch: 2, the end of the warm-up (80.0 %, loss 1)"


def test_every_mini_batch_and_the_validation_are_drawn_by_iteration(tmp_path, figures):
    plot_history(BOTH, tmp_path / "h.png", by="iteration")
    for ax, kind in zip(figures[0].axes, ("loss", "accuracy"), strict=True):
        found = lines(ax)
        assert list(found["training, mini-batches"].get_xdata()) == list(range(1, 15))
        assert list(found["training, mini-batches"].get_ydata()) == STEPS[kind].tolist()
        # What is seen after four steps is the result of the warm-up, whose ground ends before the fifth.
        assert list(found["validation"].get_xdata()) == [0, 2, 4.5, 6, 8, 10, 12, 14]
        assert list(found["validation"].get_ydata()) == STEPS[f"val_{kind}"].tolist()
        assert ground(ax) == (-0.5, 4.5)
        assert ax.get_xlabel() == "Iteration"
    assert legend(figures[0])[2] == "best iteration: 12 (78.0 %, loss 0.55)"


@pytest.mark.parametrize("n", [1, 79, 80, 10_001])
def test_many_iterations_have_a_running_mean_in_each_phase(tmp_path, n):
    rng = np.random.default_rng(0)
    steps = {"n_warmup": n // 2, "loss": rng.random(n), "accuracy": rng.random(n)}
    nothing = {"val_iteration": [], "val_loss": [], "val_accuracy": []}
    ax, _ = plot_history({**HISTORY, "iterations": {**steps, **nothing}}, tmp_path / "h.svg", by="iteration")
    window = min(200, n // 40)
    assert len(ax.lines) == (1 if n == 1 else 2) + (2 if window > 1 else 0)
    assert ("running mean" in legend(ax.figure)) == (window > 1)
    assert (tmp_path / "h.svg").stat().st_size < 500_000
    if window > 1:
        whole = [line for line in ax.lines if line.get_linewidth() == 1.6]
        for line, part in zip(whole, (steps["loss"][: n // 2], steps["loss"][n // 2 :]), strict=True):
            expected = [part[max(0, end - window) : end].mean() for end in range(1, len(part) + 1, 97)]
            np.testing.assert_allclose(line.get_ydata()[::97], expected)


def test_a_history_as_json_holds_it_is_drawn_too(tmp_path, figures):
    plot_history(as_json(BOTH), tmp_path / "h.png", by="iteration")
    plot_history(as_json(BOTH), tmp_path / "h.png")
    assert len(figures) == 2


def test_histories_without_iterations_are_drawn_by_epoch_alone(tmp_path):
    with pytest.raises(ParameterError, match="got a history without iterations"):
        plot_history(HISTORY, tmp_path / "h.png", by="iteration")
    with pytest.raises(ParameterError, match="got a history without iterations: val_loss"):
        lacking = {name: curve for name, curve in STEPS.items() if name != "val_loss"}
        plot_history({"iterations": lacking}, tmp_path / "h.png", by="iteration")
    with pytest.raises(ParameterError, match="loss and accuracy differ in number"):
        plot_history({"iterations": {**STEPS, "loss": [1.0]}}, tmp_path / "h.png", by="iteration")
    with pytest.raises(ParameterError, match="got by='step'; expected one of epoch, iteration"):
        plot_history(HISTORY, tmp_path / "h.png", by="step")


def test_histories_that_are_none_are_refused(tmp_path):
    with pytest.raises(ParameterError, match="got a history without val_loss; expected the keys"):
        plot_history({k: v for k, v in HISTORY.items() if k != "val_loss"}, tmp_path / "h.png")
    with pytest.raises(ParameterError, match="history of 0 epochs"):
        plot_history({name: [] for name in HISTORY}, tmp_path / "h.png")
    with pytest.raises(ParameterError, match="history of 4 or 5 epochs"):
        plot_history({**HISTORY, "loss": [1.0] * 4}, tmp_path / "h.png")
    assert not list(tmp_path.glob("h.png"))
