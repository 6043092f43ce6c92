"""Plot the training curves of all strategies of a comparison that train a network."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ..comparison.result import ComparisonResult
from ..constraints import a
from ..exceptions import ParameterError
from .figure_files import check_figure_path, new_axes, save_figure
from .history_plot import TRAINING, VALIDATION, plot_history

if TYPE_CHECKING:
    from matplotlib.lines import Line2D

__all__ = ["plot_comparison_history"]


def plot_comparison_history(result: ComparisonResult, path: str | os.PathLike[str] | None = None) -> np.ndarray:
    """Draw training and validation loss and accuracy of each strategy that trains, at the largest size.

    A row for each strategy shows the curves of the first repeat as `plot_history` does, and those of the other repeats
    as thin lines.

    Parameters
    ----------
    result : ComparisonResult
    path : str or PathLike, default=None
        Where to write the picture; the extension, .png, .svg or .pdf, says which kind of file. Without one the figure
        is pyplot's, which a notebook shows.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (strategies, 2)
        The axes of loss and accuracy.

    Raises
    ------
    FeatxError
        If the file cannot be written.
    MissingDependencyError
        If matplotlib is not installed.
    ParameterError
        If no strategy has training curves, the extension is another one, or `result` is not a result of a comparison.
    """
    a("ComparisonResult", "Pass what compare_strategies returns.").check("result", result)
    if path is not None:
        check_figure_path(path)
    curves = {
        each.strategy: [history for history in each.histories if history and "loss" in history]
        for each in result.sizes[-1].strategies
    }
    curves = {name: histories for name, histories in curves.items() if histories}
    if not curves:
        raise ParameterError(
            "no strategy has training curves",
            "Compare one that trains a network, such as finetuned; runs of an earlier version are not drawn.",
        )
    grid = new_axes(9.0, 3.4 * len(curves), columns=2, rows=len(curves), path=path).reshape(-1, 2)
    shown: dict[str, Line2D] = {}
    for axes, (name, (first, *others)) in zip(grid, curves.items(), strict=True):
        plot_history(first, axes=list(axes))
        # One legend for all rows is above them; what it says of the best epoch is the row's own.
        lines = dict(zip(*axes[1].get_legend_handles_labels()[::-1], strict=True))
        axes[1].get_legend().remove()
        best = next((label for label in lines if label.startswith("best")), "")
        shown |= {label: line for label, line in lines.items() if label != best}
        for ax, kind in zip(axes, ("loss", "accuracy"), strict=True):
            for history in others:
                for key, colour in ((kind, TRAINING), (f"val_{kind}", VALIDATION)):
                    values = [np.nan if value is None else value for value in history[key]]
                    ax.plot(history["epoch"], values, color=colour, linewidth=0.8, alpha=0.4, zorder=1)
            last = max(epoch for history in (first, *others) for epoch in history["epoch"])
            ax.set_xlim(right=max(ax.get_xlim()[1], last + 0.5))
        which = f", repeat 1 of {result.repeats}; thin: the others" if others else ""
        axes[0].set_title(f"{name}{which}", fontsize=11, loc="left", parse_math=False)
        axes[1].set_title(best, fontsize=10, loc="left")
    grid[0, 0].figure.legend(shown.values(), shown, loc="outside upper center", ncols=len(shown), frameon=False)
    if path is not None:
        save_figure(grid[0, 0].figure.figure, path)
    return grid
