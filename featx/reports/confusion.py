"""Tables of a confusion matrix and of the precision, recall, F1 and true and false positive rates of each class.

Few classes are shown completely. Of many, the hardest and the most confused pairs are shown, which a reader would look
for in a long table.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..display.quantities import count_text, percent_text
from ..display.tables import CLASS_NAMES, Part, Table
from ..evaluation.class_rates import confused_classes, learnt_sentence

if TYPE_CHECKING:
    from ..evaluation.held_out_result import HeldOutResult

__all__ = ["class_tables", "confused_pairs", "hardest_classes"]

# Most classes that are shown as a matrix, and as a table with a row for each class.
MATRIX_CLASSES = 12
REPORT_CLASSES = 30
# How many classes or pairs are shown if there are more.
ROWS_SHOWN = 10
# A class with fewer test images is not ranked if enough others have more: a single image would change its rank a lot.
FEW_IMAGES = 5
RATES = "TPR, FNR, FPR: rates of true positives, false negatives and false positives"


def class_tables(result: HeldOutResult) -> list[Part]:
    """Return tables of all classes, or of the hardest classes and the most confused pairs; and which is learnt best."""
    if not result.confusion_matrix:
        return []
    several = len(result.classes) > MATRIX_CLASSES
    # The most confused pair is the first one of the table of pairs.
    named_pair = not several or not confused_pairs(result)
    learnt = learnt_sentence(result.confusion_matrix, result.classes, confused=named_pair)
    if several:
        first = _all(result) if len(result.classes) <= REPORT_CLASSES else _hardest(result)
        return [first, f"{RATES}\n{learnt}", *([] if named_pair else [_pairs(result)])]
    rows = [
        [name, *(f"{count:,}" for count in row)]
        for name, row in zip(result.classes, result.confusion_matrix, strict=True)
    ]
    matrix = Table(
        ["", *result.classes],
        rows,
        right=range(1, len(result.classes) + 1),
        names={0: CLASS_NAMES},
        named_header=True,
        title="true classes in rows, predicted in columns",
        otherwise=_pairs(result, "the confusion matrix"),
    )
    return [_all(result), f"{RATES}\n{learnt}", matrix]


def hardest_classes(result: HeldOutResult) -> list[dict[str, Any]]:
    """Return the rows of `per_class` that have test images, the hardest first.

    The lowest F1 comes first, then the lowest recall: a class that attracts images of others is as hard as one that
    loses its own, which recall alone would not show. Classes with fewer than five test images are left out if at least
    ten classes have more.
    """
    found = [row for row in result.per_class if row["support"]]
    enough = [row for row in found if row["support"] >= FEW_IMAGES]
    ranked = enough if len(enough) >= ROWS_SHOWN else found
    return sorted(ranked, key=lambda row: (row["f1"], row["recall"], -row["support"]))


def confused_pairs(result: HeldOutResult) -> list[tuple[str, str, int, float]]:
    """Return true class, predicted class, images and their share of the true class, most images first."""
    matrix, names = result.confusion_matrix, result.classes
    return [
        (names[true], names[other], matrix[true][other], matrix[true][other] / sum(matrix[true]))
        for true, other in confused_classes(matrix)
    ]


def _all(result: HeldOutResult) -> Table:
    return _classes(result, result.per_class)


def _hardest(result: HeldOutResult) -> Table:
    ranked = hardest_classes(result)
    shown = ranked[:ROWS_SHOWN]
    title = f"the {len(shown)} hardest of {len(result.classes):,} classes, by F1"
    if min(row["support"] for row in shown) < FEW_IMAGES:
        title += f"; below {FEW_IMAGES} test images of a class, much of it is chance"
    elif len(ranked) < len(result.classes):
        title += f"; classes with fewer than {FEW_IMAGES} test images are not ranked"
    others = sum(row["support"] > 0 for row in result.per_class) - len(shown)
    return _classes(
        result, shown, title=title, more=f"{others:,} more class{'es' if others > 1 else ''}" if others else ""
    )


def _classes(result: HeldOutResult, rows: list[dict[str, Any]], *, title: str = "", more: str = "") -> Table:
    figures = ("precision", "recall", "false_negative_rate", "false_positive_rate", "f1")
    cells = [
        [
            row["class"],
            *(_share_text(row, key) for key in figures),
            f"{row['support']:,}",
        ]
        for row in rows
    ]
    return Table(
        ["class", "precision %", "recall = TPR %", "FNR %", "FPR %", "F1 %", "images"],
        cells,
        right=range(1, 7),
        drop=[3, 4, 1, 2],
        names={0: CLASS_NAMES},
        pool=result.classes,
        title=title,
        more=more,
    )


def _share_text(row: dict[str, Any], key: str) -> str:
    """Return a figure of a class; nothing is known without test images, nor rates in results of older versions."""
    share = row.get(key, math.nan)
    return f"{100 * share:.1f}" if row["support"] and math.isfinite(share) else "-"


def _pairs(result: HeldOutResult, *missing: str) -> Part:
    """Return the most confused pairs; `missing` names what else is not shown."""
    pairs = confused_pairs(result)
    if not pairs:
        return "no image was taken for one of another class"
    rows = [[true, answer, f"{count:,}", percent_text(share)] for true, answer, count, share in pairs[:ROWS_SHOWN]]
    others = len(pairs) - ROWS_SHOWN
    return Table(
        ["true class", "taken for", "images", "of its images"],
        rows,
        right=[2, 3],
        drop=[3],
        names={0: CLASS_NAMES, 1: CLASS_NAMES},
        pool=result.classes,
        title="the most confused pairs",
        more="; ".join([*([count_text(others, "more pair")] if others > 0 else []), *missing]),
    )
