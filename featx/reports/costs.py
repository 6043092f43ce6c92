"""Tables and sentences of what a command cost or would cost: time, disk, memory, the bottleneck."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..display.quantities import count_text, duration_text, size_text
from ..display.tables import CLASS_NAMES, Part, Table
from ..runtime import resources

if TYPE_CHECKING:
    from ..extraction.extract import ExtractionResult
    from ..forecast.result import ForecastResult

__all__ = ["extraction_parts", "forecast_parts", "times_text"]

# Stages that run in threads next to the others: their times are sums over the threads.
THREADED_STAGES = ("read", "decode")
# Parts that take less are not worth speeding up.
ADVISED_SECONDS = 1.0
STAGE_ORDER = ("digest", *THREADED_STAGES, "wait", "forward", "write", "gather")


def forecast_parts(forecast: ForecastResult, *, skipping: bool = False) -> list[Part]:
    """Return the parts of a forecast as a table with totals, and what is known of the images.

    Parameters
    ----------
    forecast : ForecastResult
    skipping : bool, default=False
        Whether unreadable images would be left out.
    """
    rows = [
        [
            part.name,
            f"{part.n_images:,}" if part.n_images else "",
            duration_text(part.seconds),
            *(size_text(size) if size else "" for size in (part.disk_bytes, part.memory_bytes)),
        ]
        for part in forecast.parts
    ]
    most = "at most" if forecast.at_most else "about"
    total = [duration_text(forecast.seconds), size_text(forecast.disk_bytes)]
    memory = size_text(forecast.memory_bytes) if forecast.base_bytes else f"{size_text(forecast.memory_bytes)} and more"
    rows.append([f"in all, {most}", "", *total, memory])
    lines = [_images(forecast)]
    if forecast.n_unreadable:
        then = "left out" if skipping else "the run ends there; --on-error skip leaves them out"
        lines.append(f"{count_text(forecast.n_unreadable, 'image')} could not be read: {then}")
    if forecast.at_most:
        lines.append(forecast.sooner or "training ends earlier when the validation accuracy stops rising")
    lines.append("nothing was written but what is remembered: digests of files and the precision of the network")
    header = ["part", "images", "time", "disk", "memory"]
    return [Table(header, rows, right=[1, 2, 3, 4], names={0: CLASS_NAMES}), "\n".join(lines)]


def extraction_parts(result: ExtractionResult, *, verbose: bool = True, n_jobs: int | None = None) -> list[Part]:
    """Return how many images were forwarded and how many were cached; with `verbose` also where the time went."""
    spent = result.wall_seconds
    cached = result.n_images - result.n_forwarded - len(result.failures)
    if result.n_forwarded:
        lines = [f"{result.n_forwarded:,} of {result.n_images:,} images forwarded in {duration_text(spent)}"]
    else:
        lines = [f"no image forwarded: all {cached:,} embeddings were there already ({duration_text(spent)})"]
    if result.damaged:
        lines.append(f"{len(result.damaged)} damaged cache segments were set aside and computed again")
    if not verbose:
        return ["\n".join(lines)]
    threads = resources.thread_count(n_jobs)
    meanings = {
        f"read and decode: in all {threads} threads together": THREADED_STAGES,
        "digest: reading files that are not remembered": ("digest",),
        "wait: of the network, for decoded images": ("wait",),
    }
    explained = "; ".join(text for text, stages in meanings.items() if any(stage in result.seconds for stage in stages))
    remarks = "\n".join(filter(None, [explained, _bottleneck(result, threads)]))
    return ["\n".join(lines), _stages(result), *([remarks] if remarks else [])]


def times_text(seconds: Mapping[str, float]) -> str:
    """Return the times of the parts of a command, and how to shorten the longest if it is worth it."""
    parts = ", ".join(f"{name} {duration_text(value)}" for name, value in seconds.items())
    longest = max(seconds, key=lambda name: seconds[name])
    if seconds[longest] < ADVISED_SECONDS:
        return parts
    advice = {
        "extraction": "a GPU, a smaller backbone or fewer --augment-draws",
        "training": "fewer --epochs or --trainable-stages, or a GPU",
        "prediction": "a GPU, a smaller backbone or fewer --test-draws",
        "tuning": "fewer heads, smaller grids, fewer folds, or --n-jobs -1",
    }
    share = 100 * seconds[longest] / sum(seconds.values())
    return f"{parts}; most of it is {longest} ({share:.0f} %): {advice[longest]} would be quicker"


def _images(forecast: ForecastResult) -> str:
    about = "about " if forecast.about else ""
    left = forecast.n_passes - forecast.n_cached
    probed = f"{forecast.n_probed} were probed" if forecast.n_probed else "none had to be probed"
    if forecast.n_passes == forecast.n_images:
        found = f"{about}{forecast.n_cached:,} are cached, {left:,} would be forwarded"
    else:
        found = (
            f"{forecast.n_passes:,} passes through a network, of which {about}{forecast.n_cached:,} would find their "
            f"result cached"
        )
    return f"{forecast.n_images:,} images: {found}; {probed}"


def _stages(result: ExtractionResult) -> Table:
    rows = []
    for stage in sorted(
        result.seconds, key=lambda name: STAGE_ORDER.index(name) if name in STAGE_ORDER else len(STAGE_ORDER)
    ):
        value = result.seconds[stage]
        n_images = result.n_forwarded if stage in (*THREADED_STAGES, "forward", "write") else result.n_images
        rate = f"{n_images / value:,.0f}" if value >= 0.005 and stage != "wait" else ""
        rows.append([stage, f"{value:.2f}", rate])
    return Table(["stage", "seconds", "images/s"], rows, right=[1, 2])


def _bottleneck(result: ExtractionResult, threads: int) -> str:
    seconds = {stage: value for stage, value in result.seconds.items() if stage not in THREADED_STAGES}
    wall = result.wall_seconds
    # What runs next to the network costs nothing until the network waits for it.
    longest = max(seconds, key=lambda stage: seconds[stage])
    if seconds[longest] < ADVISED_SECONDS:
        return ""
    share = f"{100 * seconds[longest] / wall:.0f} % of the time"
    reading = result.seconds.get("read", 0.0) > result.seconds.get("decode", 0.0)
    cores = resources.core_count()
    more = f"--n-jobs {cores}" if threads < cores else "smaller image files, or more processor cores,"
    name, advice = {
        "forward": ("the network", "a GPU, a smaller backbone or half precision (--precision bfloat16) is quicker"),
        "wait": ("reading the files", "a faster disk is quicker") if reading else ("decoding", f"{more} is quicker"),
        "write": ("writing to the cache", "a faster disk is quicker"),
        "digest": ("reading the files for their digests", "these are remembered, so that the next run is quicker"),
        "gather": ("reading from the cache", "`featx cache compact` merges its files"),
    }.get(longest, (longest, "nothing is known of it"))
    return f"{name} is the bottleneck ({share}): {advice}"
