"""Accuracies, differences and their intervals from the predictions on the test images of every repeat.

Repeats are random splits, each with its own test set, or trainings that are all judged by one given test set.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ..evaluation.answers import predicted_classes
from ..evaluation.estimates import Estimate
from ..evaluation.metrics import class_means, score_classes
from ..evaluation.paired import PairedTest, compare_paired, name_test, widen_interval
from ..evaluation.resampled import corrected_interval, corrected_test
from .repeats import Repeat

__all__ = ["OneTestSet", "RandomTestSets", "TestedRepeats"]


class TestedRepeats(ABC):
    """The test images of all repeats, and the statistics of predictions on them.

    Predictions are lists with one entry a repeat: answers (probabilities of shape (n_test, k), or class numbers), or
    whether each was right.

    Parameters
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers of all images.
    n_classes : int
    groups : ndarray of shape (n,) or None
    repeats : sequence of Repeat
    size : int, default=-1
        Which of the sizes, where each has its own test images.
    """

    __test__ = False  # not a test class of pytest's

    def __init__(
        self,
        truth: np.ndarray,
        n_classes: int,
        groups: np.ndarray | None,
        repeats: Sequence[Repeat],
        size: int = -1,
    ) -> None:
        self.truth, self.n_classes, self.groups, self.repeats = truth, n_classes, groups, repeats
        self.tests = [repeat.tested(size) for repeat in repeats]
        self.n_test = round(float(np.mean([len(test) for test in self.tests])))

    @property
    @abstractmethod
    def test(self) -> str:
        """The name of the paired test."""

    @property
    @abstractmethod
    def interval(self) -> str:
        """What the intervals are."""

    @abstractmethod
    def compare(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> PairedTest:
        """Return the difference of two strategies, with its test."""

    @abstractmethod
    def compare_once(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> PairedTest:
        """Return the same difference with each tested image counted once."""

    @abstractmethod
    def spread(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
        """Return the standard deviation of a difference from split to split, at least that of sampling images."""

    @abstractmethod
    def figures(self, answers: Sequence[np.ndarray]) -> tuple[Estimate, Estimate]:
        """Return accuracy and macro F1, means over the repeats."""

    @abstractmethod
    def independent(self, accuracies: Sequence[float]) -> Sequence[float]:
        """Return the accuracies of repeats whose spread is informative about other test images."""

    @functools.cached_property
    def n_groups(self) -> int | None:
        """Different groups among the test images of all repeats."""
        return None if self.groups is None else len(np.unique(self.groups[np.concatenate(self.tests)]))

    @property
    def n_outside(self) -> int:
        """Images outside the test set."""
        return len(self.truth) - self.n_test

    def right(self, answers: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return which images were predicted right in each repeat."""
        return [predicted_classes(found) == self.truth[test] for test, found in zip(self.tests, answers, strict=True)]

    def confusion(self, answers: Sequence[np.ndarray]) -> np.ndarray:
        """Return the images of each true class (rows) by predicted class (columns), summed over the repeats."""
        matrix = np.zeros((self.n_classes, self.n_classes), dtype=np.int64)
        for test, found in zip(self.tests, answers, strict=True):
            np.add.at(matrix, (self.truth[test], predicted_classes(found)), 1)
        return matrix

    def _pooled(self, answers: Sequence[np.ndarray]) -> dict[str, Estimate]:
        """Return the figures of all images that were tested; each counts once, however often it was tested."""
        test = np.concatenate(self.tests)
        return score_classes(
            self.truth[test],
            np.concatenate([predicted_classes(found) for found in answers]),
            n_classes=self.n_classes,
            groups=None if self.groups is None else self.groups[test],
            weights=1 / np.bincount(test)[test],
        )

    def _macro_f1s(self, answers: Sequence[np.ndarray]) -> list[float]:
        """Return for each repeat the mean F1 over the classes that occur, as `score_predictions` computes it."""
        return [
            class_means(self.truth[test], predicted_classes(found))["macro_f1"]
            for test, found in zip(self.tests, answers, strict=True)
        ]

    def _image_variance(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
        """Return the variance of a difference due to sampling images or groups; the mean over the repeats."""
        variances = []
        for test, mine, its in zip(self.tests, right, other, strict=True):
            single = mine.astype(float) - its
            single -= single.mean()
            if self.groups is not None:
                single = np.bincount(np.unique(self.groups[test], return_inverse=True)[1], weights=single)
            variances.append(float((single**2).sum()) / len(mine) ** 2)
        return float(np.mean(variances))


class OneTestSet(TestedRepeats):
    """One test set, either of one random split or given for all repeats.

    More trainings say more about the mean over trainings but nothing about other test images. The intervals are
    therefore those of one test set: an image that is predicted right in a share p of the trainings adds at most
    p (1 - p) to the variance, so that Wilson's interval of the mean is never too narrow.
    """

    @property
    def test(self) -> str:
        """The name of the paired test."""
        repeats = len(self.repeats)
        averaged = f", counts averaged over {repeats} repeats" if repeats > 1 else ""
        return name_test(None if self.groups is None else self.groups[self.tests[0]]) + averaged

    @property
    def interval(self) -> str:
        """What the intervals are."""
        repeats = f"means over {len(self.repeats)} repeats" if len(self.repeats) > 1 else "one repeat"
        kind = "Wilson's" if self.groups is None else "Student's over groups"
        return f"{repeats} with 95 % intervals of the test images, that of accuracy {kind}"

    def compare(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> PairedTest:
        """Return the difference of two strategies, with McNemar's test or the test over groups."""
        groups = None if self.groups is None else self.groups[self.tests[0]]
        return compare_paired(np.array(right), np.array(other), groups=groups)

    compare_once = compare

    def spread(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
        """Return the standard deviation of a difference due to sampling the test images."""
        # The resolution of an accuracy is one image.
        return max(1 / self.n_test, math.sqrt(self._image_variance(right, other)))

    def figures(self, answers: Sequence[np.ndarray]) -> tuple[Estimate, Estimate]:
        """Return accuracy and macro F1, means over the repeats, with the intervals of one test set."""
        pooled = self._pooled(answers)
        value, found = float(np.mean(self._macro_f1s(answers))), pooled["macro_f1"]
        if not found.has_interval:
            return pooled["accuracy"], Estimate(value, reason=found.reason)
        return pooled["accuracy"], Estimate(value, min(value, found.low), max(value, found.high))

    def independent(self, accuracies: Sequence[float]) -> Sequence[float]:
        """Return the mean alone: trainings that are judged by the same images say nothing about others."""
        return [float(np.mean(accuracies))]


class RandomTestSets(TestedRepeats):
    """A test set for each of several random splits; the test sets share images."""

    @property
    def test(self) -> str:
        """The name of the paired test."""
        groups = "" if self.groups is None else ", and exact sign-flip test over the groups; the larger p"
        return f"corrected resampled t-test over {len(self.repeats)} repeats{groups}"

    @property
    def interval(self) -> str:
        """What the intervals are."""
        return (
            f"means over {len(self.repeats)} repeats with 95 % intervals of Student's t, corrected for the images "
            "that the repeats share (Nadeau and Bengio 2003)"
        )

    def compare(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> PairedTest:
        """Return the difference of two strategies, with the corrected resampled t-test."""
        gains = _gains(right, other)
        found = corrected_test(gains, n_train=self.n_outside, n_test=self.n_test, n_groups=self.n_groups)
        if self.groups is None or not found.difference.has_interval:
            return found
        # However often a group is tested, it is one group: repeats may not say more than testing each group once.
        once = self.compare_once(right, other)
        p_value = max(found.p_value, once.p_value)
        return dataclasses.replace(
            found,
            difference=widen_interval(found.difference, once.difference.low, once.difference.high, p_value=p_value),
            p_value=p_value,
            smallest_p=once.smallest_p,
            detectable=float(np.maximum(found.detectable, once.detectable)),
        )

    def compare_once(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> PairedTest:
        """Return the test over all images that were tested, each as in the first repeat that tested it."""
        test, first = np.unique(np.concatenate(self.tests), return_index=True)
        groups = None if self.groups is None else self.groups[test]
        return compare_paired(np.concatenate(right)[first], np.concatenate(other)[first], groups=groups)

    def spread(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
        """Return the standard deviation of a difference from split to split, at least that of sampling images."""
        # Test sets are drawn from the same images, so they differ by less than test sets of other images would.
        least = self._image_variance(right, other) * self.n_outside / len(self.truth)
        return max(1 / self.n_test, math.sqrt(least), float(np.std(_gains(right, other), ddof=1)))

    def figures(self, answers: Sequence[np.ndarray]) -> tuple[Estimate, Estimate]:
        """Return accuracy and macro F1, means over the repeats, with corrected intervals."""
        accuracies = [float(right.mean()) for right in self.right(answers)]
        pooled = self._pooled(answers)
        accuracy, macro_f1 = (
            corrected_interval(values, n_train=self.n_outside, n_test=self.n_test, pooled=pooled[name])
            for name, values in (("accuracy", accuracies), ("macro_f1", self._macro_f1s(answers)))
        )
        return accuracy, macro_f1

    def independent(self, accuracies: Sequence[float]) -> Sequence[float]:
        """Return all of them: each repeat has its own test set."""
        return accuracies


def _gains(right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> np.ndarray:
    """Return the difference in accuracy in each repeat."""
    return np.array([a.mean() - b.mean() for a, b in zip(right, other, strict=True)])
