"""Training curves of a report: loss, accuracy and learning rate by epoch, loss and accuracy by mini-batch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from ..display.quantities import percent_text
from .svg_chart import Chart

__all__ = ["training_curves"]

# The charts: what they show, the curves of each by the keys of a history, and how the numbers are written.
CHARTS = (
    ("loss", (("loss", "training", "first"), ("val_loss", "validation", "second"))),
    ("accuracy", (("accuracy", "training", "first"), ("val_accuracy", "validation", "second"))),
    ("learning rate", (("learning_rate", "learning rate", "first"),)),
)
# With more, dots would overlap.
MOST_DOTS = 40
# With more mini-batches, each point is the mean of several.
MOST_POINTS = 300


def training_curves(history: Mapping[str, Sequence[Any]], *, best_epoch: int) -> list[dict[str, Any]]:
    """Return the charts of a training, without those of which the history has nothing.

    Parameters
    ----------
    history : mapping of str to list
        See `CNNFineTuneClassifier`; keys that are not known here are not drawn. Epochs of a warm-up come first.
    best_epoch : int
        The one that was kept; 0 where the classifier is as it was fitted first.
    """
    history, before = _with_warmup(history)
    epochs = list(history.get("epoch", ()))
    label = "epoch, from 0 the warm-up of the head alone" if before is not None else "epoch"
    kept = best_epoch if before is None else before + best_epoch
    charts = []
    for name, curves in CHARTS:
        drawn = {key: _points(epochs, history[key]) for key, _, _ in curves if _is_curve(history.get(key), len(epochs))}
        values = [value for points in drawn.values() for _, value in points]
        if values:
            shown = [curve for curve in curves if drawn.get(curve[0])]
            charts.append(
                _chart(name, shown, drawn, label, {"the epoch that was kept": kept, "the warm-up ends": before})
            )
    return [*charts, *_iteration_charts(history.get("iterations"))]


def _with_warmup(history: Mapping[str, Any]) -> tuple[Mapping[str, Any], int | None]:
    """Return the history with the epochs of the warm-up before the others, and the last of these; None without one."""
    warmup = history.get("warmup")
    if not isinstance(warmup, Mapping) or not warmup.get("epoch"):
        return history, None
    last = int(warmup["epoch"][-1])
    keys = [key for _, curves in CHARTS for key, _, _ in curves if key in warmup and key in history]
    joined = {key: [*warmup[key], *history[key]] for key in keys}
    joined["epoch"] = [*warmup["epoch"], *(last + epoch for epoch in history.get("epoch", ()))]
    return {**joined, "iterations": history.get("iterations")}, last


def _iteration_charts(steps: Any) -> list[dict[str, Any]]:
    """Return loss and accuracy by mini-batch, and of the validation part at the ends of epochs."""
    charts: list[dict[str, Any]] = []
    if not isinstance(steps, Mapping):
        return charts
    for name in ("loss", "accuracy"):
        values = [float(value) for value in steps.get(name, ())]
        if len(values) < 2:
            continue
        each = -(-len(values) // MOST_POINTS)
        means = [values[start : start + each] for start in range(0, len(values), each)]
        points = [(each * i + (len(part) + 1) / 2, sum(part) / len(part)) for i, part in enumerate(means)]
        found = {"steps": points, "val": _points(steps.get("val_iteration", ()), steps.get(f"val_{name}", ()))}
        training = "training, each mini-batch" if each == 1 else f"training, means of {each} mini-batches"
        curves = [("steps", training, "first"), ("val", "validation", "second")]
        last_of_warmup = int(steps.get("n_warmup") or 0) or None
        chart = _chart(name, [curve for curve in curves if found[curve[0]]], found, "iteration",
                       {"the warm-up ends": last_of_warmup})  # fmt: skip
        charts.append(chart)
    return charts


def _chart(
    name: str,
    curves: list[tuple[str, str, str]],
    drawn: dict[str, Any],
    x_label: str,
    marks: Mapping[str, int | None],
) -> dict[str, Any]:
    """Return a chart of curves; `marks` are upright lines where they are within it, by what they say."""
    points = [point for key, _, _ in curves for point in drawn[key]]
    epochs, values = [x for x, _ in points], [y for _, y in points]
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    is_share = name == "accuracy"
    top = min(1.0, high + room) if is_share else high + room
    chart = Chart(
        (min(epochs), max(epochs)),
        (max(0.0, low - room), top),
        x_label=x_label,
        y_label=name,
        x_ticks=sorted(set(epochs)) if len(set(epochs)) <= 8 else None,
        y_text=(lambda share: f"{100 * share:.3g} %") if is_share else None,
    )
    for title, place in marks.items():
        if place is not None and min(epochs) <= place <= max(epochs):
            chart.line([(place, max(0.0, low - room)), (place, top)], "ideal", title=title)
    unit = x_label.partition(",")[0]
    for key, label, kind in curves:
        chart.line(drawn[key], kind)
        if len(drawn[key]) <= MOST_DOTS:
            titles = [f"{label}, {unit} {x:g}: {percent_text(y) if is_share else f'{y:.4g}'}" for x, y in drawn[key]]
            chart.dots(drawn[key], kind, titles=titles)
    said = ", ".join(f"{label} from {drawn[key][0][1]:.3g} to {drawn[key][-1][1]:.3g}" for key, label, _ in curves)
    return {
        "name": f"{name} by {unit}",
        "svg": chart.svg(f"{name} by {unit}: {said}"),
        "legend": [{"label": label, "kind": kind} for _, label, kind in curves] if len(curves) > 1 else [],
    }


def _is_curve(values: Any, length: int) -> bool:
    return isinstance(values, Sequence) and length > 0 and len(values) == length


def _points(epochs: Sequence[float], values: Sequence[Any]) -> list[tuple[float, float]]:
    pairs = zip(epochs, values, strict=True)
    return [(float(x), float(y)) for x, y in pairs if y is not None and math.isfinite(y)]
