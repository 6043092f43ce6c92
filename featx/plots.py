"""A training history or a confusion matrix and a path go in, a picture in a PNG, SVG or PDF file comes out."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .cache.temporary import replaced
from .constraints import CLASSES, CURVES, PATH
from .exceptions import FeatxError, MissingDependencyError, ParameterError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["check_picture", "plot_confusion_matrix", "plot_history", "save_figure"]

# What would make two files of one figure differ is left out.
METADATA: dict[str, dict[str, None]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}
DPI = 150
# Okabe and Ito's blue and vermilion, which colour-blind readers tell apart.
TRAINING, VALIDATION = "#0072B2", "#D55E00"
HISTORY = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
# Beyond these, points and numbers run into each other.
MOST_MARKED_EPOCHS = 40
MOST_NUMBERED_CLASSES = 15
LONGEST_NAME = 24
# Width of a letter of a class's name, in inches.
LETTER = 0.08


def plot_history(history: Mapping[str, Sequence[float | None]], path: str | os.PathLike[str]) -> None:
    """Draw the training curves: loss and accuracy by epoch, and the best epoch.

    The best epoch is that of the highest validation accuracy; among equals, that of the lowest validation loss, then
    the first.

    Parameters
    ----------
    history : mapping of str to sequence, each of length n_epochs
        `epoch`, `loss`, `accuracy` (a fraction), `val_loss` and `val_accuracy`; None where there is no figure, as
        without validation images. Other keys are not drawn.
    path : str or PathLike
        The extension, .png, .svg or .pdf, says which kind of file.

    Raises
    ------
    FeatxError
        If the file cannot be written.
    MissingDependencyError
        If matplotlib is not installed.
    ParameterError
        If the history is empty or lacks a key, or the extension is another one.
    """
    check_picture(path)
    curves = _curves(history)
    figure = _new_figure(9.0, 3.8)
    axes = figure.subplots(1, 2)
    best = _best_epoch(curves)
    for ax, kind in zip(axes, ("loss", "accuracy"), strict=True):
        _draw_curves(ax, curves, kind, best)
    # Above both, where it covers no curve.
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    save_figure(figure, path)


def plot_confusion_matrix(
    matrix: np.ndarray | Sequence[Sequence[int]], classes: Sequence[Any], path: str | os.PathLike[str]
) -> None:
    """Draw how often each class was taken for each: counts, and the share of the images of the true class.

    Parameters
    ----------
    matrix : array-like of int, shape (k, k)
        Images by true class (rows) and predicted class (columns). Numbers are printed for up to 15 classes.
    classes : sequence of length k
    path : str or PathLike
        The extension, .png, .svg or .pdf, says which kind of file.

    Raises
    ------
    FeatxError
        If the file cannot be written.
    MissingDependencyError
        If matplotlib is not installed.
    ParameterError
        If the matrix is not square, not of counts or not of these classes, or the extension is another one.
    """
    check_picture(path)
    CLASSES.check("classes", classes)
    counts = _checked_matrix(matrix, len(classes))
    k = len(counts)
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
    numbered = k <= MOST_NUMBERED_CLASSES
    names = [_label(name) for name in classes]
    cell = max(0.62, 2.4 / k) if numbered else 0.17
    margin = 0.6 + LETTER * max(map(len, names))
    figure = _new_figure(cell * k + margin + 1.2, cell * k + margin)
    ax = figure.subplots()
    _draw_cells(figure, ax, shares)
    _name_classes(ax, names, cell=cell)
    if numbered:
        _print_numbers(ax, counts, shares)
    right = int(np.trace(counts))
    total = int(counts.sum())
    if total:
        ax.set_title(f"{right:,} of {total:,} right ({_percent(right / total)})", fontsize=11, loc="left")
    save_figure(figure, path)


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Write a figure to a file that is there whole or not at all.

    The same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or PathLike
        The extension, .png, .svg or .pdf, says which kind of file.

    Raises
    ------
    FeatxError
        If the file cannot be written.
    ParameterError
        If the extension is another one.
    """
    import matplotlib

    kind = check_picture(path)
    content = io.BytesIO()
    # Without a salt, matplotlib draws the identifiers within an SVG at random.
    with matplotlib.rc_context({"svg.hashsalt": "featx"}):
        figure.savefig(content, format=kind[1:], dpi=DPI, bbox_inches="tight", metadata=METADATA[kind])
    target = Path(path)
    try:
        with replaced(target) as temporary:
            temporary.write_bytes(content.getvalue())
    except OSError as error:
        raise FeatxError(f"cannot write {target}: {error.strerror or error}", "Choose another place.") from error


def check_picture(path: str | os.PathLike[str]) -> str:
    """Refuse a picture that could not be drawn, before hours are spent on what it is to show.

    Returns
    -------
    str
        The extension in lower case.

    Raises
    ------
    ParameterError
        If it is not that of a PNG, SVG or PDF file.
    MissingDependencyError
        If matplotlib is not installed.
    """
    PATH.check("path", path)
    kind = Path(path).suffix.lower()
    if kind not in METADATA:
        raise ParameterError(
            f"got path={os.fspath(path)!r}; expected a name that ends in {', '.join(METADATA)}",
            "The extension says which kind of file is written.",
        )
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("matplotlib", "a plot", "plot") from error
    return kind


def _new_figure(width: float, height: float) -> Figure:
    """Return a figure of a size in inches that belongs to no window and no global list."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _curves(history: Mapping[str, Sequence[float | None]]) -> dict[str, np.ndarray]:
    """Return what is drawn as float arrays, NaN where there is no figure."""
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
    figures = _percent(accuracy) + (f", loss {loss:.3g}" if math.isfinite(loss) else "")
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


def _draw_cells(figure: Figure, ax: Axes, shares: np.ndarray) -> None:
    from matplotlib.colors import PowerNorm

    # Grey where a class has no images. Confusions are rare: on an even scale, they would be as good as white.
    ax.set_facecolor("0.85")
    image = ax.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))
    bar = figure.colorbar(image, ax=ax, shrink=0.8, ticks=[0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1])
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


def _name_classes(ax: Axes, names: list[str], *, cell: float) -> None:
    size = 9 if len(names) <= MOST_NUMBERED_CLASSES else 7
    upright = LETTER * (max(map(len, names)) + 1) > cell
    ax.set_xticks(range(len(names)), names, rotation=90 if upright else 0, fontsize=size)
    ax.set_yticks(range(len(names)), names, fontsize=size)
    for label in (*ax.get_xticklabels(), *ax.get_yticklabels()):
        # A class may be called "$5".
        label.set_parse_math(False)
    ax.set_xlabel("Predicted class")
    ax.set_ylabel("True class")


def _print_numbers(ax: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        share = float(shares[row, column])
        if not count and not math.isnan(share):
            text = "0"
        else:
            text = f"{count:,}" if math.isnan(share) else f"{count:,}\n{_percent(share)}"
        colour = "white" if share > 0.4 else "black" if count else "0.6"
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=8, linespacing=1.15)


def _label(name: Any) -> str:
    """Return the name of a class on one line, free of what cannot be drawn, its middle left out when it is long."""
    text = " ".join(str(name).encode("utf-8", "replace").decode().split())
    text = "".join(character if character.isprintable() else "?" for character in text)
    half = LONGEST_NAME // 2
    return text if len(text) <= LONGEST_NAME else f"{text[:half]}…{text[1 - half :]}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _tick(share: float, _: float) -> str:
    return f"{100 * share:g} %"
