"""True positive, false negative and false positive rates of each class, and a sentence on the easiest and hardest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..display.quantities import percent_text

__all__ = ["ClassRates", "class_rates", "confused_classes", "learnt_sentence"]


class ClassRates(NamedTuple):
    """Rates of each class against all others, of shape (classes,); NaN where there is no image to count.

    Attributes
    ----------
    true_positive : ndarray of float64
        Of the images of the class, the share that is predicted as such: recall, sensitivity.
    false_negative : ndarray of float64
        Of the images of the class, the share that is predicted as another one: 1 minus the true positive rate.
    false_positive : ndarray of float64
        Of the images of other classes, the share that is predicted as this one: 1 minus the specificity.
    """

    true_positive: np.ndarray
    false_negative: np.ndarray
    false_positive: np.ndarray


def class_rates(matrix: np.ndarray | Sequence[Sequence[float]]) -> ClassRates:
    """Return the rates of each class.

    Parameters
    ----------
    matrix : array-like of shape (classes, classes)
        Images by true class (rows) and predicted class (columns); counts, or their means over repeats.
    """
    counts = np.asarray(matrix, dtype=np.float64)
    right, own = counts.diagonal(), counts.sum(axis=1)
    with np.errstate(invalid="ignore"):
        found = right / own
        return ClassRates(found, (own - right) / own, (counts.sum(axis=0) - right) / (counts.sum() - own))


def confused_classes(matrix: np.ndarray | Sequence[Sequence[float]]) -> list[tuple[int, int]]:
    """Return (true class, predicted class) of the mistakes, most images first; of as many, their largest share."""
    counts = np.asarray(matrix)
    totals = counts.sum(axis=1)
    pairs = [(int(true), int(other)) for true, other in zip(*np.nonzero(counts), strict=True) if true != other]
    return sorted(pairs, key=lambda pair: (-counts[pair], -counts[pair] / totals[pair[0]]))


def learnt_sentence(
    matrix: np.ndarray | Sequence[Sequence[float]], classes: Sequence[str], *, confused: bool = True
) -> str:
    """Return which class is recognised best and which worst, and which is most often taken for which.

    Of classes with the same true positive rate, the one with more images is named, then the first, and how many others
    there are.

    Parameters
    ----------
    matrix : array-like of int, shape (classes, classes)
        True classes in rows, predicted in columns.
    classes : sequence of str
    confused : bool, default=True
        Whether it names the pair that is confused most; False where a table of pairs stands beside it.
    """
    counts = np.asarray(matrix)
    rates, own = class_rates(counts).true_positive, counts.sum(axis=1)
    tested = np.flatnonzero(own).tolist()
    if not tested:
        return "no image was tested"
    worst, best = (min(tested, key=lambda k: (sign * rates[k], -own[k], k)) for sign in (1, -1))

    def text(number: int) -> str:
        right = counts[number, number]
        others = sum(rates[other] == rates[number] for other in tested) - 1
        like = f", like {others:,} other class{'es' if others > 1 else ''}" if others else ""
        return f"{classes[number]!r}, {right:,} of {own[number]:,} right ({percent_text(rates[number])}){like}"

    pairs = confused_classes(counts)
    if not pairs:
        return "no image was taken for one of another class"
    true, other = pairs[0]
    n_taken = counts[true, other]
    pair = f"most often confused: {classes[true]!r} taken for {classes[other]!r}, {n_taken:,} of {own[true]:,}"
    end = f"; {pair}" if confused else ""
    if rates[best] == rates[worst]:
        each = (
            f"all classes are recognised equally well, {percent_text(rates[best])}" if len(tested) > 1 else text(best)
        )
        return f"{each}{end}"
    return f"recognised best: {text(best)}; worst: {text(worst)}{end}"
