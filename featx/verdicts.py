"""What strategies reached at one training size goes in; which of them to use comes out, in words."""

from __future__ import annotations

from collections.abc import Sequence

from .comparison_result import StrategyResult, Verdict
from .evaluation import LEVEL

__all__ = ["minutes", "pass_verdict"]

# Seconds below which a strategy counts as no cheaper: they are no reason to leave the best figure.
NEGLIGIBLE = 6.0


def pass_verdict(
    strategies: Sequence[StrategyResult], *, n_train: int, per_class: float, test: str, visible: float | None = None
) -> Verdict:
    """Return which strategy to use: the best, or the cheapest of those not distinguishable from it (p >= 0.05).

    Costs are the seconds of extraction and training; a difference below a tenth of a minute counts as none.

    Parameters
    ----------
    strategies : sequence of StrategyResult
        The best first.
    n_train : int
    per_class : float
    test : str
        The name of the test that gave the p-values.
    visible : float, default=None
        The smallest difference in accuracy between the best two that the test would have called one.
    """
    best, *others = strategies
    equal = [s for s in others if s.p_value is not None and s.p_value >= LEVEL]
    use = min([s for s in equal if s.cost < best.cost - NEGLIGIBLE], key=lambda s: s.cost, default=best)
    names = [s.strategy for s in equal]
    start = f"at {n_train:,} images ({per_class:,.0f} a class): "
    if equal:
        return Verdict(best.strategy, use.strategy, names, None, start + _undecided(best, equal, use, test, visible))
    if not others:
        alone = f"{best.strategy}, {_percent(best)}; no other strategy was compared"
        return Verdict(best.strategy, use.strategy, names, None, start + alone)
    runner_up = others[0]
    points = 100 * (best.accuracy.value - runner_up.accuracy.value)
    extra = best.cost - runner_up.cost
    text = (
        f"use {best.strategy}, {_percent(best)} against {_percent(runner_up)} for {runner_up.strategy}"
        f"{', the next best' if len(others) > 1 else ''} ({test}, {_p(runner_up)}); {_price(points, extra)}"
    )
    cheapest = min(strategies, key=lambda s: s.cost)
    if cheapest not in (best, runner_up):
        further = 100 * (best.accuracy.value - cheapest.accuracy.value)
        text += f"; over {cheapest.strategy}, the cheapest, {_price(further, best.cost - cheapest.cost)}"
    return Verdict(best.strategy, use.strategy, names, extra / points if extra > 0 else None, start + text)


def _undecided(
    best: StrategyResult, equal: list[StrategyResult], use: StrategyResult, test: str, visible: float | None
) -> str:
    figures = ", ".join(f"{s.strategy} {_percent(s)} ({_p(s)})" for s in equal)
    text = f"not distinguishable at this size: {best.strategy} {_percent(best)}, {figures}; {test}"
    if visible is not None:
        text += f", which would have shown {100 * visible:.1f} points"
    if use is best:
        return f"{text}; use {best.strategy}, the best figure: none of the others is much cheaper"
    return f"{text}; use {use.strategy}, the cheaper by {minutes(best.cost - use.cost)}"


def _price(points: float, seconds: float) -> str:
    if seconds <= 0:
        return f"it is the cheaper by {minutes(-seconds)}"
    return f"the {points:.1f} points cost {minutes(seconds)} more, {minutes(seconds / points)} a point"


def minutes(seconds: float) -> str:
    """Return a duration in minutes, with two digits below one."""
    value = seconds / 60
    return "less than 0.01 min" if value < 0.005 else f"{value:.2f} min" if value < 1 else f"{value:,.1f} min"


def _percent(result: StrategyResult) -> str:
    return f"{100 * result.accuracy.value:.1f} %"


def _p(result: StrategyResult) -> str:
    p = result.p_value or 0.0
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}" if p < 0.1 else f"p = {p:.2f}"
