"""The verdict of a comparison in words: which strategy to use at one training size, why, and what would decide it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..display.quantities import duration_text, percent_text, points_text
from ..evaluation.paired import SIGNIFICANCE
from ..evaluation.power import MOST_REPEATS, USUAL_REPEATS, OpenComparison
from .choice import Choice, ComparedStrategies, choose, costs_no_more
from .size_result import StrategyResult, Verdict
from .strategy_pairs import PairResult

__all__ = ["SampleSizes", "pass_verdict"]

# The most strategies that a sentence names; the tables have all of them.
NAMED_STRATEGIES = 4
# With fewer groups the sign-flip test finds nothing.
ENOUGH_GROUPS = 6
# A chance as small as this is not mentioned.
UNLIKELY = 0.2
LEADS = {"use": "", "equal": "equal within {margin}; ", "undecided": "undecided; meanwhile "}


@dataclass(frozen=True)
class SampleSizes:
    """How many images, repeats and groups the figures are from.

    Attributes
    ----------
    n_images, n_test : int
        Images in all, and test images of a repeat.
    repeats : int
    n_train : int
        Training images at this size.
    per_class : float
        Training images of a class, on average.
    groups, groups_tested : int, default=None and 0
        Groups in all, and those that some repeat tests, if there are groups.
    given : bool, default=False
        Whether one given test set judges all repeats.
    name : str, default=""
        Of the size.
    """

    n_images: int
    n_test: int
    repeats: int
    n_train: int
    per_class: float
    groups: int | None = None
    groups_tested: int = 0
    given: bool = False
    name: str = ""


def pass_verdict(
    strategies: Sequence[StrategyResult], pairs: Sequence[PairResult], *, sizes: SampleSizes, margin: float = 0.01
) -> Verdict:
    """Return which strategy to use: one, the cheapest of equal ones, or undecided with what would decide it.

    For each pair, the accuracy that may plausibly be lost (the interval of the difference) is weighed against the cost
    (the seconds of extraction and training); see `choose`.

    Parameters
    ----------
    strategies : sequence of StrategyResult
    pairs : sequence of PairResult
        All pairs of them, each once.
    sizes : SampleSizes
    margin : float, default=0.01
        The difference in accuracy that does not matter.
    """
    compared = ComparedStrategies(strategies, pairs, margin)
    found = choose(compared)
    best, by_name = compared.strategies[0], {s.strategy: s for s in compared.strategies}
    use = by_name[found.use]
    repeats, images, needs = None, None, ""
    if found.answer == "undecided":
        repeats, images, needs = _what_would_decide(compared, use, found, sizes)
    # Without a rival the best is the only strategy, or the others are not distinguishably worse.
    rivals = [s for s in compared.others(use) if compared.better(use, s)]
    per_point = None
    if found.answer == "use" and rivals and not costs_no_more(use, rivals[0]):
        per_point = (use.cost - rivals[0].cost) / (100 * compared.pair(use, rivals[0]).difference.value)
    heading = f"at {sizes.name}{', ' if sizes.name else ''}{sizes.n_train:,} images ({sizes.per_class:,.0f} a class): "
    lead = LEADS[found.answer].format(margin=points_text(margin, "g"))
    reasons = {"use": _why, "equal": _why_equal, "undecided": _why_undecided}[found.answer](compared, use, found)
    if worse := [name for name in found.worse if found.answer == "undecided" or name not in _strategies(rivals)]:
        reasons.append(f"{_list(worse)} {'is' if len(worse) == 1 else 'are'} distinguishably worse")
    return Verdict(
        answer=found.answer,
        best=best.strategy,
        use=use.strategy,
        equal=found.equal,
        worse=found.worse,
        undecided=found.undecided,
        margin=margin,
        repeats_needed=repeats,
        images_needed=images,
        seconds_per_point=per_point,
        text=f"{heading}{lead}use {_named(use)}",
        reasons=[*reasons, *([needs] if needs else [])],
    )


def _why(compared: ComparedStrategies, use: StrategyResult, found: Choice) -> list[str]:
    """Return why one strategy is to be used, with the cost of its gain."""
    if len(compared.strategies) == 1:
        return ["no other strategy was compared"]
    others = compared.others(use)
    beaten = [s for s in others if compared.better(use, s)]
    reasons = [_price(compared, use, beaten[0], ", the next best" if len(beaten) > 1 else "")] if beaten else []
    if len(beaten) > 1:
        named = "all others" if len(beaten) == len(others) else _list(_strategies(beaten))
        reasons.insert(0, f"better than {named}")
        cheapest = min(beaten, key=lambda s: s.cost)
        if cheapest is not beaten[0] and not costs_no_more(use, cheapest):
            reasons.append(_price(compared, use, cheapest, ", the cheapest"))
    if costlier := [s for s in others if s not in beaten and s.strategy not in found.worse]:
        most = max(-compared.pair(use, s).difference.low for s in costlier)
        gain = f"at most {points_text(most)} better" if most > 0 else "no better"
        verb = "costs" if len(costlier) == 1 else "cost"
        are = "is" if verb == "costs" else "are"
        reasons.append(f"{_list(_strategies(costlier))} {verb} about as much or more, and {are} {gain}")
    return reasons


def _why_equal(compared: ComparedStrategies, use: StrategyResult, found: Choice) -> list[str]:
    reasons = []
    for other in [s for s in compared.others(use) if s.strategy in found.equal][:NAMED_STRATEGIES]:
        saved = other.cost - use.cost
        cost = f"costs {duration_text(saved)} more" if not costs_no_more(other, use) else "costs about the same"
        reasons.append(f"{_named(other)}, {cost}; {_range(compared.pair(other, use))}")
    beaten = [s for s in compared.others(use) if compared.better(use, s)]
    if beaten:
        reasons.append(_price(compared, use, beaten[0], ", the next best" if len(beaten) > 1 else ""))
    return reasons


def _why_undecided(compared: ComparedStrategies, use: StrategyResult, found: Choice) -> list[str]:
    best = compared.strategies[0]
    if use is best:
        cheaper = [s for s in compared.others(use) if s.strategy in found.undecided and not costs_no_more(use, s)]
        reasons = ["it has the best figure" + ("" if cheaper else ", and none is much cheaper")]
    else:
        behind = best.accuracy.value - use.accuracy.value
        times = best.cost / use.cost if use.cost else math.inf
        factor = f"{times:.1f} times as much" if times < 100 else "over 100 times as much"
        reasons = [f"{best.strategy} is ahead by {points_text(behind)}, less than the margin, and costs {factor}"]
    for other in [s for s in compared.others(use) if s.strategy in found.undecided][:NAMED_STRATEGIES]:
        pair = compared.pair(other, use)
        reasons.append(f"{_named(other)}: {_range(pair)}{_among(pair)}{_cost(use, other)}")
    if (more := len(found.undecided) - 1 - NAMED_STRATEGIES) > 0:
        reasons.append(f"and {more} more that may be better")
    return reasons


def _what_would_decide(
    compared: ComparedStrategies, use: StrategyResult, found: Choice, sizes: SampleSizes
) -> tuple[int | None, int | None, str]:
    """Return the repeats or the images that would decide it, as far as is known, and the sentence."""
    rest = [s for s in compared.strategies if s.strategy in found.undecided]
    open_pairs = [(use, s) for s in rest if s is not use and not compared.decided(use, s)]
    if not open_pairs:
        open_pairs = [(a, b) for i, a in enumerate(rest) for b in rest[i + 1 :] if not compared.decided(a, b)]
    if sizes.groups is not None and sizes.groups_tested < ENOUGH_GROUPS:
        start = f"to decide: at least {ENOUGH_GROUPS} different groups among the test images, of which there are "
        more = "more repeats test others" if sizes.groups > ENOUGH_GROUPS else "the data set has too few"
        more = "repeats test no others" if sizes.given else more
        return None, None, f"{start}{sizes.groups_tested}; {more}"
    comparisons = [_open_comparison(compared, *both, sizes) for both in open_pairs]
    if sizes.given:
        return _more_test_images(comparisons, sizes)
    needed = [comparison.repeats_needed() for comparison in comparisons]
    if needed and None not in needed:
        repeats = max(number for number in needed if number is not None)
        least = ", or more" if sizes.repeats == 1 else ""
        return repeats, None, f"to decide: about {repeats} repeats in all{least}, if the figures stay as they are"
    times = [comparison.times_needed() for comparison in comparisons]
    if not times or None in times:
        return None, None, "to decide: neither more repeats nor a thousand times the images would do"
    images = _round(sizes.n_images * max(number for number in times if number is not None))
    repeats, most = max(USUAL_REPEATS, sizes.repeats), max(MOST_REPEATS, 2 * sizes.repeats)
    might = "would not" if min(comparison.probability(most) for comparison in comparisons) < UNLIKELY else "might not"
    return None, images, (
        f"to decide: more images, roughly {images:,} in all with {repeats} repeats; on these {sizes.n_images:,} even "
        f"{most} repeats {might} do"
    )  # fmt: skip


def _more_test_images(comparisons: Sequence[OpenComparison], sizes: SampleSizes) -> tuple[None, int | None, str]:
    """Return the size of a given test set that would decide it, and the sentence."""
    times = [comparison.test_times_needed() for comparison in comparisons]
    if not times or None in times:
        return None, None, "to decide: not even a thousand times the test images would do, and repeats add none"
    images = _round(sizes.n_test * max(number for number in times if number is not None))
    return None, images, (
        f"to decide: more test images, roughly {images:,} in all, if the figures stay as they are; repeats add none"
    )  # fmt: skip


def _open_comparison(
    compared: ComparedStrategies, one: StrategyResult, other: StrategyResult, sizes: SampleSizes
) -> OpenComparison:
    pair = compared.pair(one, other)
    return OpenComparison(
        difference=pair.difference.value,
        spread=pair.spread,
        ratio=sizes.n_test / (sizes.n_images - sizes.n_test),
        # Trainings that are judged by the same images say no more about their spread than one training.
        repeats=1 if sizes.given else sizes.repeats,
        margin=compared.margin,
        first_costs_no_more=costs_no_more(one, other),
        second_costs_no_more=costs_no_more(other, one),
        p_value_factor=max(1.0, pair.p_adjusted / pair.p_value) if pair.p_value else 1.0,
    )


def _price(compared: ComparedStrategies, use: StrategyResult, other: StrategyResult, which: str) -> str:
    points, seconds = compared.pair(use, other).difference.value, use.cost - other.cost
    start = f"better than {other.strategy}{which}{',' if which else ''} by {points_text(points)}"
    if costs_no_more(use, other):
        cheaper = f"and cheaper by {duration_text(-seconds)}"
        return f"{start}, {'at about the same cost' if costs_no_more(other, use) else cheaper}"
    return f"{start}, which cost {duration_text(seconds)} more, {duration_text(seconds / (100 * points))} a point"


def _range(pair: PairResult) -> str:
    """Return what the interval of a difference says about the first of a pair."""
    gap = pair.difference
    if not gap.has_interval:
        return f"no interval, {gap.reason}"
    if gap.low >= 0:
        return f"better by {100 * gap.low:.1f} to {points_text(gap.high)}"
    if gap.high <= 0:
        return f"worse by {-100 * gap.high:.1f} to {points_text(-gap.low)}"
    return f"from {points_text(-gap.low)} worse to {points_text(gap.high)} better"


def _among(pair: PairResult) -> str:
    """Return why an interval that excludes zero shows no difference: there are many pairs, or few groups."""
    excludes_zero = pair.difference.low > 0 or pair.difference.high < 0
    adjusted = ", adjusted for all pairs" if pair.p_adjusted > pair.p_value else ""
    return f" (p = {pair.p_adjusted:.2f}{adjusted})" if excludes_zero and pair.p_adjusted >= SIGNIFICANCE else ""


def _cost(use: StrategyResult, other: StrategyResult) -> str:
    if not costs_no_more(other, use):
        return f", for {duration_text(other.cost - use.cost)} more"
    return f", and cheaper by {duration_text(use.cost - other.cost)}" if not costs_no_more(use, other) else ""


def _list(names: Sequence[str]) -> str:
    if len(names) > NAMED_STRATEGIES:
        return f"{', '.join(names[: NAMED_STRATEGIES - 1])} and {len(names) - NAMED_STRATEGIES + 1} others"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _named(strategy: StrategyResult) -> str:
    return f"{strategy.strategy}, {percent_text(strategy.accuracy.value)}"


def _strategies(strategies: Sequence[StrategyResult]) -> list[str]:
    return [s.strategy for s in strategies]


def _round(number: float) -> int:
    """Return a number rounded up to two digits."""
    unit = 10 ** max(0, math.floor(math.log10(number)) - 1)
    return math.ceil(number / unit) * unit
