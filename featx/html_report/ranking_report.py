"""What the page of a ranking shows: the network to use, candidates with their intervals, accuracy against cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..display.quantities import p_value_text, percent_text, size_text
from ..reports.ranking import choice_text, cost_text, next_text, resolution_text, seconds_text
from .candidates import MOST_DRAWN, interval_chart, number_cell, text_cell
from .comparison_curves import KINDS, scatter_chart
from .provenance import provenance
from .svg_chart import as_markup, one_line

if TYPE_CHECKING:
    from ..ranking.result import RankedCandidate, RankingResult

__all__ = ["ranking_content"]


def ranking_content(
    result: RankingResult, *, title: str | None, command: str | None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the template shows, and what the script reads; there are no images.

    Parameters
    ----------
    result : RankingResult
    title, command : str or None
        As for `write_report`.
    """
    drawn = result.candidates[:MOST_DRAWN]
    chart = interval_chart(
        [_name(one) + (" (use this)" if one.recommended else "") for one in drawn],
        [one.accuracy for one in drawn],
        baseline=result.majority,
        label=f"Accuracy of {len(drawn)} candidates with their intervals; the numbers are in the table",
    )
    omitted = f"{len(result.candidates):,}" if len(result.candidates) > len(drawn) else ""
    part = {"svg": as_markup(chart), "table": _table(result), "caption": "All candidates", "omitted": omitted}
    note = (
        "p: how likely the deficit against any other candidate is if none is better, adjusted for their number and "
        f"that of the rounds; {result.protocol}. LogME and H-score are comparable for as many images only."
    )
    content = {
        "title": title or f"Networks for {result.n_images:,} images of {len(result.classes):,} classes",
        "answer": _answer(result),
        "notes": result.notes,
        "candidates": {"title": "Candidates", "parts": [part], "note": note},
        "classes": result.classes,
        "curves": {"sizes": None, "costs": _costs(result), "caption": f"On {result.processor}; a line joins the front"},
        "provenance": provenance(
            command=command,
            network={},
            settings={"judged by": result.protocol, "speed measured on": result.processor},
            data={"images": f"{result.n_images:,}", "classes": f"{len(result.classes):,}"},
            seconds=result.seconds,
        ),
    }
    return content, {"classes": [one_line(name) for name in result.classes], "images": None}


def _answer(result: RankingResult) -> dict[str, Any]:
    used = result.recommended
    sentences = [
        *(f"warning: {text}" for text in result.warnings),
        choice_text(result),
        resolution_text(result).replace("`", ""),
        f"judged by: {result.protocol}",
        f"always answering the largest class gives accuracy {percent_text(result.majority)}",
        cost_text(result),
    ]
    accuracy = used.accuracy.text()
    return {
        "headline": f"Use {_name(used)}: right on {accuracy}, {seconds_text(used)} s for 1,000 images.",
        "sentences": [_sentence(text) for text in sentences if text],
        "reasons": [],
        "next": [_sentence(next_text(result).replace("`", ""))],
    }


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _table(result: RankingResult) -> dict[str, Any]:
    header = ["network", "layer", "pooling", "accuracy", "may be the best", "p", "seconds for 1,000", "on the front",
              "images", "k-NN", "LogME", "H-score", "features", "parameters", "memory"]  # fmt: skip
    rows = [
        [
            text_cell(one.backbone, " (use this)" if one.recommended else ""),
            text_cell(one.layer),
            text_cell(one.pooling),
            number_cell(one.accuracy.value, one.accuracy.text()),
            text_cell("yes" if one.undistinguished else "no"),
            number_cell(one.p_value, p_value_text(one.p_value)),
            number_cell(one.seconds, f"{one.seconds:.1f}"),
            text_cell("yes" if one.on_front else "no"),
            number_cell(one.n_images, f"{one.n_images:,}"),
            number_cell(one.knn_accuracy.value, one.knn_accuracy.text()),
            number_cell(one.log_evidence.value, one.log_evidence.text(percent=False)),
            number_cell(one.h_score.value, one.h_score.text(percent=False)),
            number_cell(one.width, f"{one.width:,}"),
            number_cell(one.parameters, f"{one.parameters / 1e6:.1f} M"),
            number_cell(one.weight_bytes, size_text(one.weight_bytes)),
        ]
        for one in result.candidates
    ]
    return {"header": header, "rows": rows}


def _costs(result: RankingResult) -> dict[str, Any]:
    """Return accuracy against seconds, the front as a line."""
    networks = list(dict.fromkeys(one.backbone for one in result.candidates))
    kinds = {name: KINDS[number % len(KINDS)] for number, name in enumerate(networks)}
    points = [
        (one.seconds, one.accuracy, kinds[one.backbone], f"{_name(one)}: {one.accuracy.text()}, {one.seconds:.1f} s")
        for one in result.candidates
    ]
    front = sorted((one.seconds, one.accuracy.value) for one in result.candidates if one.on_front)
    chart = scatter_chart(
        points,
        x_label="seconds for 1,000 images (logarithmic)",
        x_text=lambda seconds: f"{seconds:.3g}",
        line=front,
        label="Accuracy against seconds for 1,000 images; the numbers are in the table",
    )
    return {"svg": as_markup(chart), "legend": [{"label": name, "kind": kind} for name, kind in kinds.items()]}


def _name(one: RankedCandidate) -> str:
    return f"{one.backbone}, {one.layer}, {one.pooling}"
