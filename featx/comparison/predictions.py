"""The predictions of a comparison: those of each strategy for every image that it was tested on, in each repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..evaluation.prediction_table import PredictionTable
from .repeats import Repeat
from .runner import RunResult
from .size_result import SizeResult

__all__ = ["with_predictions"]


def with_predictions(
    sizes: Sequence[SizeResult],
    results: Mapping[tuple[str, int, int], RunResult],
    repeats: Sequence[Repeat],
    *,
    truth: np.ndarray,
    classes: Sequence[str],
    groups: np.ndarray | None,
    names: Sequence[str],
    rows: np.ndarray,
) -> list[SizeResult]:
    """Return the results with the predictions of each strategy.

    Parameters
    ----------
    sizes : sequence of SizeResult
    results : mapping of (strategy, number of the size, number of the repeat) to RunResult
    repeats : sequence of Repeat
    truth : ndarray of int, shape (n,)
        Numbers of classes.
    classes : sequence of str
    groups : ndarray of shape (n,) or None
    names : sequence of str
        Of all images of the data set as it was given.
    rows : ndarray of int, shape (n,)
        Where the images that are compared on are in it.
    """
    found = []
    for number, size in enumerate(sizes):
        tests = [repeat.tested(number) for repeat in repeats]
        tested = np.concatenate(tests)
        labels = [f"repeat {r}" for r in range(1, len(repeats) + 1)] if len(repeats) > 1 else ["test"]
        parts = np.repeat(np.array(labels, dtype=object), [len(test) for test in tests])
        order = np.argsort(tested, kind="stable")
        strategies = []
        for each in size.strategies:
            probabilities = np.concatenate(
                [results[each.strategy, number, r].probabilities for r in range(len(repeats))]
            )
            table = PredictionTable(
                list(classes), tested, truth[tested], probabilities.argmax(axis=1), probabilities, parts,
                None if groups is None else groups[tested],
            )  # fmt: skip
            strategies.append(replace(each, predictions=table.take(order).named(names, rows)))
        found.append(replace(size, strategies=strategies))
    return found
