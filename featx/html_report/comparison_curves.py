"""Charts of a comparison: accuracy against training images with its extrapolation, and accuracy against cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..display.quantities import duration_text
from .svg_chart import LEFT, RIGHT, WIDTH, Chart

if TYPE_CHECKING:
    from ..comparison.result import ComparisonResult
    from ..evaluation.estimates import Estimate

__all__ = ["KINDS", "cost_chart", "scatter_chart", "size_chart"]

KINDS = ("first", "second", "third", "fourth", "fifth", "sixth")


def size_chart(result: ComparisonResult) -> dict[str, Any] | None:
    """Return the learning curves, with bands of 95 % intervals, dashed where they are extrapolated.

    None where a single size was measured.
    """
    if len({size.n_train for size in result.sizes}) < 2:
        return None
    beyond = [curve.extrapolation for curve in result.curves if curve.extrapolation is not None]
    sizes = {size.n_train for size in result.sizes} | {n for curve in result.curves for n in curve.sizes}
    ticks = sorted({*sizes, *(one.n_images for one in beyond)})
    found = [e for curve in result.curves for e in curve.accuracies] + [one.accuracy for one in beyond]
    ends = ticks[0], ticks[-1]
    chart = Chart(ends, _shares(found), x_label="training images (logarithmic)",
                  y_label="accuracy", x_ticks=_apart(ticks, ends), log=True, y_text=_percent)  # fmt: skip
    for number, curve in enumerate(result.curves):
        kind = KINDS[number % len(KINDS)]
        known = list(zip(curve.sizes, curve.accuracies, strict=True))
        chart.band([(n, e.low, e.high) for n, e in known if e.has_interval], kind)
        chart.line([(n, e.value) for n, e in known], kind)
        titles = [f"{curve.strategy}, {n:,} images: {e.text()}" for n, e in known]
        chart.dots([(n, e.value) for n, e in known], kind, titles=titles)
        if (more := curve.extrapolation) is not None:
            end = (more.n_images, more.accuracy.value)
            chart.line([(known[-1][0], known[-1][1].value), end], f"{kind} dashed")
            if more.accuracy.has_interval:
                low, high = more.accuracy.low, more.accuracy.high
                chart.interval((more.n_images, low), (more.n_images, high), f"{kind} thin")
            chart.dots([end], kind, titles=[f"{curve.strategy}, extrapolated to {end[0]:,}: {more.accuracy.text()}"])
    return {"svg": chart.svg("Accuracy against training images; the numbers are in the tables"),
            "legend": _legend(result), "dashed": bool(beyond)}  # fmt: skip


def cost_chart(result: ComparisonResult) -> dict[str, Any]:
    """Return the accuracy of each strategy against the time until it is fitted, at the largest size."""
    found = {strategy.strategy: strategy for strategy in result.sizes[-1].strategies}
    points = []
    for number, curve in enumerate(result.curves):
        strategy, kind = found[curve.strategy], KINDS[number % len(KINDS)]
        title = f"{strategy.strategy}: {strategy.accuracy.text()}, {duration_text(strategy.cost)}"
        points.append((max(strategy.cost, 1e-3), strategy.accuracy, kind, title))
    chart = scatter_chart(points, x_label="time until fitted, without a cache (logarithmic)", x_text=duration_text,
                          label="Accuracy against time until fitted; the numbers are in the table")  # fmt: skip
    return {"svg": chart, "legend": _legend(result)}


def scatter_chart(
    points: Sequence[tuple[float, Estimate, str, str]],
    *,
    x_label: str,
    x_text: Callable[[float], str],
    label: str,
    line: Sequence[tuple[float, float]] = (),
) -> str:
    """Return a chart of accuracies with their intervals against a cost on a logarithmic axis.

    Parameters
    ----------
    points : sequence of (cost, accuracy, kind, title)
        Costs above 0; the kind is the class in the style sheet.
    x_label : str
    x_text : callable
        Writes a cost.
    label : str
        What the chart shows, for a screen reader.
    line : sequence of (cost, accuracy), default=()
        Joined below the points.
    """
    costs = [cost for cost, *_ in points]
    ends = min(costs) / 1.5, max(costs) * 1.5
    chart = Chart(ends, _shares([accuracy for _, accuracy, *_ in points]), x_label=x_label, y_label="accuracy",
                  x_ticks=_apart(sorted(set(costs)), ends), x_text=x_text, log=True, y_text=_percent)  # fmt: skip
    chart.line(line, "ideal")
    for cost, accuracy, kind, title in points:
        if accuracy.has_interval:
            chart.interval((cost, accuracy.low), (cost, accuracy.high), f"{kind} thin")
        chart.dots([(cost, accuracy.value)], kind, titles=[title], radius=5)
    return chart.svg(label)


def _legend(result: ComparisonResult) -> list[dict[str, str]]:
    return [{"label": curve.strategy, "kind": KINDS[n % len(KINDS)]} for n, curve in enumerate(result.curves)]


def _shares(found: list[Any]) -> tuple[float, float]:
    ends = [end for e in found for end in ((e.low, e.high) if e.has_interval else (e.value, e.value))]
    return max(0.0, min(ends) - 0.01), min(1.0, max(ends) + 0.01)


def _apart(ticks: list[Any], ends: tuple[float, float]) -> list[Any]:
    """Return the ticks of a logarithmic axis that leave room for their numbers, the last always."""
    kept, room = [ticks[-1]], (ends[1] / ends[0]) ** (LEFT / (WIDTH - LEFT - RIGHT))
    for tick in reversed(ticks[:-1]):
        if kept[-1] / tick >= room:
            kept.append(tick)
    return kept[::-1]


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
