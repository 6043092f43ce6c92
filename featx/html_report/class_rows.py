"""The table of classes in a report: precision, recall, F1 and error rates, the hardest class first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display.quantities import percent_text
from ..evaluation.class_rates import class_rates
from ..evaluation.estimates import Estimate
from ..evaluation.intervals import wilson_interval

if TYPE_CHECKING:
    from ..comparison.size_result import StrategyResult
    from ..evaluation.held_out_result import HeldOutResult

__all__ = ["class_rows", "recall_table"]

# Recall is the accuracy on the images of a class; the coverage of Wilson's interval was simulated for 40 and more.
FEWEST_IMAGES = 40


def class_rows(result: HeldOutResult) -> dict[str, Any]:
    """Return a row for each class, the lowest F1 first, with the numbers to sort by, and what the intervals are.

    Parameters
    ----------
    result : HeldOutResult
    """
    rates = class_rates(result.confusion_matrix)
    grouped = result.predictions.groups is not None
    rows = []
    for number, found in enumerate(result.per_class):
        tested, recall = found["support"] > 0, _recall(result, number, grouped=grouped)
        alarms = float(rates.false_positive[number])
        rows.append(
            {
                "number": number,
                "name": found["class"],
                "images": found["support"],
                "tested": tested,
                "precision": _cell(found["precision"], tested),
                "recall": {"text": recall.text() if tested else "-", "key": found["recall"] if tested else -1},
                "f1": _cell(found["f1"], tested),
                "missed": _cell(1 - found["recall"], tested),
                "alarms": _cell(alarms, not math.isnan(alarms)),
                "low": f"{100 * recall.low:.1f}" if recall.has_interval else None,
                "high": f"{100 * recall.high:.1f}" if recall.has_interval else None,
            }
        )
    rows.sort(key=lambda row: (not row["tested"], row["f1"]["key"], row["recall"]["key"], -row["images"]))
    return {"rows": rows, "note": _note(result, grouped=grouped), "table": None}


def recall_table(strategies: Sequence[StrategyResult], classes: Sequence[str], note: str) -> dict[str, Any]:
    """Return the recall of each class by strategy, the hardest class of all strategies together first.

    Parameters
    ----------
    strategies : sequence of StrategyResult
        The best first.
    classes : sequence of str
    note : str
        Which images are counted.
    """
    known = [one for one in strategies if one.confusion is not None]
    counts = np.array([one.confusion for one in known])
    images = counts[0].sum(axis=1)
    with np.errstate(invalid="ignore"):
        recalls = np.diagonal(counts, axis1=1, axis2=2) / images
    rows = []
    for number in np.lexsort((-images, np.nan_to_num(recalls.mean(axis=0), nan=2.0))).tolist():
        name = {"name": classes[number], "text": "", "key": classes[number], "right": False}
        shares = [_cell(float(share), bool(images[number])) for share in recalls[:, number]]
        cells = [{"text": f"{images[number]:,}", "key": int(images[number])}, *shares]
        rows.append([name, *({"name": "", "right": True, **cell} for cell in cells)])
    table = {"header": ["class", "images", *(one.strategy for one in known)], "rows": rows}
    return {"table": table, "note": f"{note} No interval of one class's recall over repeats was found whose coverage "
            "was tested."}  # fmt: skip


def _recall(result: HeldOutResult, number: int, *, grouped: bool) -> Estimate:
    """Return the recall of a class, with Wilson's interval where its coverage is known."""
    value, images = result.per_class[number]["recall"], result.per_class[number]["support"]
    if grouped or images < FEWEST_IMAGES:
        return Estimate(value)
    low, high = wilson_interval(result.confusion_matrix[number][number], images)
    return Estimate(value, float(low), float(high))


def _note(result: HeldOutResult, *, grouped: bool) -> str:
    if grouped:
        return "Figures of one class have no interval here: the images come in groups, of which a class has few."
    return (
        f"Recall is the accuracy on the images of a class; with {FEWEST_IMAGES} of them or more, with Wilson's 95 % "
        "interval. No interval of one class's precision or F1 was found whose coverage was tested."
    )


def _cell(share: float, known: bool) -> dict[str, Any]:
    return {"text": percent_text(share), "key": share} if known else {"text": "-", "key": -1}
