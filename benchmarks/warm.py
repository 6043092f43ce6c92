"""Measure how many known files a second a transformer with a warm cache turns into embeddings, next to a lower limit.

Small files stand for images: none is opened after the first look. Their embeddings are made up and put into a cache in
batches, as an extraction does. The floor is the least that any program must do: one `os.stat` of each path in a
bare loop, and one copy of the rows from a memory map of the cache into a new matrix.

    python benchmarks/warm.py [--files 100000] [--rounds 5]
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from featx import CNNFeatureTransformer, EmbeddingCache
from featx.cache.digests import digest_bytes

BATCH = 1024


def write_files(folder: Path, count: int) -> list[str]:
    """Write files of different content, old enough for their digests to be remembered; return their paths."""
    long_ago = time.time() - 3600
    paths = []
    for number in range(count):
        if number % 1000 == 0:
            (part := folder / f"{number // 1000:04d}").mkdir()
        paths.append(str(part / f"{number:07d}.png"))
        with open(paths[-1], "wb") as file:
            file.write(b"image %d" % number)
        os.utime(paths[-1], (long_ago, long_ago))
    return paths


def fill(cache: EmbeddingCache, transformer: CNNFeatureTransformer, count: int) -> np.ndarray:
    """Put a made-up embedding for each file; return all of them."""
    spec = transformer.spec()
    rows = np.random.default_rng(0).random((count, transformer.embedding_dim_), dtype=np.float32)
    for start in range(0, count, BATCH):
        part = rows[start : start + BATCH]
        keys = b"".join(digest_bytes(b"image %d" % number) for number in range(start, start + len(part)))
        cache.put(spec, np.frombuffer(keys, np.uint8).reshape(-1, 32), part)
    cache.compact()
    return rows


def bare_stats(paths: list[str]) -> None:
    """Look at the status of each file and keep nothing."""
    for path in paths:
        os.stat(path)


def timed(action: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


@click.command()
@click.option("--files", default=100_000, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def run(files: int, rounds: int) -> None:
    """Print a table of medians over rounds in which everything is timed in turn."""
    with tempfile.TemporaryDirectory() as folder:
        (images := Path(folder, "images")).mkdir()
        paths = write_files(images, files)
        cache = EmbeddingCache(Path(folder, "cache"))
        transformer = CNNFeatureTransformer(precision="float32", cache=cache).fit(paths[:1])
        rows = fill(cache, transformer, files)
        np.save(Path(folder, "rows.npy"), rows)
        mapped = np.load(Path(folder, "rows.npy"), mmap_mode="r")
        every, mixed = np.arange(files), np.array(random.Random(0).sample(range(files), files))
        shuffled = [paths[i] for i in mixed]

        first = timed(lambda: transformer.transform(paths))
        right = np.array_equal(transformer.transform(shuffled), rows[mixed])
        tasks: dict[str, Callable[[], object]] = {
            "floor: bare `os.stat` loop": lambda: bare_stats(paths),
            "floor: bare copy of the rows": lambda: np.take(mapped, every, axis=0),
            "transform, in order": lambda: transformer.transform(paths),
            "floor: bare copy of the rows, shuffled": lambda: np.take(mapped, mixed, axis=0),
            "transform, shuffled": lambda: transformer.transform(shuffled),
        }
        seconds: dict[str, list[float]] = {name: [] for name in tasks}
        for _ in range(rounds):
            for name, task in tasks.items():
                seconds[name].append(timed(task))

    click.echo(f"{files:,} files, {rows.shape[1]:,} features, median (fastest) of {rounds} rounds\n")
    click.echo("| step | seconds | files/s |\n|---|---:|---:|")
    click.echo(f"| first look: every file is read once | {first:.2f} | {files / first:,.0f} |")
    for name, values in seconds.items():
        middle = statistics.median(values)
        click.echo(f"| {name} | {middle:.3f} ({min(values):.3f}) | {files / middle:,.0f} |")
    built = "torch" in sys.modules
    click.echo(f"\nright rows: {right}; torch imported, without which no network is built: {built}")
    if built or not right:
        raise SystemExit("the warm path is broken")


if __name__ == "__main__":
    run()
