"""A comparison's result goes in, text for a terminal comes out."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .report import describe_parts, printable, table

if TYPE_CHECKING:
    from ..comparison_result import ComparisonResult
    from ..estimates import Estimate
    from ..learning_curves import PowerLaw
    from ..size_result import SizeResult
    from ..strategy_pairs import PairResult

__all__ = ["describe_comparison", "describe_costs"]

LEFT = ("strategy", "accuracy", "macro F1")


def describe_comparison(result: ComparisonResult, *, width: int | None = None) -> str:
    """Return verdicts and tables of a comparison; sentences longer than `width` are wrapped."""
    parts = [_lines([f"{result.protocol}; {result.interval}"], width)]
    parts += [_size(size, result, width) for size in result.sizes]
    if any(curve.extrapolation is not None for curve in result.curves):
        parts.append(_curves(result))
    if result.stages is not None:
        parts.append(_transfer(result, width))
    return printable("\n\n".join([*parts, _lines([*_legend(result), *result.notes], width)]))


def describe_costs(result: ComparisonResult) -> list[str]:
    """Return for each strategy the parts of its runs at the largest size, as though nothing had been cached."""
    return [f"{found.strategy}: {describe_parts(found.seconds)}" for found in result.sizes[-1].strategies]


def _size(size: SizeResult, result: ComparisonResult, width: int | None) -> str:
    """Return what to do at one size first, then why, and the figures below."""
    parts = [_lines([size.verdict.text], width) + "\n" + _lines(size.verdict.reasons, width, indent="  ")]
    if size.warnings:
        parts.append(_lines([f"warning: {text}" for text in size.warnings], width))
    parts.append(_figures(size, width))
    if size.pairs:
        parts.append(_pairs(size))
    return "\n\n".join(parts)


def _figures(size: SizeResult, width: int | None) -> str:
    """Return accuracies and costs: side by side, or one below the other where that is wider than the terminal."""
    names = [
        f"{found.strategy} *" if place == 0 and len(size.strategies) > 1 else found.strategy
        for place, found in enumerate(size.strategies)
    ]
    scores = [
        [
            found.accuracy.text(),
            found.macro_f1.text(),
            _share(found.train_accuracy),
            _share(found.validation_accuracy),
        ]
        for found in size.strategies
    ]
    stages = ("extraction", "training", "prediction")
    costs = [[f"{found.seconds[stage]:,.1f} s" for stage in stages] for found in size.strategies]
    scores.append([_share(size.baseline)])
    costs.append([])
    names.append("largest class")
    header = ["strategy", "accuracy", "macro F1", "train", "validation"]
    both = _table(
        [*header, *stages], names, [[*s, *[""] * (4 - len(s)), *c] for s, c in zip(scores, costs, strict=True)]
    )
    if width is not None and max(map(len, both.splitlines())) > width:
        both = f"{_table(header, names, scores)}\n\n{_table(['strategy', *stages], names[:-1], costs[:-1])}"
    # Where the classes are of one size, the rarest has as many images as the others.
    uneven = f"the rarest class has {size.fewest:,} training images\n" if size.fewest < size.per_class - 1 else ""
    return uneven + both


def _table(header: list[str], names: list[str], cells: list[list[str]]) -> str:
    rows = [[name, *row, *[""] * (len(header) - 1 - len(row))] for name, row in zip(names, cells, strict=True)]
    return table(header, rows, right=[i for i, name in enumerate(header) if name not in LEFT])


def _pairs(size: SizeResult) -> str:
    """Return the differences between the strategy to use and the others."""
    pairs = [pair if pair.first == size.verdict.use else pair.flipped() for pair in size.pairs]
    rows = [
        [f"{pair.first} - {pair.second}", _difference(pair.difference), _p(pair.p_adjusted), _detectable(pair)]
        for pair in pairs
        if pair.first == size.verdict.use
    ]
    return table(["difference in points", "", "p", "found"], rows, right=[2, 3])


def _legend(result: ComparisonResult) -> list[str]:
    if len(result.curves) < 2:
        return []
    few = (
        ", roughly, since so few repeats tell little of the spread"
        if 1 < result.repeats < 6 and not result.given_test
        else ""
    )
    several = "; --json has all pairs" if len(result.curves) > 2 else ""
    adjusted = ", adjusted for all pairs at that size (Shaffer 1986)" if len(result.curves) > 2 else ""
    return [
        "* the best figure was picked for being the best, so it is probably a little high",
        f"differences are between the strategy to use and the others, with 95 % intervals; p: {result.test}{adjusted}"
        + several,
        f"found: a true difference of so many points would be found four times in five (power 80 %){few}",
    ]


def _curves(result: ComparisonResult) -> str:
    rows, sizes = [], 0
    for curve in result.curves:
        if (beyond := curve.extrapolation) is not None:
            rows.append([curve.strategy, _law(beyond.law), f"{beyond.n_images:,}", beyond.accuracy.text()])
            sizes = beyond.n_sizes
    caution = "the shape is assumed, not tested" if sizes < 3 else "the interval knows of no other shape"
    return (
        f"extrapolated by a power law through {sizes} sizes, not measured: {caution}\n"
        + table(["strategy", "error at n images", "images", "accuracy"], rows, right=[2])
    )  # fmt: skip


def _transfer(result: ComparisonResult, width: int | None) -> str:
    study = result.stages
    assert study is not None
    last = study.stages[-1].layer
    rows = [
        [
            stage.layer,
            stage.pooling,
            f"{stage.width:,}",
            stage.accuracy.text(),
            "last" if stage.gain is None else _difference(stage.gain),
            "" if stage.p_value is None else _p(stage.p_value),
        ]
        for stage in study.stages
    ]
    margin = f"{100 * study.margin:g} point{'' if study.margin == 0.01 else 's'}"
    finding = {
        "different": f"an earlier stage, {study.best}, is better than {last}, the last: a different domain",
        "similar": f"no earlier stage is better than {last}, the last, by {margin}: a similar domain",
        "undecided": f"an earlier stage may be better than {last}, the last, by {margin} or more, but none is shown to "
        "be: the domain is undecided",
    }[study.domain]
    if len(study.stages) < 2:
        finding = "there is no earlier stage: the domain is undecided"
    return "\n".join(
        [
            _lines([f"stages of {study.backbone} on {study.n_images:,} training images of the first split: "
                    f"{study.protocol}"], width),
            table(["layer", "pooling", "features", "accuracy", "less the last", "p"], rows, right=[2, 5]),
            _lines([finding, *(case.text for case in result.cases)], width),
        ]
    )  # fmt: skip


def _law(law: PowerLaw) -> str:
    floor = f" + {law.floor:.3g}" if law.floor else ""
    return f"{law.scale:.3g} n^{-law.exponent:.2f}{floor}"


def _difference(estimate: Estimate) -> str:
    """Return a difference in percentage points with its interval."""
    value = f"{100 * estimate.value:+.1f}"
    if not estimate.has_interval:
        return f"{value} ({estimate.reason})"
    return f"{value} ({100 * estimate.low:+.1f} to {100 * estimate.high:+.1f})"


def _detectable(pair: PairResult) -> str:
    return "-" if math.isnan(pair.detectable) else f"{100 * pair.detectable:.1f}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _lines(texts: Sequence[str], width: int | None, *, indent: str = "") -> str:
    """Return sentences on lines of their own, wrapped where there is a width."""
    if width is None:
        return "\n".join(indent + text for text in texts)
    hanging = indent + "  "
    return "\n".join(textwrap.fill(text, width, initial_indent=indent, subsequent_indent=hanging,
                                   break_long_words=False, break_on_hyphens=False) for text in texts)  # fmt: skip


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"
