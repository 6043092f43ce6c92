"""Plot the confusion matrices of all strategies of a comparison side by side."""

from __future__ import annotations

import math
import os

import numpy as np

from ..comparison.result import ComparisonResult
from ..constraints import a
from ..exceptions import ParameterError
from .figure_files import new_axes, written_to_path
from .fonts import LONGEST_STRATEGY, drawable_labels
from .plots import confusion_size, plot_confusion_matrix

__all__ = ["plot_comparison_confusion"]

# Matrices that are wider than this together, in inches, are drawn in several rows.
WIDEST = 24.0


@written_to_path
def plot_comparison_confusion(result: ComparisonResult, path: str | os.PathLike[str] | None = None) -> np.ndarray:
    """Draw the confusion matrix of each strategy at the largest size, the most accurate strategy first.

    Each has the test images of all repeats: an image that several repeats test counts as often.

    Parameters
    ----------
    result : ComparisonResult
    path : str or PathLike, default=None
        As for `plot_confusion_matrix`.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (strategies,)

    Raises
    ------
    FeatxError, MissingDependencyError
        As for `plot_confusion_matrix`.
    ParameterError
        If the extension is another one, or `result` is not a result of a comparison.
    """
    a("ComparisonResult", "Pass what compare_strategies returns.").check("result", result)
    found = [each for each in result.sizes[-1].strategies if each.confusion is not None]
    if not found:
        raise ParameterError("got a result without confusion matrices", "Compare again.")
    width, height = confusion_size(result.classes)
    columns = min(len(found), max(1, int(WIDEST // width)))
    rows = math.ceil(len(found) / columns)
    # A line above each matrix says whose it is.
    grid = new_axes(columns * width, rows * (height + 0.5), columns=columns, rows=rows, path=path)
    names, families = drawable_labels([each.strategy for each in found], LONGEST_STRATEGY)
    font = {"fontfamily": families} if families else {}
    for ax, each, name in zip(grid, found, names, strict=False):
        assert each.confusion is not None
        plot_confusion_matrix(each.confusion, result.classes, ax=ax)
        right = ax.get_title(loc="left")
        ax.set_title(f"{name}\n{right}", fontsize=11, loc="left", parse_math=False, **font)
    for ax in grid[len(found) :]:
        ax.remove()
    return grid[: len(found)]
