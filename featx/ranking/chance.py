"""Warn that no candidate is shown to beat chance: always answering the largest class."""

from __future__ import annotations

import numpy as np

from ..display.quantities import percent_text
from ..evaluation.paired import SIGNIFICANCE
from .undistinguished import p_values_of_being_best

__all__ = ["chance_warnings"]


def chance_warnings(
    right: np.ndarray,
    truth: np.ndarray,
    *,
    units: np.ndarray | None = None,
    folds: int = 1,
    random_state: int = 0,
) -> list[str]:
    """Return a warning if always answering the largest class may be as accurate as the best candidate.

    It is tested as one more candidate, so that of many at chance level the luckiest does not pass for better.

    Parameters
    ----------
    right, units, folds, random_state
        As for `compare_with_best`; the candidates that are left.
    truth : ndarray of int, shape (n,)
        Class numbers.
    """
    largest = truth == np.bincount(truth).argmax()
    rows = np.vstack([right, largest])
    if p_values_of_being_best(rows, units=units, folds=folds, random_state=random_state)[-1] < SIGNIFICANCE:
        return []
    return [
        f"the accuracy of none is distinguishably above that of always answering the largest class, "
        f"{percent_text(float(largest.mean()))}; on these images, the ranking does not show that any of them is of use"
    ]
