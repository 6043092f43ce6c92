"""Promised: the training curves of every strategy that trains are drawn, those of all repeats."""

import numpy as np
import pytest

from comparisons import Network, images_of
from featx import ParameterError, compare_strategies, plot_comparison_history


class Trained(Network):
    """Its curves depend on the seed."""

    def fit(self, X, y, groups=None):
        super().fit(X, y)
        falling = (np.array([3.0, 2.0, 1.0]) + self.random_state).tolist()
        self.history_ |= {"loss": falling, "val_loss": [None, 2.5, 2.0]}
        steps = np.linspace(4, 1, 6) + self.random_state
        self.history_["iterations"] = {
            "n_warmup": 0, "loss": steps, "accuracy": 1 / steps,
            "val_iteration": [2, 4, 6], "val_loss": [3.0, 2.5, 2.0], "val_accuracy": [0.6, 0.75, 0.5],
        }  # fmt: skip
        return self


@pytest.fixture(scope="module")
def result():
    strategies = {"first": Trained(0.1), "plain": Network(0.2), "second": Trained(0.3)}
    return compare_strategies(images_of([20, 20]), strategies, repeats=2)


def test_strategies_that_train_have_a_row_each(result, tmp_path):
    axes = plot_comparison_history(result, tmp_path / "curves.svg")
    assert (tmp_path / "curves.svg").exists()
    assert axes.shape == (2, 2)
    assert {ax.get_title(loc="left") for ax in axes[:, 0]} == {
        f"{name}, repeat 1 of 2; thin: the others" for name in ("first", "second")
    }
    loss, accuracy = axes[0]
    lines = [tuple(line.get_ydata()) for line in loss.get_lines()]
    assert (3.0, 2.0, 1.0) in lines  # of the first seed
    assert (4.0, 3.0, 2.0) in lines
    assert accuracy.get_title(loc="right").startswith("best epoch: 2")


def test_they_are_drawn_by_iteration_too(result, tmp_path):
    axes = plot_comparison_history(result, tmp_path / "steps.svg", by="iteration")
    loss, accuracy = axes[0]
    assert loss.get_xlabel() == "Iteration"
    drawn = [list(line.get_ydata()) for line in loss.get_lines()]
    for first in (4, 5):  # of both repeats
        steps = np.linspace(first, first - 3, 6)
        assert any(len(line) == 6 and np.allclose(line, steps) for line in drawn)
    assert accuracy.get_title(loc="right").startswith("best iteration: 4")
    with pytest.raises(ParameterError, match="got by='batch'"):
        plot_comparison_history(result, by="batch")


def test_without_curves_there_is_nothing_to_draw(tmp_path):
    plain = compare_strategies(images_of([20, 20]), {"plain": Network(0.2)}, repeats=1)
    with pytest.raises(ParameterError, match="no strategy has training curves"):
        plot_comparison_history(plain, tmp_path / "a.png")
