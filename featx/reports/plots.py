"""Plot training curves and confusion matrices, in a notebook, on given axes or in a file."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..constraints import CLASSES, CURVES
from ..display.quantities import percent_text
from ..display.short_names import cell_width
from ..exceptions import ParameterError
from .figure_files import check_figure_path, new_axes, save_figure
from .fonts import drawable_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_confusion_matrix", "plot_history"]

# Okabe and Ito's blue and vermilion, which colour-blind readers can distinguish.
TRAINING, VALIDATION = "#0072B2", "#D55E00"
HISTORY = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
# With more, points and numbers would overlap.
MOST_MARKED_EPOCHS = 40
MOST_NUMBERED_CLASSES = 15
LONGEST_NAME = 24
# Width of a letter of a class's name, in inches.
LETTER = 0.08


def plot_history(
    history: Mapping[str, Sequence[float | None]],
    path: str | os.PathLike[str] | None = None,
    *,
    axes: Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw the training curves: loss and accuracy by epoch, and the best epoch.

    The best epoch has the highest validation accuracy; among equals, the lowest validation loss; then it is the first.

    Parameters
    ----------
    history : mapping of str to sequence, each of length n_epochs
        `epoch`, `loss`, `accuracy` (a fraction), `val_loss` and `val_accuracy`; None where there is no
        value, as without validation images. Other keys are not drawn.
    path : str or PathLike, default=None
        Where to write the picture; the extension, .png, .svg or .pdf, says which kind of file. Without one the figure
        is pyplot's, which a notebook shows.
    axes : sequence of two matplotlib Axes, default=None
        Axes for the loss and the accuracy, to draw on instead of a new figure.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)
        To change the plot; ``axes[0].figure.savefig(...)`` writes it.

    Raises
    ------
    FeatxError
        If the file cannot be written.
    MissingDependencyError
        If matplotlib is not installed.
    ParameterError
        If the history is empty or lacks a key, or the extension is another one.
    """
    if path is not None:
        check_figure_path(path)
    curves = _curves(history)
    best = _best_epoch(curves)
    drawn = new_axes(9.0, 3.8, columns=2, path=path) if axes is None else np.array(axes, dtype=object)
    if drawn.shape != (2,):
        raise ParameterError(f"got axes of shape {drawn.shape}; expected two", "Make them: plt.subplots(1, 2)[1].")
    for ax, kind in zip(drawn, ("loss", "accuracy"), strict=True):
        _draw_curves(ax, curves, kind, best)
    handles, labels = drawn[1].get_legend_handles_labels()
    if axes is None:
        # Above both panels, where it covers no curve.
        drawn[1].figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    else:
        drawn[1].legend(frameon=False)
    if path is not None:
        save_figure(drawn[1].figure.figure, path)
    return drawn


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
    if path is not None:
        check_figure_path(path)
    CLASSES.check("classes", classes)
    counts = _checked_matrix(matrix, len(classes))
    k = len(counts)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    numbered = k <= MOST_NUMBERED_CLASSES
    names, families = drawable_labels(classes, LONGEST_NAME)
    cell = max(0.62, 2.4 / k) if numbered else 0.17
    margin = 0.6 + LETTER * max(map(cell_width, names))
    if ax is None:
        (ax,) = new_axes(cell * k + margin + 1.2, cell * k + margin, path=path)
    _draw_cells(ax, shares, names, families, cell=cell)
    if numbered:
        _print_numbers(ax, counts, shares)
    right = int(np.trace(counts))
    total = int(counts.sum())
    if total:
        ax.set_title(f"{right:,} of {total:,} right ({percent_text(right / total)})", fontsize=11, loc="left")
    if path is not None:
        save_figure(ax.figure.figure, path)
    return ax


def _curves(history: Mapping[str, Sequence[float | None]]) -> dict[str, np.ndarray]:
    """Return the values to draw as float arrays, NaN where there is none."""
    CURVES.check("history", history)
    lacking = [name for name in HISTORY if name not in history]
    if lacking:
        raise ParameterError(
            f"got a history without {', '.join(lacking)}; expected the keys {', '.join(HISTORY)}",
            "Pass the history_ of a fitted classifier.",
        )
    lengths = {len(history[name]) for name in HISTORY}
    if len(lengths) > 1 or lengths == {0}:
        raise ParameterError(
            f"got a history of {' or '.join(map(str, sorted(lengths)))} epochs; expected one figure for each epoch",
            "Pass the history_ of a fitted classifier.",
        )
    return {name: np.array([math.nan if v is None else v for v in history[name]], float) for name in HISTORY}


def _best_epoch(curves: dict[str, np.ndarray]) -> int | None:
    """Return the position of the best epoch, or None without validation."""
    rows = np.flatnonzero(np.isfinite(curves["val_accuracy"]))
    if not len(rows):
        return None
    losses = np.nan_to_num(curves["val_loss"][rows], nan=math.inf)
    return int(rows[np.lexsort((losses, -curves["val_accuracy"][rows]))[0]])


def _draw_curves(ax: Axes, curves: dict[str, np.ndarray], kind: str, best: int | None) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = curves["epoch"]
    marker = "o" if len(epochs) <= MOST_MARKED_EPOCHS else ""
    for name, label, colour in ((kind, "training", TRAINING), (f"val_{kind}", "validation", VALIDATION)):
        if np.isfinite(curves[name]).any():
            ax.plot(epochs, curves[name], color=colour, marker=marker, markersize=3.5, linewidth=1.6, label=label)
    if best is not None:
        ax.axvline(epochs[best], color="0.45", linewidth=1, linestyle="--", zorder=1, label=_best_label(curves, best))
        ax.plot(
            epochs[best], curves[f"val_{kind}"][best], "o", ms=9, markerfacecolor="none", markeredgecolor=VALIDATION
        )
    ax.set_xlabel("Epoch")
    ax.set_ylabel(kind.capitalize())
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)
    if kind == "accuracy":
        ax.yaxis.set_major_formatter(_tick)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _best_label(curves: dict[str, np.ndarray], best: int) -> str:
    accuracy, loss = float(curves["val_accuracy"][best]), float(curves["val_loss"][best])
    figures = percent_text(accuracy) + (f", loss {loss:.3g}" if math.isfinite(loss) else "")
    return f"best epoch: {curves['epoch'][best]:g} ({figures})"


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
    from sklearn.metrics import ConfusionMatrixDisplay

    # Grey where a class has no images. Confusions are rare: on a linear scale they would be almost white.
    ax.set_facecolor("0.85")
    upright = LETTER * (max(map(cell_width, names)) + 1) > cell
    display = ConfusionMatrixDisplay(shares, display_labels=names)
    display.plot(ax=ax, cmap="Blues", include_values=False, colorbar=False,
                 xticks_rotation="vertical" if upright else "horizontal",
                 im_kw={"norm": PowerNorm(0.5, vmin=0, vmax=1)})  # fmt: skip
    for label in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        label.set_fontsize(9 if len(names) <= MOST_NUMBERED_CLASSES else 7)
        # A class may be called "$5".
        label.set_parse_math(False)
        if families:
            label.set_fontfamily(families)
    ax.set(xlabel="Predicted class", ylabel="True class")
    ticks = [0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1]
    bar = ax.figure.colorbar(display.im_, ax=ax, shrink=0.8, ticks=ticks)
    bar.ax.yaxis.set_major_formatter(_tick)
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


def _tick(share: float, _: float) -> str:
    return f"{100 * share:g} %"
