"""Summary statistics of runs: accuracies with intervals, paired tests and learning curves, for each training size."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..choices import StrategyKind
from ..display.quantities import percent_text
from ..evaluation.baseline import largest_class
from ..evaluation.class_rates import class_rates
from ..evaluation.learning_curves import extrapolate_accuracy
from ..evaluation.metrics import interval_notes
from ..evaluation.paired import SIGNIFICANCE
from .repeats import Repeat
from .result import CurveResult
from .runner import RunResult
from .size_result import SizeResult, StrategyResult
from .strategy_pairs import PairResult, adjust_pairs
from .strategy_traits import StrategyTraits
from .tested_repeats import OneTestSet, RandomTestSets, TestedRepeats
from .verdict import SampleSizes, pass_verdict

__all__ = ["SummaryStatistics", "pair_result"]


@dataclass(frozen=True)
class SummaryStatistics:
    """Computes the figures of a comparison from the results of its runs.

    Attributes
    ----------
    truth : ndarray of int, shape (n,)
        Class numbers of all images.
    n_classes : int
    groups : ndarray or None
    repeats : list of Repeat
    kinds : mapping of strategy to its kind
    random_state : int
    margin : float
        The difference in accuracy that does not matter.
    given : bool
        Whether one given test set judges all repeats.
    names : sequence of str, default=()
        Of the sizes, if they have names.
    trains : mapping of strategy to its training rows, default={}
        For each repeat those of each size, where a strategy has fewer than the others.
    traits : mapping of strategy to StrategyTraits, default={}
    """

    truth: np.ndarray
    n_classes: int
    groups: np.ndarray | None
    repeats: Sequence[Repeat]
    kinds: Mapping[str, StrategyKind]
    random_state: int
    margin: float = 0.01
    given: bool = False
    names: Sequence[str] = ()
    trains: Mapping[str, Sequence[Sequence[np.ndarray]]] = field(default_factory=dict)
    traits: Mapping[str, StrategyTraits] = field(default_factory=dict)
    _tested: dict[int, TestedRepeats] = field(default_factory=dict, repr=False)

    @functools.cached_property
    def tested(self) -> TestedRepeats:
        """The test images of all repeats, which say how certain accuracies are; those of the largest size."""
        return self.tested_at(-1)

    def tested_at(self, number: int) -> TestedRepeats:
        """Return the test images of all repeats at one of the sizes."""
        if number in self._tested:
            return self._tested[number]
        kind = OneTestSet if self.given or len(self.repeats) == 1 else RandomTestSets
        return self._tested.setdefault(number, kind(self.truth, self.n_classes, self.groups, self.repeats, number))

    def size(self, number: int, runs: Mapping[str, Sequence[RunResult]]) -> SizeResult:
        """Return the figures at one training size.

        Parameters
        ----------
        number : int
            Which of the sizes.
        runs : mapping of str to sequence of RunResult
            The results of each strategy, one a repeat.
        """
        found = sorted(
            (self._strategy(name, of, number) for name, of in runs.items()), key=lambda s: (-s.accuracy.value, s.cost)
        )
        tested = self.tested_at(number)
        right = {s.strategy: tested.right(_answers(runs[s.strategy])) for s in found}
        pairs = adjust_pairs([pair_result(tested, *names, right) for names in itertools.combinations(right, 2)])
        rows = [repeat.trains[number] for repeat in self.repeats]
        n_train = round(float(np.mean([len(some) for some in rows])))
        per_class = n_train / self.n_classes
        always = [
            self.truth[test] == largest_class(self.truth[some], self.n_classes, self.truth[test])
            for test, some in zip(tested.tests, rows, strict=True)
        ]
        sample = SampleSizes(
            len(self.truth),
            tested.n_test,
            len(self.repeats),
            n_train,
            per_class,
            groups=None if self.groups is None else len(np.unique(self.groups)),
            groups_tested=tested.n_groups or 0,
            given=self.given,
            name=self.names[number] if self.names else "",
        )
        return SizeResult(
            n_train=n_train,
            per_class=per_class,
            fewest=min(int(np.bincount(self.truth[some], minlength=self.n_classes).min()) for some in rows),
            strategies=found,
            pairs=pairs,
            baseline=float(np.mean([one.mean() for one in always])),
            verdict=pass_verdict(found, pairs, sizes=sample, margin=self.margin),
            warnings=_warnings(tested, right, always),
            name=self.names[number] if self.names else "",
            n_test=tested.n_test,
        )

    def curve(self, strategy: str, sizes: Sequence[SizeResult]) -> CurveResult:
        """Return the accuracy of a strategy against the images that it trained on.

        It is extrapolated to twice the images where it trained on all of each size, and all sizes have the same test
        images.
        """
        found = [next(s for s in size.strategies if s.strategy == strategy) for size in sizes]
        counts = [s.n_train for s in found]
        beyond = None
        every = counts == [size.n_train for size in sizes]
        if every and len(set(counts)) > 1 and all(repeat.own_tests is None for repeat in self.repeats):
            tested = self.tested
            accuracies = [tested.independent(s.accuracies) for s in found]
            beyond = extrapolate_accuracy(
                counts, accuracies, n_train=tested.n_outside, n_test=tested.n_test, random_state=self.random_state
            )
        return CurveResult(strategy, counts, [s.accuracy for s in found], beyond)

    def notes(self, sizes: Sequence[SizeResult]) -> list[str]:
        """Return notes on figures without an interval, with the reason, and on too few groups."""
        found = [{"accuracy": s.accuracy, "macro_f1": s.macro_f1} for size in sizes for s in size.strategies]
        test = np.concatenate([rows for number in range(len(sizes)) for rows in self.tested_at(number).tests])
        return interval_notes(found, groups=None if self.groups is None else self.groups[test])

    def _strategy(self, name: str, runs: Sequence[RunResult], number: int) -> StrategyResult:
        answers, tested = _answers(runs), self.tested_at(number)
        accuracy, macro_f1 = tested.figures(answers)
        stages = ("extraction", "training", "prediction")
        trains = self.trains.get(name, [repeat.trains for repeat in self.repeats])
        n_train = round(float(np.mean([len(rows[number]) for rows in trains])))
        confusion = tested.confusion(answers)
        return StrategyResult(
            strategy=name,
            kind=self.kinds[name],
            accuracy=accuracy,
            macro_f1=macro_f1,
            accuracies=[float(right.mean()) for right in tested.right(answers)],
            train_accuracy=_mean([run.train_accuracy for run in runs]),
            validation_accuracy=_mean([run.validation_accuracy for run in runs]),
            seconds={stage: float(np.mean([run.seconds[stage] for run in runs])) for stage in stages},
            n_train=n_train,
            per_class=n_train / self.n_classes,
            traits=self.traits.get(name, StrategyTraits()),
            epochs=_mean([len(run.history["epoch"]) if run.history and "epoch" in run.history else None
                          for run in runs]),
            histories=[run.history for run in runs],
            best_epochs=[run.best_epoch for run in runs],
            confusion=confusion,
            rates=class_rates(confusion)._asdict(),
        )  # fmt: skip


def pair_result(
    tested: TestedRepeats, first: str, second: str, right: Mapping[str, Sequence[np.ndarray]]
) -> PairResult:
    """Return the difference of two strategies, from which test images each predicted right in each repeat."""
    test = tested.compare(right[first], right[second])
    return PairResult(
        first, second, test.difference, test.p_value, test.p_value, test.detectable,
        tested.spread(right[first], right[second]),
    )  # fmt: skip


def _warnings(
    tested: TestedRepeats, right: Mapping[str, Sequence[np.ndarray]], always: Sequence[np.ndarray]
) -> list[str]:
    """Return a sentence on strategies that do not beat the largest class, if there are enough images to tell."""
    found: dict[str, list[str]] = {}
    for name, answers in right.items():
        test = tested.compare_once(answers, always)
        if test.difference.value <= 0 or test.p_value >= SIGNIFICANCE > test.smallest_p:
            what = "no" if test.difference.value <= 0 else "not distinguishably"
            found.setdefault(what, []).append(f"{name} ({percent_text(_share(answers))})")
    sentences = []
    for what, names in found.items():
        who = " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
        verb = "is" if len(names) == 1 else "are"
        baseline = f"always answering the largest class ({percent_text(_share(always))})"
        sentences.append(f"{who} {verb} {what} better than {baseline}")
    return sentences


def _share(answers: Sequence[np.ndarray]) -> float:
    return float(np.mean([one.mean() for one in answers]))


def _answers(runs: Sequence[RunResult]) -> list[np.ndarray]:
    return [run.answers for run in runs]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
