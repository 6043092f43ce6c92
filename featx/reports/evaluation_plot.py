"""Plot what `fit` found: each candidate with the interval of its accuracy, and recall and precision of each class."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ..constraints import a
from .figure_files import new_axes, written_to_path
from .fonts import drawable_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..heads.results import EvaluationResult

__all__ = ["plot_evaluation"]

# Okabe and Ito's colours, which colour-blind readers can distinguish.
RECALL, PRECISION, OTHER = "#0072B2", "#E69F00", "0.45"
MOST_CANDIDATES = 20
LONGEST_NAME = 24
# Of more classes, the hardest.
MOST_CLASSES = 40
# Heights of a row, of one of more than so many, and of what surrounds the rows, and the least height of all, in inches.
ROW, NARROW_ROW, MANY, AROUND, LEAST = 0.26, 0.18, 20, 1.3, 2.6


@written_to_path
def plot_evaluation(
    result: EvaluationResult, path: str | os.PathLike[str] | None = None, *, axes: np.ndarray | None = None
) -> np.ndarray:
    """Draw the candidates as dots with 95 % intervals, and each class as a bar of its recall with a dot for precision.

    Candidates are in decreasing order of what the tuning maximised, at most 20 of them; classes in increasing order of
    F1, so that the hardest is at the top, the hardest 40 of more.

    Parameters
    ----------
    result : EvaluationResult
    path : str or PathLike, default=None
        As for `plot_confusion_matrix`.
    axes : sequence of two matplotlib Axes, default=None
        Axes for the candidates and the classes, to draw on instead of a new figure.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)

    Raises
    ------
    FeatxError, MissingDependencyError
        As for `plot_confusion_matrix`.
    ParameterError
        If the extension is another one, or `result` is not a result of heads.
    """
    a("EvaluationResult", "Pass the evaluation of what fit_model returns.").check("result", result)
    shown = result.candidates[:MOST_CANDIDATES]
    classes = sorted((row for row in result.per_class if row["support"]), key=lambda row: (row["f1"], row["recall"]))
    n_rows = max(len(shown), min(len(classes), MOST_CLASSES))
    height = max(LEAST, AROUND + _row_height(n_rows) * n_rows)
    drawn = new_axes(11.0, height, columns=2, path=path) if axes is None else np.asarray(axes, dtype=object)
    _draw_candidates(drawn[0], result)
    _draw_classes(drawn[1], classes)
    for ax in drawn:  # rows of one height, the few of them at the top
        ax.set_ylim(n_rows - 0.4, -0.6)
        if n_rows > MANY:  # the scale beside the first rows, too
            ax.tick_params(axis="x", top=True, labeltop=True)
    return drawn


def _draw_candidates(ax: Axes, result: EvaluationResult) -> None:
    shown = result.candidates[:MOST_CANDIDATES]
    places = np.arange(len(shown))
    for place, candidate in zip(places, shown, strict=True):
        estimate = candidate.metrics["accuracy"]
        colour = RECALL if candidate.picked else OTHER
        ax.plot([estimate.low, estimate.high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        ax.plot(estimate.value, place, "o" if candidate.picked else "s", color=colour, markersize=7, clip_on=False)
    names = [f"{c.label or c.head}, {c.place}" + (" (picked)" if c.picked else "") for c in shown]
    left = len(result.candidates) - len(shown)
    ax.set_title("Candidates" + (f", the first {len(shown)} of {len(result.candidates):,}" if left else ""), loc="left")
    _finish(ax, names, "Accuracy, with its 95 % interval where there is one")
    ax.axvline(result.baseline.accuracy, color="0.6", linewidth=1, linestyle=":", label="always the largest class")
    low = min(result.baseline.accuracy, *(np.nanmin([c.metrics["accuracy"].low, c.metrics["accuracy"].value])
                                          for c in shown))  # fmt: skip
    ax.set_xlim(max(0.0, low - 0.05), 1.01)
    ax.legend(loc="lower right", frameon=False, fontsize=8)


def _row_height(n_rows: int) -> float:
    return ROW if n_rows <= MANY else NARROW_ROW


def _draw_classes(ax: Axes, classes: list[dict[str, Any]]) -> None:
    rows = classes[:MOST_CLASSES]
    places = np.arange(len(rows))
    recall, precision = (np.array([row[name] for row in rows]) for name in ("recall", "precision"))
    ax.barh(places, recall, color=RECALL, height=0.7, label="recall (true positive rate)")
    ax.plot(
        precision, places, "D", color=PRECISION, markeredgecolor="black", markersize=5, clip_on=False, label="precision"
    )
    names, families = drawable_labels([row["class"] for row in rows], LONGEST_NAME)
    _finish(ax, [f"{name} ({row['support']:,})" for name, row in zip(names, rows, strict=True)], "Share of images")
    for tick in ax.get_yticklabels() if families else ():
        tick.set_fontfamily(families)
    which = "hardest first" if len(rows) == len(classes) else f"the {len(rows)} hardest of {len(classes):,}"
    ax.set_title(f"Classes, {which} (test images)", loc="left")
    ax.set_xlim(0, 1.01)
    below = -0.35 / max(1.0, _row_height(len(rows)) * len(rows))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, below), ncols=2, frameon=False, fontsize=8)


def _finish(ax: Axes, names: list[str], label: str) -> None:
    ax.set_yticks(range(len(names)), names, fontsize=8)
    for tick in ax.get_yticklabels():
        # A class may be called "$5".
        tick.set_parse_math(False)
    ax.set_xlabel(label)
    ax.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
