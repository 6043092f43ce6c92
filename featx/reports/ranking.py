"""Table and sentences of a ranking of networks: figures, costs, which may be the best, and the one to use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..display.quantities import count_text, p_value_text, percent_text, size_text
from ..display.tables import CLASS_NAMES, Part, Table

if TYPE_CHECKING:
    from ..evaluation.estimates import Estimate
    from ..ranking.result import RankedCandidate, RankingResult

__all__ = ["ranking_answer", "ranking_parts", "ranking_table"]

# Columns that go first where there is no room: memory, parameters, features, H-score, LogME, k-NN, images, p.
DROPPED = (13, 12, 11, 10, 9, 8, 7, 5)


def ranking_parts(result: RankingResult) -> list[Part]:
    """Return the table and the sentences of a ranking.

    Parameters
    ----------
    result : RankingResult
    """
    table = ranking_table(result)
    parts: list[Part] = [ranking_answer(result), _warning(result), table, _legend(result), _cost(result), *result.notes]
    return [part for part in [*parts, _next(result)] if part]


def ranking_answer(result: RankingResult) -> str:
    """Return which candidate to use, and how many cannot be told from the best.

    Parameters
    ----------
    result : RankingResult
    """
    used, n_best, n = result.recommended, len(result.undistinguished), len(result.candidates)
    text = f"use {_name(used)}: accuracy {used.accuracy.text()}, {_seconds(used)} s for 1,000 images"
    if n == 1:
        return text
    if n_best == 1:
        return f"{text}\nit is distinguishably more accurate than {_others(n - 1)}"
    best = result.undistinguished[0]
    told = f"{n_best:,} of {n:,} candidates cannot be told from the best"
    if best is used:
        return f"{text}\n{told}; it is the most accurate of them, and none within a point of it is cheaper"
    return (
        f"{text}\n{told}; it is the cheapest of them that is at most a point behind {_name(best)}, "
        f"{percent_text(best.accuracy.value)}, {_seconds(best)} s"
    )


def ranking_table(result: RankingResult) -> Table:
    """Return the candidates with their figures and costs.

    Parameters
    ----------
    result : RankingResult
    """
    header = [
        "network", "layer", "pooling", "accuracy", "best?", "p", "seconds", "images", "k-NN", "LogME", "H-score",
        "features", "parameters", "memory",
    ]  # fmt: skip
    rows = [
        [
            f"{one.backbone}{' *' if one.recommended else ''}",
            one.layer,
            one.pooling,
            one.accuracy.text(),
            "maybe" if one.undistinguished else "no",
            p_value_text(one.p_value),
            f"{_seconds(one)}{' <' if one.on_front else '  '}",
            f"{one.n_images:,}",
            percent_text(one.knn_accuracy.value),
            _score(one.log_evidence),
            _score(one.h_score),
            f"{one.width:,}",
            f"{one.parameters / 1e6:.1f} M",
            size_text(one.weight_bytes),
        ]
        for one in result.candidates
    ]
    names = {0: CLASS_NAMES, 1: CLASS_NAMES}
    return Table(header, rows, right=[5, 6, 7, 8, 11, 12, 13], names=names, drop=DROPPED)


def _legend(result: RankingResult) -> str:
    held = result.rounds
    lines = [
        "* to use; < on the front: nothing that costs no more is more accurate; best?: whether it cannot be told from "
        "the best; seconds: for 1,000 images, " + result.processor,
        f"accuracy: {result.protocol}; always the largest class: {percent_text(result.majority)}",
    ]
    if any(one.n_images < held[-1] for one in result.candidates):
        lines.append("figures of fewer images are lower: such candidates could no longer be the best")
    return "\n".join(lines)


def _warning(result: RankingResult) -> str:
    """Return that no candidate is shown to be better than always answering the largest class, if this is so."""
    if any(one.accuracy.has_interval and one.accuracy.low > result.majority for one in result.undistinguished):
        return ""
    return (
        "warning: the accuracy of none is distinguishably above that of always answering the largest class, "
        f"{percent_text(result.majority)}; on these images, the ranking does not show that any of them is of use"
    )


def _cost(result: RankingResult) -> str:
    text = f"{count_text(result.n_embedded, 'pass')} of images through networks"
    if cached := result.n_embedded - result.n_forwarded:
        text += f", {cached:,} of them from the cache"
    return (
        f"{text}, and {result.n_timed:,} to measure the speed: {percent_text(result.share_of_full)} of the "
        f"{result.n_full:,} for all images"
    )


def _next(result: RankingResult) -> str:
    used = result.recommended
    return f"next: `featx fit DATA --backbone {used.backbone} --layer {used.layer} --pooling {used.pooling}`"


def _name(one: RankedCandidate) -> str:
    return f"{one.backbone}, {one.layer}, {one.pooling}"


def _others(n: int) -> str:
    return "the other candidate" if n == 1 else f"the {n:,} other candidates"


def _seconds(one: RankedCandidate) -> str:
    return f"{one.seconds:.1f}" if one.seconds < 99.95 else f"{one.seconds:,.0f}"


def _score(score: Estimate) -> str:
    return score.text(percent=False)
