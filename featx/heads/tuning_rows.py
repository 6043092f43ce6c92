"""Draw the rows that parameters are chosen on, where there are many: by class, with groups and copies whole."""

from __future__ import annotations

import numpy as np

from ..evaluation.units import count_by_group, judged_units

__all__ = ["TUNING_IMAGES", "tuning_notes", "tuning_rows"]

TUNING_IMAGES = 20_000
# So many groups or images of each class are taken, if it has them: each of three folds then has two.
LEAST = 6


def tuning_rows(
    truth: np.ndarray,
    most: int | None,
    *,
    groups: np.ndarray | None = None,
    together: np.ndarray | None = None,
    random_state: int = 0,
) -> np.ndarray | None:
    """Return at most a number of rows, in increasing order, with about the shares of the classes among all.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers; each class has a row.
    most : int or None
        None means all. It is exceeded only where six groups, or images, of each class are more.
    groups, together : ndarray of shape (n,), default=None
        Groups, and images of the same content, which are taken whole or not at all.
    random_state : int, default=0

    Returns
    -------
    ndarray of int, or None if no row is left out
    """
    if most is None or len(truth) <= most:
        return None
    units = judged_units(groups, together)
    codes = np.arange(len(truth)) if units is None else np.unique(units, return_inverse=True)[1]
    order = np.random.RandomState(random_state).permutation(int(codes.max()) + 1)
    if units is None:
        sizes, major = np.ones(len(truth), dtype=int), truth
    else:
        counts = count_by_group(truth, codes)
        sizes, major = counts.sum(axis=1), counts.argmax(axis=1)
    chosen = np.zeros(len(order), dtype=bool)
    for number in range(int(truth.max()) + 1):
        own = order[major[order] == number]
        fits = np.cumsum(sizes[own]) <= most * sizes[own].sum() / len(truth)
        chosen[own[fits]] = True
    for number in range(int(truth.max()) + 1):
        # A class may be the largest of no group.
        having = order[major[order] == number] if units is None else order[counts[order, number] > 0]
        lacking = LEAST - int(chosen[having].sum())
        if lacking > 0:
            chosen[having[~chosen[having]][:lacking]] = True
    rows = np.flatnonzero(chosen[codes])
    return None if len(rows) == len(truth) else rows


def tuning_notes(n_tuned_on: int, n_fitted_on: int) -> list[str]:
    """Return the note of a result whose parameters were chosen on some of the rows; none if on all."""
    if n_tuned_on == n_fitted_on:
        return []
    return [
        f"the parameters of the heads were chosen on {n_tuned_on:,} of {n_fitted_on:,} images, drawn at random by "
        "class, and the heads fitted on all; to choose on all: tuning_images=None (--tuning-images all)"
    ]
