"""Plot the accuracy of ranked networks against their seconds for 1,000 images, with the front, in a file or on axes."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from ..constraints import a
from .comparison_plot import COLOURS, MARKERS
from .figure_files import new_axes, written_to_path
from .fonts import LONGEST_STRATEGY, drawable_labels

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ..ranking.result import RankingResult

__all__ = ["plot_ranking"]

# By this factor the axis of costs goes beyond the cheapest and the dearest.
ROOM = 1.25
# Axes that span less have ticks at equal distances.
SEVERAL = 8


@written_to_path
def plot_ranking(result: RankingResult, path: str | os.PathLike[str] | None = None, *, ax: Axes | None = None) -> Axes:
    """Draw the accuracy of each candidate against its cost; the front is a line, and the one to use has a ring.

    Candidates that cannot be told from the best are filled, with bars for their 95 % intervals; the others are hollow,
    and their accuracy may be from fewer images. The front compares candidates on the images that both saw, so that a
    hollow point on its line may lie low.

    Parameters
    ----------
    result : RankingResult
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
        If the extension is another one, or `result` is not a result of a ranking.
    """
    a("RankingResult", "Pass what rank_backbones returns.").check("result", result)
    if ax is None:
        (ax,) = new_axes(7.5, 4.6, path=path)
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator, PercentFormatter

    front = sorted((one.seconds, one.accuracy.value) for one in result.candidates if one.on_front)
    ax.plot(*np.transpose(front), color="0.6", linewidth=1.2, label="front", zorder=1)
    networks = list(dict.fromkeys(one.backbone for one in result.candidates))
    labels, families = drawable_labels(networks, LONGEST_STRATEGY)
    for number, (network, label) in enumerate(zip(networks, labels, strict=True)):
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
        of_it = [one for one in result.candidates if one.backbone == network]
        for one in of_it:
            filled = one.undistinguished
            bar = one.accuracy if filled and one.accuracy.has_interval else None
            value = one.accuracy.value
            ax.errorbar(
                [one.seconds], [value], None if bar is None else [[value - bar.low], [bar.high - value]],
                color=colour, marker=marker, markersize=6, markerfacecolor=colour if filled else "white", capsize=2,
                linewidth=1.0, linestyle="none", zorder=2, label=label if one is of_it[0] else None,
            )  # fmt: skip
    used = result.recommended
    ax.plot([used.seconds], [used.accuracy.value], marker="o", markersize=14, markerfacecolor="none",
            markeredgecolor="black", linestyle="none", zorder=3, label="to use")  # fmt: skip
    name, of_name = drawable_labels([f"{used.layer}, {used.pooling}"], LONGEST_STRATEGY)
    # Costs are drawn by their logarithms: beyond the middle of these, the name goes to the left.
    costs = [one.seconds for one in result.candidates]
    side = -1 if used.seconds**2 > min(costs) * max(costs) else 1
    note = ax.annotate(
        name[0], (used.seconds, used.accuracy.value), (10 * side, 10), textcoords="offset points", fontsize=8,
        horizontalalignment="left" if side == 1 else "right",
    )  # fmt: skip
    note.set_parse_math(False)
    if of_name:
        note.set_fontfamily(of_name)
    ax.set_xscale("log")
    low, high = min(costs) / ROOM, max(costs) * ROOM
    ax.set_xlim(low, high)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)) if high > SEVERAL * low else MaxNLocator(6))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
    ax.set_xlabel(f"Seconds for 1,000 images ({result.processor})", parse_math=False)
    ax.set_ylabel("Cross-validated accuracy")
    ax.grid(color="0.92")
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    legend = ax.legend(frameon=False, fontsize=8)
    for text in legend.get_texts():
        text.set_parse_math(False)
        if families:
            text.set_fontfamily(families)
    return ax
