"""What the page of an audit shows: near-duplicates side by side, suspected labels, odd images, shortcuts and costs."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..display.quantities import count_text, percent_text, probability_text
from ..images.sources import as_sources
from ..reports.audit import audit_parts, nothing_found
from .data_overview import data_overview
from .page import render_page
from .page_images import MARGIN
from .provenance import digest_labels, provenance
from .svg_chart import one_line
from .thumbnails import make_thumbnails

if TYPE_CHECKING:
    from ..audit.duplicates import DuplicatePair
    from ..audit.result import AuditResult

__all__ = ["audit_content"]

# Of more, the page shows the first: leaks and contradictions among pairs, the surest suspects, some odd ones of each
# kind.
MOST_SHOWN = 300


def audit_content(
    result: AuditResult, *, title: str | None, command: str | None, max_bytes: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what the template shows, and what the script reads.

    Parameters
    ----------
    result : AuditResult
    title, command : str or None
    max_bytes : int
        Of the page.
    """
    dataset = result.dataset
    sources = as_sources(dataset.images, names=dataset.names, value_range=result.value_range)
    labels = list(map(str, np.asarray(dataset.labels)))
    pairs, similar = (_pairs(result, some, labels) for some in (result.pairs, result.similar))
    shown = {"pairs": pairs, "similar": similar, "suspects": _suspects(result), "odd": _odd(result, labels)}
    *told, closing = [part for part in audit_parts(result) if isinstance(part, str) and part not in result.notes]
    content: dict[str, Any] = {
        "title": title or f"Audit of {count_text(len(dataset), 'image')} of {len(dataset.classes):,} classes",
        "answer": {
            "headline": _headline(result),
            "sentences": [f"{_capital(text)}." for text in [*_pairs_text(result), *told]],
            "reasons": [],
            "next": [f"{_capital(closing.removeprefix('next: ').replace('`', ''))}."],
        },
        "notes": [*result.notes],
        **{kind: found for kind, found in shown.items() if found["cards"]},
        "shortcuts": _shortcuts(result) if result.shortcuts else None,
        "data_set": data_overview(
            dataset,
            sources=sources,
            labels=labels,
            parts=["images"] * len(labels) if dataset.split is None else list(map(str, dataset.split)),
            failures=[],
            notes=dataset.notes,
        ),
        "provenance": provenance(
            command=command,
            network={},
            settings={},
            data={"images": f"{len(dataset):,}", "classes": f"{len(dataset.classes):,}",
                  "digest of names and labels": digest_labels(dataset.names, labels)},
            seconds=result.seconds,
        ),
    }  # fmt: skip
    data: dict[str, Any] = {"images": None, "thumbnails": {}}
    # Each kind has its first images before any has all of its own.
    lists = [[row for card in found["cards"] for row in card["rows"]] for found in shown.values()]
    rows = [row for turn in itertools.zip_longest(*lists) for row in turn if row is not None]
    room = max_bytes - MARGIN - len(render_page(content, data))
    data["thumbnails"] = make_thumbnails(sources, list(dict.fromkeys(rows)), budget=max(0, room))
    return content, data


def _headline(result: AuditResult) -> str:
    """Return what was found, in a sentence."""
    counts = {
        "near-duplicate pair": len(result.pairs),
        "suspected label": len(result.suspects),
        "odd image": len(result.odd),
        "shortcut": sum(one.found for one in result.shortcuts),
    }
    found = [count_text(number, what) for what, number in counts.items() if number]
    if not found:
        return f"{count_text(len(result.dataset), 'image')}: {nothing_found(result)}."
    listed = found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}"
    return f"Found in {count_text(len(result.dataset), 'image')}: {listed}."


def _pairs_text(result: AuditResult) -> list[str]:
    """Return how many pairs there are of each kind, in a sentence."""
    if not result.pairs:
        return []
    kinds = Counter(pair.kind for pair in result.pairs)
    told = ", ".join(f"{kind} {number:,}" for kind, number in kinds.most_common())
    also = {"across the split": len(result.leaks), "with different labels": len(result.contradictions)}
    more = "".join(f"; {number:,} {text}" for text, number in also.items() if number)
    return [f"{count_text(len(result.pairs), 'pair')} of images that show the same picture: {told}{more}"]


def _image(result: AuditResult, row: int, label: str) -> dict[str, Any]:
    split = result.dataset.split
    part = None if split is None else str(split[row])
    return {"row": row, "label": label, "part": part, "path": result.dataset.names[row]}


def _pairs(result: AuditResult, pairs: Sequence[DuplicatePair], labels: list[str]) -> dict[str, Any]:
    """Return the pairs that cross the split, then those whose labels differ, then the others, the most alike first."""
    leaks, contradictions = ({(p.first, p.second) for p in some} for some in (result.leaks, result.contradictions))

    def order(pair: DuplicatePair) -> tuple[bool, bool, float]:
        rows = pair.first, pair.second
        return rows not in leaks, rows not in contradictions, -pair.similarity

    cards = []
    for pair in sorted(pairs, key=order)[:MOST_SHOWN]:
        rows = pair.first, pair.second
        flags = [("across the split", leaks), ("labels differ", contradictions)]
        alike = "the same file" if pair.kind == "copy" else f"{pair.kind}, alike {pair.similarity:.3f}"
        cards.append({"rows": rows, "images": [_image(result, row, labels[row]) for row in rows], "what": alike,
                      "flags": [text for text, some in flags if rows in some]})  # fmt: skip
    return _shown(cards, len(pairs), "pair")


def _suspects(result: AuditResult) -> dict[str, Any]:
    cards = [
        {
            "rows": (one.row,),
            "images": [_image(result, one.row, one.label)],
            "suggested": one.suggested,
            "probability": probability_text(one.probability),
            "of_label": probability_text(one.label_probability),
        }
        for one in result.suspects[:MOST_SHOWN]
    ]
    return _shown(cards, len(result.suspects), "suspect")


def _odd(result: AuditResult, labels: list[str]) -> dict[str, Any]:
    """Return the odd images, each kind in turn."""
    kinds = {one.kind: [other for other in result.odd if other.kind == one.kind] for one in result.odd}
    turns = [one for turn in itertools.zip_longest(*kinds.values()) for one in turn if one is not None]
    cards = [
        {"rows": (one.row,), "images": [_image(result, one.row, labels[one.row])], "kind": one.kind, "what": one.text}
        for one in turns[:MOST_SHOWN]
    ]
    return _shown(cards, len(result.odd), "image")


def _shown(cards: list[dict[str, Any]], total: int, what: str) -> dict[str, Any]:
    left = total - len(cards)
    more = f"{count_text(left, f'more {what}')} {'is' if left == 1 else 'are'} not on this page" if left else ""
    return {"cards": cards, "more": more}


def _shortcuts(result: AuditResult) -> dict[str, Any]:
    rows = []
    for one in result.shortcuts:
        points = f"{100 * one.difference.value:.1f}"
        if one.difference.has_interval:
            points += f" ({100 * one.difference.low:.1f} to {100 * one.difference.high:.1f})"
        texts = [one.by, percent_text(one.accuracy), percent_text(one.majority), points, "yes" if one.found else "no"]
        keys = [one.by, one.accuracy, one.majority, one.difference.value, int(one.found)]
        rows.append(
            [
                {"name": "", "text": text, "key": key, "right": 0 < column < 4}
                for column, (text, key) in enumerate(zip(texts, keys, strict=True))
            ]
        )
    return {"header": ["predicted from", "accuracy", "largest class", "points more", "above chance"], "rows": rows}


def _capital(text: str) -> str:
    return one_line(text[:1].upper() + text[1:])
