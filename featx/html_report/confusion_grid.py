"""The confusion matrix of a report: its cells as counts, shares and shades, and the most confused pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..display.quantities import percent_text
from ..display.short_names import cell_width
from ..evaluation.class_rates import confused_classes, learnt_sentence

__all__ = ["confusion_grid"]

# With more classes the most confused pairs come first, and the matrix is opened on request.
WHOLE = 30
PAIRS = 30
SHADES = 9
# With more and longer names, those of the columns stand upright, so that all cells are equally narrow.
FEW, SHORT = 4, 4


def confusion_grid(matrix: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[str, Any]:
    """Return the cells of a confusion matrix, row by row, and the most confused pairs.

    A cell is None where there is no image, else its count, its share of the true class as text, and a shade from 1 to 9
    that grows with the square root of the share, since confusions are rare.

    Parameters
    ----------
    matrix : sequence of sequence of int, shape (classes, classes)
        True classes in rows, predicted in columns.
    classes : sequence of str
    """
    counts = np.asarray(matrix)
    totals = counts.sum(axis=1)
    rows = []
    for number, name in enumerate(classes):
        cells: list[dict[str, Any] | None] = [None] * len(classes)
        for other in np.flatnonzero(counts[number]).tolist():
            count = int(counts[number, other])
            share = count / totals[number]
            shade = max(1, min(SHADES, round(SHADES * share**0.5)))
            cells[other] = {"count": f"{count:,}", "share": percent_text(share), "shade": shade}
        rows.append({"name": name, "total": f"{totals[number]:,}", "cells": cells})
    pairs = [
        {
            "true": true,
            "predicted": other,
            "count": int(counts[true, other]),
            "share": percent_text(counts[true, other] / totals[true]),
        }
        for true, other in confused_classes(counts)
    ]
    sentence = learnt_sentence(counts, classes)
    return {
        "rows": rows,
        "columns": [f"{total:,}" for total in counts.sum(axis=0)],
        "pairs": pairs[:PAIRS],
        "more_pairs": max(0, len(pairs) - PAIRS),
        "whole": len(classes) <= WHOLE,
        "upright": len(classes) > FEW and max(map(cell_width, classes), default=0) > SHORT,
        "sentence": f"{sentence[:1].upper()}{sentence[1:]}.",
    }
