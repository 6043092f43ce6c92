"""Grid search with elimination: candidates that cannot win any more are not scored on the remaining folds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

__all__ = ["find_best_value"]

Task = tuple[int, list[int]]

# Means that differ by less are equal, and equal ones must all be known: the first of them wins.
ROUNDING = 1e-9


def find_best_value(
    score: Callable[[list[Task]], Sequence[Sequence[float]]], n_values: int, n_folds: int, *, n_jobs: int = 1
) -> tuple[int, float]:
    """Return the value with the best mean score over the folds, without the scores that could not change that.

    No score is above 1, so a value that would lose even if it were perfect on all folds that it has not been scored
    on is not scored any further. The value that is returned is the one that all scores would have given.

    Parameters
    ----------
    score : callable
        Takes (fold, values) pairs, which may be worked on in parallel, and returns the scores of each pair's values.
    n_values, n_folds : int
    n_jobs : int, default=1
        Into how many pairs to divide the work.

    Returns
    -------
    value : int
        The first of those with the best mean.
    mean : float
    """
    scores = np.full((n_values, n_folds), np.nan)
    # Ends, for every round has something to score and NaN means unknown: a score of NaN is worse than any.
    while tasks := _next_tasks(scores, n_jobs):
        for (fold, values), found in zip(tasks, score(tasks), strict=True):
            scores[values, fold] = np.where(np.isnan(found), -np.inf, found)
    means = np.where(np.isnan(scores).any(axis=1), -np.inf, scores.mean(axis=1))
    return int(means.argmax()), float(means.max())


def _next_tasks(scores: np.ndarray, n_jobs: int) -> list[Task]:
    """Return what to score next, nothing if the best value is known."""
    known = ~np.isnan(scores)
    if not known.any():
        chosen = np.ones(len(scores), dtype=bool)
    else:
        upper_bounds, complete = np.where(known, scores, 1.0).mean(axis=1), known.all(axis=1)
        best = upper_bounds[complete].max(initial=-np.inf)
        can_win = ~complete & (upper_bounds >= best - ROUNDING)
        if not can_win.any():
            return []
        # As long as no mean is complete, values that the best mean so far will probably eliminate can wait.
        counts = known.sum(axis=1)
        means = np.where(counts > 0, np.where(known, scores, 0.0).sum(axis=1) / np.maximum(counts, 1), -np.inf)
        likely = can_win & (upper_bounds >= means.max())
        chosen = likely if likely.any() else can_win
    unknown = np.flatnonzero((~known & chosen[:, None]).any(axis=0))
    folds = unknown[: max(1, math.ceil(n_jobs / chosen.sum()))]
    tasks = []
    for fold in folds:
        values = np.flatnonzero(chosen & ~known[:, fold])
        parts = min(len(values), math.ceil(n_jobs / len(folds)))
        # Neighbours in a grid take about as long as each other, so they are dealt out.
        tasks += [(int(fold), values[part::parts].tolist()) for part in range(parts)]
    return tasks
