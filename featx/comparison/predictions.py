"""The predictions of a comparison: those of each strategy for every image that it was tested on, in each repeat."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from ..evaluation.answers import joined_answers, predicted_classes
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
            given = [results[each.strategy, number, r].answers for r in range(len(repeats))]
            ends = np.cumsum([len(test) for test in tests])
            places = [np.arange(end - len(test), end) for end, test in zip(ends, tests, strict=True)]
            answers = joined_answers(list(zip(places, given, strict=True)), len(tested))
            table = PredictionTable(
                list(classes), tested, truth[tested], predicted_classes(answers),
                answers if answers.ndim == 2 else None, parts,
                None if groups is None else groups[tested],
            )  # fmt: skip
            strategies.append(replace(each, predictions=table.take(order).named(names, rows)))
        found.append(replace(size, strategies=strategies))
    return found
