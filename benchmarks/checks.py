"""Measure the time of the cache's checksum comparisons, next to plain reading of the same bytes.

Rows of 1,280 float32 are in a few segments. Each round opens the cache anew, as another process would, and does
everything in turn; the files are in the system's memory, so that it is the checks that are timed and not the disk.

    python benchmarks/checks.py [--rows 50000] [--rounds 5]
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import click
import numpy as np

from featx import EmbeddingCache
from featx.cache import EmbeddingSpec
from featx.cache.segment import Segment

SPEC = EmbeddingSpec(backbone="net", weights_digest="0", layer="last", pooling="avg", preprocessing="none")
WIDTH = 1280
SEGMENTS = 5
PLAIN = "plain reading of the same bytes"


def read_plainly(folder: Path, shape: tuple[int, int]) -> None:
    """Read as many bytes as the rows have from the ends of the segments."""
    out = np.empty(shape, dtype=np.float32).reshape(-1).view(np.uint8)
    start, size = 0, len(out) // SEGMENTS
    for path in folder.glob("*.h5"):
        with open(path, "rb", buffering=0) as file:
            file.seek(-size, 2)
            stop = start + size
            while start < stop:
                start += file.readinto(out[start:stop].data)


def unchecked(segment: Segment, *, again: bool = False) -> None:
    """Stand in for the check of a segment's embeddings."""


@click.command()
@click.option("--rows", default=50_000, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def run(rows: int, rounds: int) -> None:
    """Print the medians as a table."""
    rng = np.random.default_rng(0)
    digests = rng.integers(0, 256, (rows, 32), dtype=np.uint8)
    embeddings = rng.normal(size=(rows, WIDTH)).astype(np.float32)
    seconds: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, call: Callable[..., object], *args: object) -> None:
        start = time.perf_counter()
        call(*args)
        seconds[name].append(time.perf_counter() - start)

    with tempfile.TemporaryDirectory() as place:
        root, copy = Path(place, "cache"), Path(place, "copy")
        for part in np.array_split(np.arange(rows), SEGMENTS):
            EmbeddingCache(root).put(SPEC, digests[part], embeddings[part])
        # What is still on its way to the disk would slow the first round down.
        os.sync()
        read_plainly(root / SPEC.digest, embeddings.shape)
        for _ in range(rounds):
            timed(PLAIN, read_plainly, root / SPEC.digest, embeddings.shape)
            cache, other = EmbeddingCache(root), EmbeddingCache(root)
            timed("opening: headers, digests and what lies around the rows", cache.contains, SPEC, digests[:1])
            timed("first reading of all rows", cache.get, SPEC, digests)
            timed("later reading of all rows", cache.get, SPEC, digests)
            timed("opening and first reading of one row", other.get, SPEC, digests[:1])
            timed("later reading of one row", other.get, SPEC, digests[:1])
            timed("`verify`", EmbeddingCache(root).verify)
        for _ in range(rounds):
            for name, check in (("`compact`", Segment.verify), ("`compact`, what is merged not checked", unchecked)):
                shutil.copytree(root, copy)
                os.sync()
                with mock.patch.object(Segment, "verify", check):
                    timed(name, EmbeddingCache(copy).compact)
                shutil.rmtree(copy)
    plain = statistics.median(seconds[PLAIN])
    click.echo(f"{rows:,} rows of {WIDTH:,} float32, {embeddings.nbytes / 1e6:,.0f} MB in {SEGMENTS} segments:\n")
    click.echo(f"| | ms, median of {rounds} | range | of plain reading |\n|---|---|---|---|")
    for name, values in seconds.items():
        median = statistics.median(values)
        spread = f"{min(values) * 1e3:.1f} to {max(values) * 1e3:.1f}"
        click.echo(f"| {name} | {median * 1e3:.1f} | {spread} | {median / plain:.2f} |")


if __name__ == "__main__":
    run()
