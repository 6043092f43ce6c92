"""Plot confusion matrices, in a notebook, on given axes or in a file."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..constraints import CLASSES
from ..display.quantities import percent_text
from ..display.short_names import cell_width
from ..exceptions import ParameterError
from .figure_files import new_axes, percent_tick, written_to_path
from .fonts import drawable_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["confusion_size", "plot_confusion_matrix"]

MOST_NUMBERED_CLASSES = 15
LONGEST_NAME = 24
# Width of a letter of a class's name, in inches.
LETTER = 0.08


@written_to_path
def plot_confusion_matrix(
    matrix: np.ndarray | Sequence[Sequence[int]],
    classes: Sequence[Any],
    path: str | os.PathLike[str] | None = None,
    *,
    ax: Axes | None = None,
) -> Axes:
    """Draw a confusion matrix: counts, and the share of the images of the true class.

    Parameters
    ----------
    matrix : array-like of int, shape (k, k)
        Images by true class (rows) and predicted class (columns). Numbers are printed for up to 15 classes.
    classes : sequence of length k
    path : str or PathLike, default=None
        Where to write the picture; the extension, .png, .svg or .pdf, says which kind of file. Without one the figure
        is pyplot's, which a notebook shows.
    ax : matplotlib Axes, default=None
        Axes to draw on instead of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FeatxError
        If the file cannot be written.
    MissingDependencyError
        If matplotlib is not installed.
    ParameterError
        If the matrix is not square, not of counts or not of these classes, or the extension is another one.
    """
    CLASSES.check("classes", classes)
    counts = _checked_matrix(matrix, len(classes))
    k = len(counts)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    numbered = k <= MOST_NUMBERED_CLASSES
    names, families = drawable_labels(classes, LONGEST_NAME)
    if ax is None:
        (ax,) = new_axes(*confusion_size(classes), path=path)
    _draw_cells(ax, shares, names, families, cell=_cell(k))
    if numbered:
        _print_numbers(ax, counts, shares)
    right = int(np.trace(counts))
    total = int(counts.sum())
    if total:
        ax.set_title(f"{right:,} of {total:,} right ({percent_text(right / total)})", fontsize=11, loc="left")
    return ax


def confusion_size(classes: Sequence[Any]) -> tuple[float, float]:
    """Return the width and height in inches at which a confusion matrix of these classes can be read."""
    side = _cell(len(classes)) * len(classes)
    margin = 0.6 + LETTER * max(map(cell_width, drawable_labels(classes, LONGEST_NAME)[0]))
    return side + margin + 1.2, side + margin


def _cell(k: int) -> float:
    """Return the side of a cell in inches."""
    return max(0.62, 2.4 / k) if k <= MOST_NUMBERED_CLASSES else 0.17


def _checked_matrix(matrix: Any, n_classes: int) -> np.ndarray:
    try:
        counts = np.asarray(matrix)
    except ValueError as error:
        raise ParameterError("got a confusion matrix whose rows differ in length", "Pass one count a class.") from error
    if counts.shape != (n_classes, n_classes) or not n_classes:
        raise ParameterError(
            f"got a confusion matrix of shape {counts.shape} and {n_classes} classes; expected one row and one column "
            "for each class",
            "Pass the classes in the order of the rows.",
        )
    if counts.dtype.kind not in "iuf" or not (np.isfinite(counts) & (counts == np.floor(counts)) & (counts >= 0)).all():
        raise ParameterError("got a confusion matrix that does not hold counts", "Pass numbers of images, not shares.")
    return counts.astype(np.int64)


def _draw_cells(ax: Axes, shares: np.ndarray, names: list[str], families: list[str], *, cell: float) -> None:
    from matplotlib.colors import PowerNorm

    # Grey where a class has no images. Confusions are rare: on a linear scale they would be almost white.
    ax.set_facecolor("0.85")
    # scikit-learn's ConfusionMatrixDisplay would do, but it imports pyplot, which chooses a backend for the process.
    image = ax.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))
    upright = LETTER * (max(map(cell_width, names)) + 1) > cell
    size = 9 if len(names) <= MOST_NUMBERED_CLASSES else 7
    ax.set_xticks(range(len(names)), names, rotation=90 if upright else 0, fontsize=size)
    ax.set_yticks(range(len(names)), names, fontsize=size)
    for label in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        # A class may be called "$5".
        label.set_parse_math(False)
        if families:
            label.set_fontfamily(families)
    ax.set(xlabel="Predicted class", ylabel="True class")
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.8, ticks=[0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1])
    bar.ax.yaxis.set_major_formatter(percent_tick)
    bar.ax.minorticks_off()
    bar.set_label("Share of the true class")
    bar.outline.set_visible(False)
    edges = np.arange(len(shares) + 1) - 0.5
    ax.set_xticks(edges, minor=True)
    ax.set_yticks(edges, minor=True)
    ax.grid(which="minor", color="white", linewidth=1.0 if len(shares) <= MOST_NUMBERED_CLASSES else 0.4)
    ax.tick_params(which="both", length=0)
    ax.spines[:].set_visible(False)


def _print_numbers(ax: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        share = float(shares[row, column])
        if not count and not math.isnan(share):
            text = "0"
        else:
            text = f"{count:,}" if math.isnan(share) else f"{count:,}\n{percent_text(share)}"
        colour = "white" if share > 0.4 else "black" if count else "0.6"
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=8, linespacing=1.15)
