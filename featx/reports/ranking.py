"""Table and sentences of a ranking of networks: figures, costs, which may be the best, and the one to use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..display.quantities import count_text, p_value_text, percent_text, points_text, size_text
from ..display.tables import CLASS_NAMES, Part, Table

if TYPE_CHECKING:
    from ..evaluation.estimates import Estimate
    from ..ranking.result import RankedCandidate, RankingResult

__all__ = [
    "choice_text",
    "cost_text",
    "next_text",
    "ranking_answer",
    "ranking_parts",
    "ranking_table",
    "resolution_text",
    "seconds_text",
]

# All images are worth a word where they are so many times those that were compared.
MORE = 1.2

# Columns that go first where there is no room: memory, parameters, features, H-score, LogME, k-NN, images, p.
DROPPED = (13, 12, 11, 10, 9, 8, 7, 5)


def ranking_parts(result: RankingResult) -> list[Part]:
    """Return the table and the sentences of a ranking.

    Parameters
    ----------
    result : RankingResult
    """
    table = ranking_table(result)
    warnings = "\n".join(f"warning: {text}" for text in result.warnings)
    parts: list[Part] = [ranking_answer(result), warnings, resolution_text(result), table, _legend(result)]
    return [part for part in [*parts, cost_text(result), *result.notes, next_text(result)] if part]


def ranking_answer(result: RankingResult) -> str:
    """Return which candidate to use, and how many cannot be told from the best.

    Parameters
    ----------
    result : RankingResult
    """
    used = result.recommended
    text = f"use {_name(used)}: accuracy {used.accuracy.text()}, {seconds_text(used)} s for 1,000 images"
    return "\n".join([text, *filter(None, [choice_text(result)])])


def choice_text(result: RankingResult) -> str:
    """Return why the recommended candidate was chosen among those that cannot be told from the best.

    Parameters
    ----------
    result : RankingResult
    """
    used, n_best, n = result.recommended, len(result.undistinguished), len(result.candidates)
    if n == 1:
        return ""
    if n_best == 1:
        return f"it is distinguishably more accurate than {_others(n - 1)}"
    best = result.undistinguished[0]
    told = f"{n_best:,} of {n:,} candidates cannot be told from the best"
    cheapest = used.seconds == min(one.seconds for one in result.within_a_point)
    if best is used:
        more = "" if cheapest else " by more than a twentieth"
        return f"{told}; it is the most accurate of them, and none within a point of it is cheaper{more}"
    behind = f"at most a point behind {_name(best)}, {percent_text(best.accuracy.value)}, {seconds_text(best)} s"
    if cheapest:
        return f"{told}; it is the cheapest of them that is {behind}"
    return f"{told}; of those {behind}, it is the most accurate that costs within a twentieth of the least"


def resolution_text(result: RankingResult) -> str:
    """Return how small a difference is told on these images, and how many images would tell smaller ones.

    Parameters
    ----------
    result : RankingResult
    """
    found, needed = result.resolution, result.images_for_a_point
    if found is None or needed is None:
        return ""
    text = (
        f"candidates that differ by {points_text(found.difference)} are told apart four times in five on these "
        f"{count_text(found.n_images, 'image')}"
    )
    if needed <= found.n_images:
        return text
    if result.n_images > MORE * found.n_images:
        text += f", by {points_text(found.difference_of(result.n_images))} on all {result.n_images:,} (`--images`)"
    return f"{text}; a difference of a point takes about {_rounded(needed):,}"


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
            f"{seconds_text(one)}{' <' if one.on_front else '  '}",
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


def cost_text(result: RankingResult) -> str:
    """Return how many images went through networks, and what part of all that is.

    Parameters
    ----------
    result : RankingResult
    """
    text = f"{count_text(result.n_embedded, 'pass')} of images through networks"
    if cached := result.n_embedded - result.n_forwarded:
        text += f", {cached:,} of them from the cache"
    timed = f"{result.n_timed:,} to measure the speed"
    if result.share_of_full >= 1:
        return f"{text}, and {timed}; those of all images are {result.n_full:,}"
    return f"{text}, and {timed}: {percent_text(result.share_of_full)} of the {result.n_full:,} for all images"


def next_text(result: RankingResult) -> str:
    """Return the command that fits a classifier with the recommended candidate.

    Parameters
    ----------
    result : RankingResult
    """
    used = result.recommended
    command = f"featx fit DATA --backbone {used.backbone} --layer {used.layer} --pooling {used.pooling}"
    return f"next, with the other options as here and -o MODEL.skops: `{command}`"


def _name(one: RankedCandidate) -> str:
    return f"{one.backbone}, {one.layer}, {one.pooling}"


def _others(n: int) -> str:
    return "the other candidate" if n == 1 else f"the {n:,} other candidates"


def seconds_text(one: RankedCandidate) -> str:
    """Return the seconds for 1,000 images, in whole numbers from 100 on."""
    return f"{one.seconds:.1f}" if one.seconds < 99.95 else f"{one.seconds:,.0f}"


def _rounded(number: int) -> int:
    """Return a number with its two first digits."""
    return round(number, 2 - len(str(number)))


def _score(score: Estimate) -> str:
    return score.text(percent=False)
