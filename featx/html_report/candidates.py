"""Candidates and strategies of a report: accuracies as dots with intervals, and the table beneath."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..display.quantities import duration_text, p_value_text, percent_text
from ..display.short_names import class_labels
from .svg_chart import HEIGHT, Chart

if TYPE_CHECKING:
    from ..comparison.size_result import SizeResult
    from ..evaluation.estimates import Estimate
    from ..heads.results import CandidateResult

__all__ = ["candidate_table", "interval_chart", "number_cell", "strategy_table", "text_cell"]

ROW, FRAME = 34, 62
# Letters of a name above its interval.
LETTERS = 52
# Of more candidates, the chart shows the best.
MOST_DRAWN = 30
LAST = 1e300


def interval_chart(names: Sequence[str], estimates: Sequence[Estimate], *, baseline: float, label: str) -> str:
    """Return a chart with an accuracy and its interval in each row, and a line at the baseline if it is in reach.

    Parameters
    ----------
    names : sequence of str
    estimates : sequence of Estimate
        Fractions.
    baseline : float
        The accuracy of always answering the largest class.
    label : str
        What the chart shows, for a screen reader.
    """
    names, estimates = class_labels(names[:MOST_DRAWN], LETTERS), estimates[:MOST_DRAWN]
    ends = [end for e in estimates for end in ((e.low, e.high) if e.has_interval else (e.value, e.value))]
    low, high = max(0.0, min(ends) - 0.01), min(1.0, max(ends) + 0.01)
    if low - baseline < 2 * (high - low):
        low = max(0.0, min(low, baseline - 0.01))
    height = FRAME + ROW * len(names)
    chart = Chart((low, high), (len(names) - 0.2, -0.8), x_label="accuracy", height=max(height, HEIGHT // 3), left=0,
                  x_text=_ticks(high - low))  # fmt: skip
    if baseline >= low:
        chart.line([(baseline, -0.8), (baseline, len(names) - 0.2)], "ideal", title="always the largest class")
    for number, (name, found) in enumerate(zip(names, estimates, strict=True)):
        chart.text(low, number, name, shift=(0, -9))
        if found.has_interval:
            chart.interval((found.low, number), (found.high, number), "first")
        chart.dots([(found.value, number)], "first", titles=[f"{name}: {found.text()}"], radius=5)
    return chart.svg(label)


def candidate_table(candidates: Sequence[CandidateResult]) -> dict[str, Any]:
    """Return the header and rows of the candidates, each cell a text with the number to sort by."""
    header = ["head", "network", "layer", "pooling", "features", "accuracy", "macro F1", "log loss",
              "calibration error", "p against the reference", "time"]  # fmt: skip
    rows = []
    for found in candidates:
        role = ", ".join(word for word, is_so in (("picked", found.picked), ("reference", found.reference)) if is_so)
        metrics = found.metrics
        p_value = found.p_value
        rows.append(
            [
                text_cell(found.label or found.head, f" ({role})" if role else ""),
                text_cell(found.backbone or ""),
                text_cell(found.layer),
                text_cell(found.pooling),
                number_cell(found.width, f"{found.width:,}"),
                number_cell(metrics["accuracy"].value, metrics["accuracy"].text()),
                number_cell(metrics["macro_f1"].value, metrics["macro_f1"].text()),
                number_cell(metrics["log_loss"].value, metrics["log_loss"].text(percent=False)),
                number_cell(metrics["debiased_calibration_error"].value,
                        metrics["debiased_calibration_error"].text(percent=False)),
                number_cell(2.0 if p_value is None else p_value, "-" if p_value is None else p_value_text(p_value)),
                number_cell(found.seconds, duration_text(found.seconds)),
            ]
        )  # fmt: skip
    return _without_shared({"header": header, "rows": rows}, (1, 2, 3, 4))


def strategy_table(size: SizeResult) -> dict[str, Any]:
    """Return the header and rows of the strategies at one training size."""
    header = ["strategy", "accuracy", "macro F1", "train", "validation", "extraction", "training", "until fitted",
              "prediction"]  # fmt: skip
    rows = [
        [
            text_cell(found.strategy, " (use this)" if found.strategy == size.verdict.use else ""),
            number_cell(found.accuracy.value, found.accuracy.text()),
            number_cell(found.macro_f1.value, found.macro_f1.text()),
            _share(found.train_accuracy),
            _share(found.validation_accuracy),
            *(
                number_cell(found.seconds[part], duration_text(found.seconds[part]))
                for part in ("extraction", "training")
            ),
            number_cell(found.cost, duration_text(found.cost)),
            number_cell(found.seconds["prediction"], duration_text(found.seconds["prediction"])),
        ]
        for found in size.strategies
    ]
    return {"header": header, "rows": rows}


def _without_shared(table: dict[str, Any], columns: tuple[int, ...]) -> dict[str, Any]:
    """Leave out the columns that are the same in every row."""
    shared = {i for i in columns if len({row[i]["key"] for row in table["rows"]}) == 1}
    kept = [i for i in range(len(table["header"])) if i not in shared]
    return {"header": [table["header"][i] for i in kept], "rows": [[row[i] for i in kept] for row in table["rows"]]}


def text_cell(name: str, more: str = "") -> dict[str, Any]:
    """Return a cell with a name, which may be anything, and what follows it."""
    return {"name": name, "text": more, "key": name, "right": False}


def number_cell(key: float, text: str) -> dict[str, Any]:
    """Return a cell with a number as text; its column is sorted by `key`."""
    # What has no value comes last; scripts know no NaN.
    key = LAST if math.isnan(key) else key
    return {"name": "", "text": text, "key": key, "right": True}


def _share(share: float | None) -> dict[str, Any]:
    return number_cell(-1.0 if share is None else share, percent_text(share))


def _ticks(span: float) -> Any:
    digits = 0 if span > 0.05 else 1
    return lambda share: f"{100 * share:.{digits}f} %"
