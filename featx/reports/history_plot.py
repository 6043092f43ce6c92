"""Plot training curves, in a notebook, on given axes or in a file."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..constraints import CURVES
from ..display.quantities import percent_text
from ..exceptions import ParameterError
from .figure_files import check_figure_path, new_axes, percent_tick, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_history"]

# Okabe and Ito's blue and vermilion, which colour-blind readers can distinguish.
TRAINING, VALIDATION = "#0072B2", "#D55E00"
HISTORY = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
# With more, points and numbers would overlap.
MOST_MARKED_EPOCHS = 40


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
        ax.yaxis.set_major_formatter(percent_tick)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _best_label(curves: dict[str, np.ndarray], best: int) -> str:
    accuracy, loss = float(curves["val_accuracy"][best]), float(curves["val_loss"][best])
    figures = percent_text(accuracy) + (f", loss {loss:.3g}" if math.isfinite(loss) else "")
    return f"best epoch: {curves['epoch'][best]:g} ({figures})"
