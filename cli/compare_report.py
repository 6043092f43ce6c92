"""A comparison's result goes in, text for a terminal comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .report import describe_parts, printable, table

if TYPE_CHECKING:
    from ..comparison_result import ComparisonResult, StrategyResult
    from ..learning_curves import PowerLaw

__all__ = ["describe_comparison", "describe_costs"]

LEFT = ("strategy", "accuracy", "macro F1")


def describe_comparison(result: ComparisonResult) -> str:
    """Return the tables and verdicts of a comparison."""
    parts = [
        f"{result.protocol}\n{result.interval}; p: {result.test}",
        _figures(result),
        "\n".join(size.verdict.text for size in result.sizes),
    ]
    if any(curve.extrapolation is not None for curve in result.curves):
        parts.append(_curves(result))
    if result.stages is not None:
        parts.append(_transfer(result))
    return printable("\n\n".join([*parts, "\n".join(result.notes)]))


def describe_costs(result: ComparisonResult) -> list[str]:
    """Return for each strategy the parts of its runs at the largest size, as though nothing had been cached."""
    return [f"{found.strategy}: {describe_parts(found.seconds)}" for found in result.sizes[-1].strategies]


def _figures(result: ComparisonResult) -> str:
    # Where the classes are of one size, the rarest has as many images as the others.
    uneven = any(size.fewest < size.per_class - 1 for size in result.sizes)
    header = ["images", "a class", *(["fewest"] if uneven else []), "strategy", "accuracy", "macro F1", "train",
              "validation", "extraction s", "training s", "prediction s", "p"]  # fmt: skip
    rows = [
        [
            f"{size.n_train:,}",
            f"{size.per_class:,.0f}",
            *([f"{size.fewest:,}"] if uneven else []),
            found.strategy,
            found.accuracy.text(),
            found.macro_f1.text(),
            _share(found.train_accuracy),
            _share(found.validation_accuracy),
            *(f"{found.seconds[stage]:,.1f}" for stage in ("extraction", "training", "prediction")),
            _p_value(found),
        ]
        for size in result.sizes
        for found in size.strategies
    ]
    return table(header, rows, right=[i for i, name in enumerate(header) if name not in LEFT])


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


def _transfer(result: ComparisonResult) -> str:
    study = result.stages
    assert study is not None
    rows = [[stage.layer, stage.pooling, f"{stage.width:,}", stage.accuracy.text()] for stage in study.stages]
    last = study.stages[-1].layer
    if study.domain == "different":
        finding = (
            f"the earlier {study.best} is better than {last}, the last (p {_p(study.p_value)}): a different domain"
        )
    elif study.best == last:
        finding = f"{last}, the last, is the best: a similar domain"
    else:
        finding = (
            f"the earlier {study.best} is not distinguishable from {last}, the last (p {_p(study.p_value)}): a similar "
            "domain"
        )
    return "\n".join(
        [
            f"stages of {study.backbone} on {study.n_images:,} training images of the first split ({study.protocol})",
            table(["layer", "pooling", "features", "accuracy"], rows, right=[2]),
            finding,
            *(case.text for case in result.cases),
        ]
    )


def _law(law: PowerLaw) -> str:
    floor = f" + {law.floor:.3g}" if law.floor else ""
    return f"{law.scale:.3g} n^{-law.exponent:.2f}{floor}"


def _p_value(found: StrategyResult) -> str:
    return "best" if found.p_value is None else "<0.001" if found.p_value < 0.001 else f"{found.p_value:.3f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"
