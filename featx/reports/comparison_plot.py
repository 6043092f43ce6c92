"""Plot the accuracy of compared strategies against training size, in a notebook, on given axes or in a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ..comparison.result import ComparisonResult, CurveResult
from ..constraints import a
from .figure_files import new_axes, written_to_path
from .fonts import LONGEST_STRATEGY, drawable_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["plot_comparison"]

# The colours of Okabe and Ito, and different markers, so that curves differ in grey too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
# Most letters of a line of the legend, above the axes.
LEGEND_LETTERS = 100


@written_to_path
def plot_comparison(
    result: ComparisonResult, path: str | os.PathLike[str] | None = None, *, ax: Axes | None = None
) -> Axes:
    """Draw accuracy against training size: a curve with its band of 95 % intervals for each strategy.

    A strategy that trained on fewer images than the others has its points where these are. Where each size has its own
    test images, the axis says so. A dashed line beyond the largest size is a power law's extrapolation to twice the
    images, with an error bar for its interval, on a shaded background labelled "extrapolated".

    Parameters
    ----------
    result : ComparisonResult
    path : str or PathLike, default=None
        As for `plot_confusion_matrix`.
    ax : matplotlib Axes, default=None
        Axes to draw on instead of a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FeatxError, MissingDependencyError
        As for `plot_confusion_matrix`.
    ParameterError
        If the extension is another one, or `result` is not a result of a comparison.
    """
    a("ComparisonResult", "Pass what compare_strategies returns.").check("result", result)
    given = ax
    if ax is None:
        (ax,) = new_axes(7.5, 4.6, path=path)
    from matplotlib.ticker import NullFormatter, NullLocator, PercentFormatter

    ax.set_xscale("log")
    names, families = drawable_labels([curve.strategy for curve in result.curves], LONGEST_STRATEGY)
    for number, curve in enumerate(result.curves):
        # Side by side, equal values and the bars at the extrapolated size remain visible.
        shift = 1.03 ** (number - (len(result.curves) - 1) / 2)
        _draw(ax, curve, COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)], shift, names[number])
    ticks = sorted({size for curve in result.curves for size in curve.sizes})
    beyond = [curve.extrapolation for curve in result.curves if curve.extrapolation is not None]
    if beyond:
        ticks.append(beyond[0].n_images)
        right = 1.15 * ticks[-1]
        ax.axvspan(ticks[-2], right, color="0.95", zorder=0)
        ax.text(
            np.sqrt(ticks[-2] * right), 0.01, "extrapolated", transform=ax.get_xaxis_transform(), ha="center",
            va="bottom", fontsize=8, color="0.35",
        )  # fmt: skip
        ax.set_xlim(right=right)
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    ax.set_xlabel("Training images")
    tested = "each size's own test images" if result.own_tests else f"{result.n_test:,} test images"
    ax.set_ylabel(f"Accuracy on {tested}")
    ax.grid(axis="y", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if given is None:
        # Above the axes, where it covers neither curves nor bars.
        handles, labels = ax.get_legend_handles_labels()
        columns = max(1, min(len(labels), LEGEND_LETTERS // (max(map(len, labels)) + 6)))
        legend = ax.figure.legend(handles, labels, loc="outside upper center", ncols=columns, frameon=False, fontsize=9)
    else:
        legend = ax.legend(frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_parse_math(False)
        if families:
            text.set_fontfamily(families)
    return ax


def _draw(ax: Axes, curve: CurveResult, colour: str, marker: str, shift: float, label: str) -> None:
    values, low, high = (
        np.array([getattr(estimate, name) for estimate in curve.accuracies]) for name in ("value", "low", "high")
    )
    sizes = shift * np.array(curve.sizes)
    ax.plot(sizes, values, color=colour, marker=marker, markersize=5, linewidth=1.6, label=label)
    known = np.array([estimate.has_interval for estimate in curve.accuracies])
    if len(curve.sizes) > 1 and known.all():
        ax.fill_between(sizes, low, high, color=colour, alpha=0.15, linewidth=0)
    elif known.any():
        # A band cannot skip a size without an interval, so the others get bars.
        bars = np.stack([values - low, high - values])[:, known]
        ax.errorbar(sizes[known], values[known], bars, color=colour, capsize=3, linestyle="none")
    if (beyond := curve.extrapolation) is None:
        return
    place, end = shift * beyond.n_images, beyond.accuracy
    ax.plot([sizes[-1], place], [values[-1], end.value], color=colour, linestyle="--", linewidth=1.4)
    bar = [[end.value - end.low], [end.high - end.value]] if end.has_interval else None
    ax.errorbar([place], [end.value], bar, color=colour, marker=marker, markerfacecolor="white", capsize=3)
