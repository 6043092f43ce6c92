"""The runs of a comparison go in; figures with intervals and paired p-values, for each training size, come out."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .baseline import largest_class
from .comparison_plan import Repeat
from .comparison_result import CurveResult
from .estimates import Estimate
from .learning_curves import extrapolate
from .metrics import confusion_matrix, interval_notes, per_class, score_classes, score_predictions
from .paired import ALPHA, PairedTest, compare_paired, name_test, widened
from .repeats import corrected_interval, corrected_test
from .runs import RunOutcome
from .size_result import SizeResult, StrategyResult
from .strategy_pairs import PairResult, adjust_pairs
from .verdicts import Design, pass_verdict

__all__ = ["Figures"]


@dataclass(frozen=True)
class Figures:
    """What turns runs into figures.

    Attributes
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers of all images.
    n_classes : int
    groups : ndarray or None
    plan : list of Repeat
    kinds : mapping of strategy to its kind
    random_state : int
    margin : float
        The difference in accuracy that does not matter.
    """

    truth: np.ndarray
    n_classes: int
    groups: np.ndarray | None
    plan: Sequence[Repeat]
    kinds: Mapping[str, str]
    random_state: int
    margin: float = 0.01

    @property
    def n_test(self) -> int:
        """Test images of a repeat."""
        return round(float(np.mean([len(repeat.test) for repeat in self.plan])))

    @property
    def test(self) -> str:
        """The name of the paired test."""
        if len(self.plan) > 1:
            groups = "" if self.groups is None else ", and exact sign-flip test over the groups; the larger p"
            return f"corrected resampled t-test over {len(self.plan)} repeats{groups}"
        return name_test(None if self.groups is None else self.groups[self.plan[0].test])

    @property
    def interval(self) -> str:
        """What the intervals are."""
        if len(self.plan) > 1:
            return (
                f"means over {len(self.plan)} repeats with 95 % intervals of Student's t, corrected for the images "
                "that the repeats share (Nadeau and Bengio 2003)"
            )
        kind = "Wilson's" if self.groups is None else "Student's over groups"
        return f"one repeat with 95 % intervals of the test images, that of accuracy {kind}"

    def size(self, number: int, runs: Mapping[str, Sequence[RunOutcome]]) -> SizeResult:
        """Return the figures at one training size.

        Parameters
        ----------
        number : int
            Which of the sizes.
        runs : mapping of strategy to its outcome in each repeat
        """
        found = sorted(
            (self._strategy(name, of) for name, of in runs.items()), key=lambda s: (-s.accuracy.value, s.cost)
        )
        right = {s.strategy: self._right(runs[s.strategy]) for s in found}
        pairs = adjust_pairs([self._pair(*names, right) for names in itertools.combinations(right, 2)])
        rows = [repeat.trains[number] for repeat in self.plan]
        n_train = round(float(np.mean([len(some) for some in rows])))
        per_class = n_train / self.n_classes
        always = [
            self.truth[repeat.test] == largest_class(self.truth[some], self.n_classes)
            for repeat, some in zip(self.plan, rows, strict=True)
        ]
        groups = (None, 0) if self.groups is None else (len(np.unique(self.groups)), self._n_groups or 0)
        design = Design(len(self.truth), self.n_test, len(self.plan), n_train, per_class, *groups)
        return SizeResult(
            n_train=n_train,
            per_class=per_class,
            fewest=min(int(np.bincount(self.truth[some], minlength=self.n_classes).min()) for some in rows),
            strategies=found,
            pairs=pairs,
            baseline=float(np.mean([one.mean() for one in always])),
            verdict=pass_verdict(found, pairs, design=design, margin=self.margin),
            warnings=[text for name in right if (text := self._warning(name, right[name], always))],
        )

    def curve(self, strategy: str, sizes: Sequence[SizeResult]) -> CurveResult:
        """Return a strategy's accuracy against training size, with the extrapolation to twice the largest."""
        found = [next(s for s in size.strategies if s.strategy == strategy) for size in sizes]
        counts = [size.n_train for size in sizes]
        beyond = None
        if len(set(counts)) > 1:
            accuracies = [s.accuracies for s in found]
            beyond = extrapolate(
                counts, accuracies, n_train=self._n_outside, n_test=self.n_test, random_state=self.random_state
            )
        return CurveResult(strategy, counts, [s.accuracy for s in found], beyond)

    def notes(self, sizes: Sequence[SizeResult]) -> list[str]:
        """Return which figures have no interval and why, and whether groups are few."""
        found = [{"accuracy": s.accuracy, "macro_f1": s.macro_f1} for size in sizes for s in size.strategies]
        test = np.concatenate([repeat.test for repeat in self.plan])
        return interval_notes(found, groups=None if self.groups is None else self.groups[test])

    @property
    def _n_outside(self) -> int:
        return len(self.truth) - self.n_test

    @functools.cached_property
    def _n_groups(self) -> int | None:
        """Different groups among the test images of all repeats."""
        if self.groups is None:
            return None
        return len(np.unique(np.concatenate([self.groups[repeat.test] for repeat in self.plan])))

    def _strategy(self, name: str, runs: Sequence[RunOutcome]) -> StrategyResult:
        accuracies = [float(right.mean()) for right in self._right(runs)]
        if len(runs) > 1:
            f1s = [self._macro_f1(repeat, run) for repeat, run in zip(self.plan, runs, strict=True)]
            pooled = self._pooled(runs)
            accuracy, macro_f1 = (
                corrected_interval(values, n_train=self._n_outside, n_test=self.n_test, pooled=pooled[name])
                for name, values in (("accuracy", accuracies), ("macro_f1", f1s))
            )
        else:
            accuracy, macro_f1 = self._single(runs[0])
        stages = ("extraction", "training", "prediction")
        return StrategyResult(
            strategy=name,
            kind=self.kinds[name],
            accuracy=accuracy,
            macro_f1=macro_f1,
            accuracies=accuracies,
            train_accuracy=_mean([run.train_accuracy for run in runs]),
            validation_accuracy=_mean([run.validation_accuracy for run in runs]),
            seconds={stage: float(np.mean([run.seconds[stage] for run in runs])) for stage in stages},
        )

    def _single(self, run: RunOutcome) -> tuple[Estimate, Estimate]:
        test = self.plan[0].test
        groups = None if self.groups is None else self.groups[test]
        found = score_predictions(self.truth[test], run.probabilities, groups=groups, random_state=self.random_state)
        return found["accuracy"], found["macro_f1"]

    def _pooled(self, runs: Sequence[RunOutcome]) -> dict[str, Estimate]:
        """Return the figures of all images that were tested, each counted once however often it was tested."""
        test = np.concatenate([repeat.test for repeat in self.plan])
        return score_classes(
            self.truth[test],
            np.concatenate([run.probabilities.argmax(axis=1) for run in runs]),
            n_classes=self.n_classes,
            groups=None if self.groups is None else self.groups[test],
            weights=1 / np.bincount(test)[test],
        )

    def _macro_f1(self, repeat: Repeat, run: RunOutcome) -> float:
        """Return the mean F1 over the classes that occur, as `score_predictions` has it."""
        matrix = confusion_matrix(self.truth[repeat.test], run.probabilities.argmax(axis=1), self.n_classes)
        return float(per_class(matrix)[2][matrix.sum(axis=0) + matrix.sum(axis=1) > 0].mean())

    def _right(self, runs: Sequence[RunOutcome]) -> list[np.ndarray]:
        return [
            run.probabilities.argmax(axis=1) == self.truth[repeat.test]
            for repeat, run in zip(self.plan, runs, strict=True)
        ]

    def _pair(self, first: str, second: str, right: Mapping[str, Sequence[np.ndarray]]) -> PairResult:
        test = self._compare(right[first], right[second])
        return PairResult(
            first, second, test.difference, test.p_value, test.p_value, test.detectable,
            self._spread(right[first], right[second]),
        )  # fmt: skip

    def _compare(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> PairedTest:
        if len(self.plan) == 1:
            groups = None if self.groups is None else self.groups[self.plan[0].test]
            return compare_paired(right[0], other[0], groups=groups)
        gains = _gains(right, other)
        found = corrected_test(gains, n_train=self._n_outside, n_test=self.n_test, n_groups=self._n_groups)
        if self.groups is None or not found.difference.has_interval:
            return found
        # However often a group is tested, it is one group: repeats may not say more than all of them tested once.
        once = self._compare_once(right, other)
        p_value = max(found.p_value, once.p_value)
        return dataclasses.replace(
            found,
            difference=widened(found.difference, once.difference.low, once.difference.high, p_value=p_value),
            p_value=p_value,
            smallest_p=once.smallest_p,
            detectable=float(np.maximum(found.detectable, once.detectable)),
        )

    def _compare_once(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> PairedTest:
        """Return the test over all images that were tested, each when it was tested first."""
        test, first = np.unique(np.concatenate([repeat.test for repeat in self.plan]), return_index=True)
        groups = None if self.groups is None else self.groups[test]
        return compare_paired(np.concatenate(right)[first], np.concatenate(other)[first], groups=groups)

    def _spread(self, right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> float:
        """Return the standard deviation of a difference from split to split, at least what its images say of it."""
        variances = []
        for repeat, mine, its in zip(self.plan, right, other, strict=True):
            single = mine.astype(float) - its
            single -= single.mean()
            if self.groups is not None:
                single = np.bincount(np.unique(self.groups[repeat.test], return_inverse=True)[1], weights=single)
            variances.append(float((single**2).sum()) / len(mine) ** 2)
        # Test sets are drawn from the same images, so they differ by less than those of other images would.
        least = np.mean(variances) * (1 if len(self.plan) == 1 else self._n_outside / len(self.truth))
        seen = 0.0 if len(self.plan) == 1 else float(np.std(_gains(right, other), ddof=1))
        # Accuracies resolve no more than one image.
        return max(1 / self.n_test, math.sqrt(least), seen)

    def _warning(self, name: str, right: Sequence[np.ndarray], always: Sequence[np.ndarray]) -> str:
        """Return a sentence if a strategy does not beat the largest class, where so few images or groups can tell."""
        test = self._compare_once(right, always)
        if test.difference.value > 0 and (test.p_value < ALPHA or test.smallest_p >= ALPHA):
            return ""
        found, baseline = (100 * float(np.mean([one.mean() for one in some])) for some in (right, always))
        verb = "is no better than" if test.difference.value <= 0 else "is not distinguishably better than"
        return f"{name}, {found:.1f} %, {verb} always answering the largest class, {baseline:.1f} %"


def _gains(right: Sequence[np.ndarray], other: Sequence[np.ndarray]) -> np.ndarray:
    """Return the difference in accuracy in each repeat."""
    return np.array([a.mean() - b.mean() for a, b in zip(right, other, strict=True)])


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
