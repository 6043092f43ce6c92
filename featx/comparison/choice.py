"""Choose a strategy by accuracies, their pairwise differences and costs, or say that it is undecided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .size_result import StrategyResult
from .strategy_pairs import PairResult

__all__ = ["Choice", "ComparedStrategies", "choose"]

# Differences in cost that count as none: a tenth of a minute, or a twentieth of the higher cost. Timings of the same
# run differ by as much.
NEGLIGIBLE_SECONDS = 6.0
NEGLIGIBLE_SHARE = 0.05
# A cost is far higher from this factor on: the difference remains on another machine, or on a busy one.
FAR_MORE = 2.0
# Accuracies are means of fractions, so a difference of exactly the margin can be computed as a little less.
ROUNDING = 1e-9


@dataclass(frozen=True)
class Choice:
    """Which strategy to use.

    Attributes
    ----------
    answer : {"use", "equal", "undecided"}
    use : str
        If undecided, what to use meanwhile.
    equal : list of str
        The strategies that are equal to `use`: the whole interval of the difference is inside the margin.
    worse : list of str
        The strategies than which some other is distinguishably better, and not equal within the margin.
    undecided : list of str
        The strategies between which it is undecided, the highest accuracy first; otherwise empty.
    """

    answer: str
    use: str
    equal: list[str]
    worse: list[str]
    undecided: list[str]


class ComparedStrategies:
    """The strategies at one size and how they relate to each other.

    Parameters
    ----------
    strategies : sequence of StrategyResult
    pairs : sequence of PairResult
        All pairs of them, each once.
    margin : float
        The difference in accuracy that does not matter.
    """

    def __init__(self, strategies: Sequence[StrategyResult], pairs: Sequence[PairResult], margin: float) -> None:
        # Of equal accuracies the cheaper comes first.
        self.strategies = sorted(strategies, key=lambda s: (-s.accuracy.value, s.cost))
        self.margin = margin
        self._pairs = {(pair.first, pair.second): pair for both in pairs for pair in (both, both.flipped())}

    def pair(self, one: StrategyResult, other: StrategyResult) -> PairResult:
        """Return the difference of the first from the second."""
        return self._pairs[one.strategy, other.strategy]

    def others(self, one: StrategyResult) -> list[StrategyResult]:
        """Return all strategies but one."""
        return [s for s in self.strategies if s is not one]

    def better(self, one: StrategyResult, other: StrategyResult) -> bool:
        """Return whether the first is distinguishably better, and not equal within the margin."""
        return self.pair(one, other).better() and not self.equal(one, other)

    def equal(self, one: StrategyResult, other: StrategyResult) -> bool:
        """Return whether they are equal within the margin."""
        return self.pair(one, other).equal(self.margin)

    def worse(self, one: StrategyResult) -> bool:
        """Return whether another strategy is better."""
        return any(self.better(other, one) for other in self.others(one))

    def safe(self, one: StrategyResult) -> bool:
        """Return whether no other strategy is plausibly better by the margin."""
        return all(self.pair(one, other).no_worse(self.margin) for other in self.others(one))

    def decided(self, one: StrategyResult, other: StrategyResult) -> bool:
        """Return whether it would be decided which to use if there were only these two."""
        pair = self.pair(one, other)
        return (
            pair.better()
            or pair.flipped().better()
            or (pair.no_worse(self.margin) and costs_no_more(one, other))
            or (pair.flipped().no_worse(self.margin) and costs_no_more(other, one))
        )


def choose(compared: ComparedStrategies) -> Choice:
    """Return which strategy to use.

    A strategy is safe if no other is plausibly better by the margin; the cheapest safe strategy is chosen. This is
    decided if every other strategy is safe too, or is no cheaper, or is distinguishably worse than some other.
    Otherwise a cheaper strategy that may be as good would be rejected for an accuracy that was not shown.

    While it is undecided, the strategy of the highest accuracy is to be used, unless it costs far more for a gain of
    less than the margin.
    """
    strategies = compared.strategies
    worse = [s for s in strategies if compared.worse(s)]
    safe = [s for s in strategies if compared.safe(s)]
    if safe:
        use = _cheapest(safe)
        if all(other in safe or other in worse or costs_no_more(use, other) for other in compared.others(use)):
            equal = [other.strategy for other in compared.others(use) if compared.equal(use, other)]
            return Choice("equal" if equal else "use", use.strategy, equal, [s.strategy for s in worse], [])
    best = strategies[0]
    rest = [s for s in strategies if s not in worse]
    far_cheaper = [
        s
        for s in rest
        if best.accuracy.value - s.accuracy.value < compared.margin - ROUNDING
        and not costs_no_more(best, s)
        and best.cost >= FAR_MORE * s.cost
    ]
    use = _cheapest(far_cheaper) if far_cheaper else best
    equal = [other.strategy for other in compared.others(use) if compared.equal(use, other)]
    return Choice("undecided", use.strategy, equal, [s.strategy for s in worse], [s.strategy for s in rest])


def costs_no_more(one: StrategyResult, other: StrategyResult) -> bool:
    """Return whether the first costs no more than the second, within what timings differ by."""
    negligible = max(NEGLIGIBLE_SECONDS, NEGLIGIBLE_SHARE * max(one.cost, other.cost))
    return one.cost <= other.cost + negligible


def _cheapest(strategies: Sequence[StrategyResult]) -> StrategyResult:
    """Return the most accurate of those that cost no more than the cheapest; of equal accuracies the cheaper."""
    cheapest = min(strategies, key=lambda s: s.cost)
    return min([s for s in strategies if costs_no_more(s, cheapest)], key=lambda s: (-s.accuracy.value, s.cost))
