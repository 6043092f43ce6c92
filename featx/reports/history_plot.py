"""Plot training curves by epoch or by iteration, in a notebook, on given axes or in a file."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from ..choices import PlotBy
from ..constraints import CURVES, one_of
from ..display.quantities import percent_text
from ..exceptions import ParameterError
from .figure_files import new_axes, percent_tick, written_to_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["HistoryCurves", "history_curves", "plot_history"]

# Okabe and Ito's blue and vermilion, which colour-blind readers can distinguish.
TRAINING, VALIDATION = "#0072B2", "#D55E00"
HISTORY = ("epoch", "loss", "accuracy", "val_loss", "val_accuracy")
ITERATIONS = ("n_warmup", "loss", "accuracy", "val_iteration", "val_loss", "val_accuracy")
# With more, points and numbers would overlap.
MOST_MARKED_EPOCHS = 40
# The running mean is over a fortieth of the iterations, so that its noise is a few times smaller, but of so many.
MEAN_PARTS, MOST_AVERAGED = 40, 200
# With more, a line of SVG or PDF would be megabytes: it is drawn as pixels.
MOST_DRAWN_AS_LINES = 10_000


@written_to_path
def plot_history(
    history: Mapping[str, Any],
    path: str | os.PathLike[str] | None = None,
    *,
    by: PlotBy = "epoch",
    axes: Sequence[Axes] | None = None,
) -> np.ndarray:
    """Draw the training curves: loss and accuracy by epoch or iteration, the warm-up of the head, and the best epoch.

    The best epoch has the highest validation accuracy; among equals, the lowest validation loss; then it is the first.
    It may be the head at the end of its warm-up, on grey ground, but no earlier epoch of that.

    Parameters
    ----------
    history : mapping of str to sequence, each of length n_epochs
        `epoch`, `loss`, `accuracy` (a fraction), `val_loss` and `val_accuracy`; None where there is no
        value, as without validation images. `warmup`, if it is there, is a mapping with the same keys, whose epochs
        are drawn first. `iterations` is what is drawn by iteration; see `CNNFineTuneClassifier`. Other keys are not
        drawn.
    path : str or PathLike, default=None
        As for `plot_confusion_matrix`.
    by : {"epoch", "iteration"}, default="epoch"
        "iteration" draws each mini-batch as a thin line, their running mean, and the validation at the ends of epochs.
        The mean is over a fortieth of the iterations, at most 200, and over those of one phase.
    axes : sequence of two matplotlib Axes, default=None
        Axes for the loss and the accuracy, to draw on instead of a new figure.

    Returns
    -------
    ndarray of matplotlib.axes.Axes, shape (2,)
        To change the plot; ``axes[0].figure.savefig(...)`` writes it.

    Raises
    ------
    FeatxError, MissingDependencyError
        As for `plot_confusion_matrix`.
    ParameterError
        If the history is empty or lacks a key, or the extension is another one.
    """
    one_of(*get_args(PlotBy)).check("by", by)
    curves = history_curves(history, by)
    drawn = new_axes(9.0, 3.8, columns=2, path=path) if axes is None else np.array(axes, dtype=object)
    if drawn.shape != (2,):
        raise ParameterError(f"got axes of shape {drawn.shape}; expected two", "Make them: plt.subplots(1, 2)[1].")
    for ax, kind in zip(drawn, ("loss", "accuracy"), strict=True):
        _draw_curves(ax, curves, kind)
    handles, labels = drawn[1].get_legend_handles_labels()
    if axes is None:
        # Above both panels, where it covers no curve.
        drawn[1].figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False)
    else:
        drawn[1].legend(frameon=False)
    return drawn


def history_curves(history: Mapping[str, Any], by: PlotBy) -> HistoryCurves:
    """Return what is drawn of a history; parameters and errors as for `plot_history`."""
    return _epochs(history) if by == "epoch" else _iterations(history)


@dataclass(frozen=True)
class HistoryCurves:
    """What is drawn: values by place on the x axis.

    `values` are loss and accuracy at the places `train`, and val_loss and val_accuracy at the places `validation`.
    `border` is where the warm-up ends, None without one; `names` says what a place of the validation is called.
    """

    unit: str
    train: np.ndarray
    validation: np.ndarray
    values: dict[str, np.ndarray]
    names: Sequence[str]
    border: float | None
    noisy: bool = False

    def smooth(self, kind: str) -> np.ndarray:
        """Return the training loss or accuracy; of mini-batches, the running mean."""
        values = self.values[kind]
        return _running_mean(values, max(1, _window(values))) if self.noisy else values

    @property
    def best(self) -> int | None:
        """The number of the best place of the validation, or None without validation."""
        found = np.isfinite(self.values["val_accuracy"])
        if self.border is not None:
            found &= self.validation >= self.border
        rows = np.flatnonzero(found)
        if not len(rows):
            return None
        losses = np.nan_to_num(self.values["val_loss"][rows], nan=math.inf)
        return int(rows[np.lexsort((losses, -self.values["val_accuracy"][rows]))[0]])


def _epochs(history: Mapping[str, Any]) -> HistoryCurves:
    """Return the curves by epoch: those of the warm-up, if there was one, and then those of the training."""
    values = _checked(history, "epoch")
    names = [f"{epoch:g}" for epoch in values["epoch"]]
    if "warmup" not in history:
        return HistoryCurves("epoch", values["epoch"], values["epoch"], values, names, None)
    first = _checked(history["warmup"], "epoch")
    border = float(first["epoch"][-1])
    places = np.concatenate([first["epoch"], border + values["epoch"]])
    joined = {name: np.concatenate([first[name], values[name]]) for name in HISTORY}
    names = [
        f"{place:g}, {name} after the warm-up" for place, name in zip(border + values["epoch"], names, strict=True)
    ]
    names = [f"{place:g}, the end of the warm-up" for place in first["epoch"]] + names
    return HistoryCurves("epoch", places, places, joined, names, border)


def _iterations(history: Mapping[str, Any]) -> HistoryCurves:
    """Return the curves by iteration, those of the warm-up first."""
    CURVES.check("history", history)
    found = history.get("iterations")
    lacking = [name for name in ITERATIONS if found is None or name not in found]
    if found is None or lacking:
        what = "iterations" if found is None else f"iterations: {', '.join(lacking)}"
        raise ParameterError(f"got a history without {what}", "Pass the history_ of a fitted classifier.")
    values = {name: _floats(found[name]) for name in ITERATIONS[1:]}
    for one, other in (("loss", "accuracy"), ("val_loss", "val_accuracy"), ("val_loss", "val_iteration")):
        if len(values[one]) != len(values[other]) or not len(values["loss"]):
            raise ParameterError(
                f"got a history of {len(values['loss'])} iterations in which {one} and {other} differ in number, or "
                "without any",
                "Pass the history_ of a fitted classifier.",
            )
    n_warm_up = int(found["n_warmup"])
    border = n_warm_up + 0.5 if n_warm_up else None
    places = values["val_iteration"]
    # What is validated after the last step of the warm-up is its result.
    shown = np.where(places == n_warm_up, n_warm_up + 0.5, places) if n_warm_up else places
    names = [f"{place:g}" for place in places]
    steps = np.arange(1, len(values["loss"]) + 1)
    return HistoryCurves("iteration", steps, shown, values, names, border, noisy=True)


def _checked(history: Any, unit: str) -> dict[str, np.ndarray]:
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
            f"got a history of {' or '.join(map(str, sorted(lengths)))} {unit}s; expected one figure for each {unit}",
            "Pass the history_ of a fitted classifier.",
        )
    return {name: _floats(history[name]) for name in HISTORY}


def _floats(values: Sequence[float | None]) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values], float)


def _draw_curves(ax: Axes, curves: HistoryCurves, kind: str) -> None:
    from matplotlib.ticker import MaxNLocator

    begin, end = min(curves.train.min(), curves.validation.min(initial=math.inf)), curves.train.max()
    margin = max(0.5, 0.01 * (end - begin))
    values, held_out = curves.values[kind], curves.values[f"val_{kind}"]
    marker = "o" if len(curves.validation) <= MOST_MARKED_EPOCHS else ""
    if curves.noisy:
        _draw_mini_batches(ax, curves, values)
    elif np.isfinite(values).any():
        ax.plot(curves.train, values, color=TRAINING, marker=marker, markersize=3.5, linewidth=1.6, label="training")
    if np.isfinite(held_out).any():
        style: dict[str, Any] = {"color": VALIDATION, "marker": marker, "markersize": 3.5, "linewidth": 1.6}
        ax.plot(curves.validation, held_out, **style, label="validation")
    if (best := curves.best) is not None:
        place = curves.validation[best]
        label = f"best {curves.unit}: {_best_text(curves, best)}"
        ax.axvline(place, color="0.45", linewidth=1, linestyle="--", zorder=1, label=label)
        ax.plot(place, held_out[best], "o", ms=9, markerfacecolor="none", markeredgecolor=VALIDATION)
    if curves.border is not None:
        ax.axvspan(begin - margin, curves.border, color="0.94", zorder=0, linewidth=0, label="warm-up: the head alone")
        ax.axvline(curves.border, color="0.6", linewidth=0.8, zorder=1)
    ax.set_xlabel(curves.unit.capitalize())
    ax.set_ylabel(kind.capitalize())
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set_xlim(begin - margin, end + margin)
    if kind == "accuracy":
        ax.yaxis.set_major_formatter(percent_tick)
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def _draw_mini_batches(ax: Axes, curves: HistoryCurves, values: np.ndarray) -> None:
    """Draw each mini-batch as a thin line, and the running mean of each phase."""
    as_pixels = len(values) > MOST_DRAWN_AS_LINES
    window = _window(values)
    style: dict[str, Any] = {"color": TRAINING, "rasterized": as_pixels, "label": "training, mini-batches"}
    if window < 2:
        ax.plot(curves.train, values, **style, linewidth=1.0, marker="o", markersize=2.5)
        return
    ax.plot(curves.train, values, **style, linewidth=0.6, alpha=0.4)
    border = 0 if curves.border is None else int(curves.border)
    label = "running mean"
    for part in (slice(0, border), slice(border, None)):
        if len(values[part]):
            mean = _running_mean(values[part], window)
            ax.plot(curves.train[part], mean, color=TRAINING, linewidth=1.6, rasterized=as_pixels, label=label)
            label = "_"


def _window(values: np.ndarray) -> int:
    return min(MOST_AVERAGED, len(values) // MEAN_PARTS)


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Return the mean of each value and those before it, `window` together or as many as there are."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def _best_text(curves: HistoryCurves, best: int) -> str:
    accuracy, loss = float(curves.values["val_accuracy"][best]), float(curves.values["val_loss"][best])
    figures = percent_text(accuracy) + (f", loss {loss:.3g}" if math.isfinite(loss) else "")
    return f"{curves.names[best]} ({figures})"
