"""Tables and sentences of a comparison of strategies: its verdict, figures, learning curves and stages."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..comparison.strategy_names import BASELINE
from ..display.quantities import count_text, p_value_text, percent_text, points_text
from ..display.tables import CLASS_NAMES, Part, Table
from ..evaluation.class_rates import learnt_sentence
from .closing_table import closing_parts
from .costs import times_text

if TYPE_CHECKING:
    from ..comparison.result import ComparisonResult
    from ..comparison.size_result import SizeResult
    from ..comparison.strategy_pairs import PairResult
    from ..evaluation.estimates import Estimate
    from ..evaluation.learning_curves import PowerLaw

__all__ = ["comparison_parts", "cost_lines"]

COST_STAGES = ("extraction", "training", "prediction")


def comparison_parts(result: ComparisonResult) -> list[Part]:
    """Return the verdict and tables of each size, then curves, stages, the closing table and notes."""
    parts: list[Part] = [f"{result.protocol}; {result.interval}"]
    for size in result.sizes:
        parts += _size(size, result)
    if any(curve.extrapolation is not None for curve in result.curves):
        parts.append(_curves(result))
    if result.stages is not None:
        parts += _stage_study(result)
    parts += closing_parts(result)
    return [*parts, *filter(None, ["\n".join([*_legend(result), *result.notes])])]


def cost_lines(result: ComparisonResult) -> list[str]:
    """Return for each strategy the time that the parts of its runs take at the largest size if nothing is cached."""
    return [f"{found.strategy}: {times_text(found.seconds)}" for found in result.sizes[-1].strategies]


def _size(size: SizeResult, result: ComparisonResult) -> list[Part]:
    """Return what to use at one size, then why, at the largest size which classes were learnt, then the figures."""
    reasons = [f"  {reason}" for reason in size.verdict.reasons]
    parts: list[Part] = ["\n".join([size.verdict.text, *reasons])]
    if size is result.sizes[-1] and (
        learnt := [
            f"{found.strategy}: {learnt_sentence(found.confusion, result.classes)}"
            for found in size.strategies
            if found.confusion is not None
        ]
    ):
        parts.append("\n".join(learnt))
    if size.warnings:
        parts.append("\n".join(f"warning: {text}" for text in size.warnings))
    # If all classes have the same size, there is nothing to say of the rarest.
    uneven = f"the rarest class has {size.fewest:,} training images" if size.fewest < size.per_class - 1 else ""
    starred = len(size.strategies) > 1
    names = [f"{f.strategy} *" if starred and not place else f.strategy for place, f in enumerate(size.strategies)]
    scores = [
        [
            name,
            found.accuracy.text(),
            found.macro_f1.text(),
            percent_text(found.train_accuracy),
            percent_text(found.validation_accuracy),
        ]
        for name, found in zip(names, size.strategies, strict=True)
    ]
    scores.append([BASELINE, percent_text(size.baseline), "", "", ""])
    costs = [
        [found.strategy, *(f"{found.seconds[stage]:,.1f} s" for stage in COST_STAGES)] for found in size.strategies
    ]
    header = ["strategy", "accuracy", "macro F1", "train", "validation"]
    named = {0: CLASS_NAMES}
    parts.append(Table(header, scores, right=[3, 4], drop=[4, 3, 2], names=named, title=uneven))
    parts.append(Table(["strategy", *COST_STAGES], costs, right=[1, 2, 3], names=named))
    return [*parts, *([_pairs(size)] if size.pairs else [])]


def _pairs(size: SizeResult) -> Table:
    """Return the differences between the recommended strategy and the others."""
    use = size.verdict.use
    pairs = [pair if pair.first == use else pair.flipped() for pair in size.pairs if use in (pair.first, pair.second)]
    rows = [
        [
            f"{pair.first} - {pair.second}",
            _difference_text(pair.difference),
            p_value_text(pair.p_adjusted),
            _detectable_text(pair),
        ]
        for pair in pairs
    ]
    others = len(size.pairs) - len(pairs)
    return Table(
        ["difference in points", "", "p", "found"],
        rows,
        right=[2, 3],
        drop=[3],
        names={0: CLASS_NAMES},
        more=count_text(others, "more pair") if others else "",
    )


def _legend(result: ComparisonResult) -> list[str]:
    if len(result.curves) < 2:
        return []
    few = (
        ", roughly, since so few repeats tell little of the spread"
        if 1 < result.repeats < 6 and not result.given_test
        else ""
    )
    adjusted = ", adjusted for all pairs at that size (Shaffer 1986)" if len(result.curves) > 2 else ""
    return [
        "* the best figure was picked for being the best, so it is probably a little high",
        f"differences are between the strategy to use and the others, with 95 % intervals; p: {result.test}{adjusted}",
        f"found: a true difference of so many points would be found four times in five (power 80 %){few}",
    ]


def _curves(result: ComparisonResult) -> Table:
    rows, sizes = [], 0
    for curve in result.curves:
        if (beyond := curve.extrapolation) is not None:
            rows.append([curve.strategy, _law_text(beyond.law), f"{beyond.n_images:,}", beyond.accuracy.text()])
            sizes = beyond.n_sizes
    caution = "the shape is assumed, not tested" if sizes < 3 else "the interval knows of no other shape"
    return Table(
        ["strategy", "error at n images", "images", "accuracy"],
        rows,
        right=[2],
        drop=[1],
        names={0: CLASS_NAMES},
        title=f"extrapolated by a power law through {sizes} sizes, not measured: {caution}",
    )


def _stage_study(result: ComparisonResult) -> list[Part]:
    study = result.stages
    assert study is not None
    last = study.stages[-1].layer
    rows = [
        [
            stage.layer,
            stage.pooling,
            f"{stage.width:,}",
            stage.accuracy.text(),
            "" if stage.gain is None else _difference_text(stage.gain),
            "" if stage.p_value is None else p_value_text(stage.p_value),
        ]
        for stage in study.stages
    ]
    margin = points_text(study.margin, "g")
    finding = {
        "different": f"an earlier stage, {study.best}, is better than {last}, the last: a different domain",
        "similar": f"no earlier stage is better than {last}, the last, by {margin}: a similar domain",
        "undecided": f"an earlier stage may be better than {last}, the last, by {margin} or more, but none is shown to "
        "be: the domain is undecided",
    }[study.domain]
    if len(study.stages) < 2:
        finding = "there is no earlier stage: the domain is undecided"
    table = Table(
        ["layer", "pooling", "features", "accuracy", "less the last", "p"],
        rows,
        right=[2, 5],
        drop=[1, 2],
        names={0: CLASS_NAMES},
        title=f"stages of {study.backbone} on {study.n_images:,} training images of the first split: {study.protocol}",
    )
    return [table, "\n".join([finding, *(case.text for case in result.cases)])]


def _law_text(law: PowerLaw) -> str:
    floor = f" + {law.floor:.3g}" if law.floor else ""
    return f"{law.scale:.3g} n^{-law.exponent:.2f}{floor}"


def _difference_text(estimate: Estimate) -> str:
    """Return a difference in percentage points with its interval."""
    value = f"{100 * estimate.value:+.1f}"
    if not estimate.has_interval:
        return f"{value} ({estimate.reason})"
    return f"{value} ({100 * estimate.low:+.1f} to {100 * estimate.high:+.1f})"


def _detectable_text(pair: PairResult) -> str:
    return "-" if math.isnan(pair.detectable) else f"{100 * pair.detectable:.1f}"
