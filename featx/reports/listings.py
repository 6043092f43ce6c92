"""Tables that list networks, the contents of a cache, or predictions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..display.quantities import count_text, size_text
from ..display.tables import CLASS_NAMES, FILE_NAMES, Part, Table
from .operating_point import decision_text

if TYPE_CHECKING:
    from ..cache import EmbeddingCache
    from ..cache.maintenance import CacheReport, SpecInfo
    from ..workflows.predict import Prediction

__all__ = ["backbone_parts", "cache_check_parts", "cache_parts", "prediction_header", "prediction_parts", "stage_parts"]


def backbone_parts() -> list[Part]:
    """Return the networks that --backbone takes, with the width of their default embedding."""
    from ..networks.architectures import architecture_of
    from ..networks.resolve import list_backbones

    plans = [(name, architecture_of(name)) for name in list_backbones()]
    rows = [[name, str(plan.width), plan.default_layer, plan.pooling] for name, plan in plans]
    return [Table(["backbone", "features", "default layer", "pooling"], rows, right=[1])]


def stage_parts(backbone: str) -> list[Part]:
    """Return the stages of a network, with the width of their embeddings."""
    from ..networks.resolve import stage_widths

    return [Table(["stage", "features"], [[name, str(n)] for name, n in stage_widths(backbone).items()], right=[1])]


def cache_parts(store: EmbeddingCache) -> list[Part]:
    """Return what a cache holds."""
    found = store.info()
    parts: list[Part] = [
        f"{store.root}: {sum(i.rows for i in found):,} embeddings, {size_text(sum(i.bytes for i in found))}"
    ]
    if filled := [i for i in found if i.rows]:
        parts.append(_specs(filled))
    if damaged := sum(i.damaged for i in found):
        size = size_text(sum(i.damaged_bytes for i in found))
        parts.append(
            f"{count_text(damaged, 'damaged file')} (*.damaged), {size} more, which `featx cache prune` removes first"
        )
    if unfinished := sum(i.unfinished for i in found):
        size = size_text(sum(i.unfinished_bytes for i in found))
        parts.append(
            f"{count_text(unfinished, 'unfinished file')} (tmp-*), {size} more: being written, or left by writers that "
            "ended, which `featx cache prune` removes, after a day where nothing is known of them"
        )
    return parts


def cache_check_parts(store: EmbeddingCache, report: CacheReport) -> list[Part]:
    """Return what a check of a cache found."""
    lines = [f"{store.root}: {report.rows:,} embeddings in {report.segments} sound files"]
    lines += [f"damaged: {path.relative_to(store.root)}: {reason}" for path, reason in report.problems]
    lines += [f"not compared: {path.relative_to(store.root)}: {reason}" for path, reason in report.unread]
    if report.leftovers:
        lines.append(f"{count_text(len(report.leftovers), 'file')} left by killed writers")
    if report.set_aside:
        lines.append(
            f"{count_text(len(report.set_aside), 'damaged file')} (*.damaged), which `featx cache prune` removes first"
        )
    return ["\n".join(lines)]


def prediction_header(top: int, *, decided: bool = False) -> list[str]:
    """Return the names of the columns of predictions with `top` classes an image, and if `decided` by a threshold."""
    ranks = ["", *(f"_{rank}" for rank in range(2, top + 1))]
    more = ["positive", "positive_probability", "threshold"] if decided else []
    return ["path", *(f"{name}{rank}" for rank in ranks for name in ("label", "probability")), *more]


def prediction_parts(predictions: Sequence[Prediction]) -> list[Part]:
    """Return the most likely classes of each image, with probabilities if the model has any."""
    top = max((len(p.top) for p in predictions), default=0)
    rows = [[p.name, *(cell for label, value in p.top for cell in (label, _probability(value)))] for p in predictions]
    names = {0: FILE_NAMES, **dict.fromkeys(range(1, 2 * top, 2), CLASS_NAMES)}
    pool = sorted({label for p in predictions for label, _ in p.top})
    stacked = [", ".join(f"{label} {_probability(value)}".rstrip() for label, value in p.top) for p in predictions]
    header = prediction_header(top)
    if any(value is not None for p in predictions for _, value in p.top):
        below = ", ".join(" ".join(header[place : place + 2]) for place in range(1, len(header), 2))
    else:
        below = ", ".join(header[1::2])
    table = Table(header, rows, names=names, pool=pool, stacked=stacked, stacked_header=below)
    decision = getattr(predictions, "decision", None)
    return [table] if decision is None else [table, decision_text(decision)]


def _probability(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _specs(filled: list[SpecInfo]) -> Table:
    rows = [
        [i.spec.digest[:12], i.spec.backbone, i.spec.layer, i.spec.pooling, i.spec.precision.partition(";")[0],
         f"{i.rows:,}", str(i.width), size_text(i.bytes), str(i.segments), _ago(i.last_used), differs]
        for i, differs in zip(filled, _differences(filled), strict=True)
    ]  # fmt: skip
    header = ["spec", "backbone", "layer", "pooling", "precision", "rows", "features", "size", "files", "last used"]
    stacked = []
    for _, *network, n_rows, width, size, files, used, differs in rows:
        holds = f"{', '.join(network)}; {n_rows} rows of {width} features, {size} in {count_text(int(files), 'file')}"
        stacked.append(f"{holds}, last used {used}" + (f"; differs by {differs}" if differs else ""))
    if any(row[-1] for row in rows):
        header.append("differs by")
    else:
        rows = [row[:-1] for row in rows]
    return Table(header, rows, right=[5, 6, 7, 8], stacked=stacked)


def _differences(found: list[SpecInfo]) -> list[str]:
    """Return how specs differ whose other columns are the same."""
    from ..cache.selection import differences

    def columns(info: SpecInfo) -> tuple[str, ...]:
        spec = info.spec
        return spec.backbone, spec.layer, spec.pooling, spec.precision.partition(";")[0]

    alike: dict[tuple[str, ...], list[SpecInfo]] = {}
    for info in found:
        alike.setdefault(columns(info), []).append(info)
    texts = {id(info): text for group in alike.values()
            for info, text in zip(group, differences([i.spec for i in group]), strict=True)}  # fmt: skip
    return [texts[id(info)] for info in found]


def _ago(moment: float) -> str:
    seconds = max(0.0, time.time() - moment)
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"
