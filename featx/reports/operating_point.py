"""Tables and sentences of an operating point: what was asked, the threshold, and what it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..display.quantities import percent_text
from ..display.tables import Part, Table

if TYPE_CHECKING:
    from ..evaluation.reached_point import ReachedPoint
    from ..evaluation.thresholds import Decision

__all__ = ["decision_text", "operating_point_parts", "point_rows", "point_sentences"]

NAMES = {
    "sensitivity": "sensitivity (recall)",
    "specificity": "specificity",
    "precision": "precision",
    "cost": "cost of an image",
}


def operating_point_parts(found: ReachedPoint | None, images: str = "held-out images") -> list[Part]:
    """Return the table of an operating point with the sentences around it; nothing where there is none."""
    if found is None:
        return []
    header = ["", images, *(["where it was chosen"] if found.chosen_on else [])]
    title = f"operating point {found.asked}: {found.positive!r} where its probability is at least {found.threshold:.4g}"
    lines = [*point_sentences(found), *found.notes]
    return [Table(header, point_rows(found), title=title), "\n".join(lines)]


def point_rows(found: ReachedPoint) -> list[list[str]]:
    """Return for each figure its name, what is reached on held-out images, and what where the threshold was chosen."""
    rows = []
    for name, estimate in found.reached.items():
        percent = name != "cost"
        row = [NAMES[name], "-" if estimate.value != estimate.value else estimate.text(percent=percent)]
        if found.chosen_on:
            value = found.chosen_on[name]
            row.append("-" if value != value else percent_text(value) if percent else f"{value:.3f}")
        rows.append(row)
    return rows


def point_sentences(found: ReachedPoint) -> list[str]:
    """Return the verdict, between which thresholds the splits lie, and why intervals are missing."""
    lines = [found.verdict, "accuracy and all other figures of predicted classes are those with this threshold"]
    if len(found.thresholds) > 1:
        low, high = min(found.thresholds), max(found.thresholds)
        lines.append(
            f"each of {len(found.thresholds)} folds was decided by a threshold chosen without it, from {low:.4g} to "
            f"{high:.4g}; that of the model is chosen on all images"
        )
    missing: dict[str, list[str]] = {}
    for name, estimate in found.reached.items():
        if not estimate.has_interval:
            missing.setdefault(estimate.reason, []).append(NAMES[name])
    return [*lines, *(f"without interval: {', '.join(names)}: {reason}" for reason, names in missing.items())]


def decision_text(decision: Decision | None) -> str:
    """Return how a model with a threshold predicts, in a sentence; empty where it has none."""
    return "" if decision is None else f"predicted: {decision.text()}, else the most probable other class"
