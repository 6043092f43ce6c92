"""Training curves of a report: loss, accuracy and learning rate by epoch, whatever a history holds of them."""

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


def training_curves(history: Mapping[str, Sequence[Any]], *, best_epoch: int) -> list[dict[str, Any]]:
    """Return the charts of a training, without those of which the history has nothing.

    Parameters
    ----------
    history : mapping of str to list
        See `CNNFineTuneClassifier`; keys that are not known here are not drawn.
    best_epoch : int
        The one that was kept; 0 where the classifier is as it was fitted first.
    """
    epochs = list(history.get("epoch", ()))
    charts = []
    for name, curves in CHARTS:
        drawn = {key: _points(epochs, history[key]) for key, _, _ in curves if _is_curve(history.get(key), len(epochs))}
        values = [value for points in drawn.values() for _, value in points]
        if values:
            charts.append(_chart(name, [curve for curve in curves if drawn.get(curve[0])], drawn, best_epoch))
    return charts


def _chart(name: str, curves: list[tuple[str, str, str]], drawn: dict[str, Any], best_epoch: int) -> dict[str, Any]:
    points = [point for key, _, _ in curves for point in drawn[key]]
    epochs, values = [x for x, _ in points], [y for _, y in points]
    low, high = min(values), max(values)
    room = 0.05 * (high - low) or 0.05 * abs(high) or 0.5
    is_share = name == "accuracy"
    top = min(1.0, high + room) if is_share else high + room
    chart = Chart(
        (min(epochs), max(epochs)),
        (max(0.0, low - room), top),
        x_label="epoch",
        y_label=name,
        x_ticks=sorted(set(epochs)) if len(set(epochs)) <= 8 else None,
        y_text=(lambda share: f"{100 * share:.3g} %") if is_share else None,
    )
    if best_epoch in epochs:
        chart.line([(best_epoch, max(0.0, low - room)), (best_epoch, top)], "ideal", title="the epoch that was kept")
    for key, label, kind in curves:
        chart.line(drawn[key], kind)
        if len(drawn[key]) <= MOST_DOTS:
            titles = [f"{label}, epoch {x:g}: {percent_text(y) if is_share else f'{y:.4g}'}" for x, y in drawn[key]]
            chart.dots(drawn[key], kind, titles=titles)
    said = ", ".join(f"{label} from {drawn[key][0][1]:.3g} to {drawn[key][-1][1]:.3g}" for key, label, _ in curves)
    return {
        "name": name,
        "svg": chart.svg(f"{name} by epoch: {said}"),
        "legend": [{"label": label, "kind": kind} for _, label, kind in curves] if len(curves) > 1 else [],
    }


def _is_curve(values: Any, length: int) -> bool:
    return isinstance(values, Sequence) and length > 0 and len(values) == length


def _points(epochs: Sequence[float], values: Sequence[Any]) -> list[tuple[float, float]]:
    pairs = zip(epochs, values, strict=True)
    return [(float(x), float(y)) for x, y in pairs if isinstance(y, int | float) and math.isfinite(y)]
