"""Plot the training curves of all strategies of a comparison that train a network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from ..choices import PlotBy
from ..comparison.result import ComparisonResult
from ..constraints import a, one_of
from ..exceptions import ParameterError
from .figure_files import new_axes, written_to_path
from .fonts import LONGEST_STRATEGY, drawable_labels
from .history_plot import TRAINING, VALIDATION, history_curves, plot_history

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

__all__ = ["plot_comparison_history"]


@written_to_path
def plot_comparison_history(
    result: ComparisonResult, path: str | os.PathLike[str] | None = None, *, by: PlotBy = "epoch"
) -> np.ndarray:
    """Draw training and validation loss and accuracy of each strategy that trains, at the largest size.

    A row for each strategy shows the curves of the first repeat as `plot_history` does, with the warm-up of the head if
    there was one, and those of the other repeats as thin lines.

    Parameters
    ----------
    result : ComparisonResult
    path : str or PathLike, default=None
        As for `plot_confusion_matrix`.
    by : {"epoch", "iteration"}, default="epoch"
        As for `plot_history`; of the other repeats, the running mean of the mini-batches is drawn.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (strategies, 2)
        The axes of loss and accuracy.

    Raises
    ------
    FeatxError, MissingDependencyError
        As for `plot_confusion_matrix`.
    ParameterError
        If no strategy has training curves, the extension is another one, or `result` is not a result of a comparison.
    """
    a("ComparisonResult", "Pass what compare_strategies returns.").check("result", result)
    one_of(*get_args(PlotBy)).check("by", by)
    found = {
        each.strategy: [history for history in each.histories if history and "loss" in history]
        for each in result.sizes[-1].strategies
    }
    found = {name: histories for name, histories in found.items() if histories}
    if not found:
        raise ParameterError(
            "no strategy has training curves",
            "Compare one that trains a network, such as finetuned; runs of an earlier version are not drawn.",
        )
    grid = new_axes(9.0, 3.4 * len(found), columns=2, rows=len(found), path=path).reshape(-1, 2)
    shown: dict[str, Line2D] = {}
    names, families = drawable_labels(list(found), LONGEST_STRATEGY)
    font = {"fontfamily": families} if families else {}
    for axes, name, (first, *others) in zip(grid, names, found.values(), strict=True):
        plot_history(first, by=by, axes=list(axes))
        # One legend for all rows is above them; what it says of the best epoch is the row's own.
        lines = dict(zip(*axes[1].get_legend_handles_labels()[::-1], strict=True))
        axes[1].get_legend().remove()
        best = next((label for label in lines if label.startswith("best")), "")
        shown |= {label: line for label, line in lines.items() if label != best}
        for ax, kind in zip(axes, ("loss", "accuracy"), strict=True):
            for curves in (history_curves(history, by) for history in others):
                thin: dict[str, Any] = {"linewidth": 0.8, "alpha": 0.4, "zorder": 1}
                ax.plot(curves.train, curves.smooth(kind), color=TRAINING, **thin)
                ax.plot(curves.validation, curves.values[f"val_{kind}"], color=VALIDATION, **thin)
                # Another repeat may have run for longer.
                ax.set_xlim(right=max(ax.get_xlim()[1], curves.train.max() + 0.5))
        which = f", repeat 1 of {result.repeats}; thin: the others" if others else ""
        axes[0].set_title(f"{name}{which}", fontsize=11, loc="left", parse_math=False, **font)
        # It may be a little wider than its panel: then it begins between the panels, and is not cut off.
        axes[1].set_title(best, fontsize=10, loc="right")
    grid[0, 0].figure.legend(shown.values(), shown, loc="outside upper center", ncols=min(4, len(shown)), frameon=False)
    return grid
