"""Counts and timings of an extraction go in, text that says where the time went comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .report import table

if TYPE_CHECKING:
    from ..extraction import Extraction

__all__ = ["describe_extraction"]

# Stages that run in threads beside the others: their times are sums over the threads.
BESIDE = ("read", "decode")
ORDER = ("digest", *BESIDE, "wait", "forward", "write", "gather")


def describe_extraction(result: Extraction, *, verbose: bool, n_jobs: int | None = None) -> str:
    """Return how many images were forwarded and how many were cached, and with `verbose` where the time went."""
    spent = result.wall_seconds
    cached = result.n_images - result.n_forwarded - len(result.failures)
    if result.n_forwarded:
        text = f"{result.n_forwarded:,} of {result.n_images:,} images forwarded in {spent:.1f} s"
    else:
        text = f"no image forwarded: all {cached:,} embeddings were there already ({spent:.1f} s)"
    if result.damaged:
        text += f"\n{len(result.damaged)} damaged cache segments were set aside and computed again"
    if not verbose:
        return text
    from ..workers import thread_count

    return f"{text}\n{_stages(result, thread_count(n_jobs))}"


def _stages(result: Extraction, threads: int) -> str:
    """Return a table of the stages and a sentence on the one that holds up the others."""
    rows = []
    for stage in sorted(result.seconds, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER)):
        value = result.seconds[stage]
        n_images = result.n_forwarded if stage in (*BESIDE, "forward", "write") else result.n_images
        pace = f"{n_images / value:,.0f}" if value >= 0.005 and stage != "wait" else ""
        meaning = {
            "digest": "reading files that are not remembered, to tell which are cached",
            "read": f"in all {threads} threads together",
            "decode": f"in all {threads} threads together",
            "wait": "of the network, for decoded images",
        }.get(stage, "")
        rows.append([stage, f"{value:.2f}", pace, meaning])
    return table(["stage", "seconds", "images/s", ""], rows, right=[1, 2]) + "\n" + _bottleneck(result, threads)


def _bottleneck(result: Extraction, threads: int) -> str:
    seconds = {stage: value for stage, value in result.seconds.items() if stage not in BESIDE}
    wall = result.wall_seconds
    # What runs beside the network costs nothing until the network waits for it.
    longest = max(seconds, key=lambda stage: seconds[stage])
    share = f"{100 * seconds[longest] / wall:.0f} % of the time" if wall else "no time at all"
    reading = result.seconds.get("read", 0.0) > result.seconds.get("decode", 0.0)
    from ..workers import core_count

    cores = core_count()
    more = f"--n-jobs {cores}" if threads < cores else "smaller image files, or more processor cores,"
    name, advice = {
        "forward": ("the network", "a GPU, a smaller backbone or half precision (--precision bfloat16) is quicker"),
        "wait": ("reading the files", "a faster disk is quicker") if reading else ("decoding", f"{more} is quicker"),
        "write": ("writing to the cache", "a faster disk is quicker"),
        "digest": ("reading the files for their digests", "these are remembered, so that the next run is quicker"),
        "gather": ("reading from the cache", "`featx cache compact` merges its files"),
    }.get(longest, (longest, "nothing is known of it"))
    return f"{name} is the bottleneck ({share}): {advice}"
