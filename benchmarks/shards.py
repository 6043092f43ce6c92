"""Extract a data set in shards with a cache each, and merge them; and merge, look up and count many synthetic rows.

    python benchmarks/shards.py [--images 2000] [--shards 8]
    python benchmarks/shards.py --rows 10000000 [--shards 16]

The first form runs `featx extract --shard N/COUNT` in a process for each shard, merges, and compares with one run. The
second makes caches of rows of width 8 in segments of 4,096, as a shard commits them, and prints time, memory and files
of each step, for a tenth, a third and all of the rows.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

from featx import CNNFeatureTransformer, EmbeddingCache, EmbeddingSpec
from featx.images.sources import as_sources
from featx.runtime.resources import peak_memory

SEGMENT = 4096
SPEC = EmbeddingSpec(backbone="net", weights_digest="0", layer="last", pooling="avg", preprocessing="none")


def real(n_images: int, n_shards: int) -> None:
    """Extract images in shards, and print what merging them gives."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        data.mkdir()
        for number in range(n_images):
            pixels = np.random.default_rng(number).integers(0, 256, (48, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(data / f"{number:05}.png")
        options = ["--image-size", "48", "--precision", "float32", "--quiet"]
        for n in range(1, n_shards + 1):
            command = ["extract", str(data), "--shard", f"{n}/{n_shards}", "--cache", f"{folder}/part{n}", *options]
            subprocess.run([sys.executable, "-c", "from featx.cli import main; main()", *command], check=True)
        merged = EmbeddingCache(f"{folder}/merged")
        report = merged.merge([f"{folder}/part{n}" for n in range(1, n_shards + 1)])
        found = merged.verify()
        print(f"merged: {report.rows:,} rows of {report.segments} files; clean {found.clean}, {found.rows:,} rows")
        paths = sorted(map(str, data.iterdir()))
        results = []
        for cache in ("merged", "local"):
            network = CNNFeatureTransformer(cache=f"{folder}/{cache}", image_size=48, precision="float32")
            results.append(network.extract(as_sources(paths)))
        equal = np.array_equal(results[0].embeddings[0], results[1].embeddings[0])
        print(f"rows equal to a local run: {equal}; forwards after the merge: {results[0].n_forwarded}")


def synthetic(n_rows: int, n_shards: int) -> None:
    """Print what it takes to merge, look up and count rows of width 8."""
    print("| rows | step | seconds | peak memory, MB | files |")
    print("|---|---|---|---|---|")
    for part in (n_rows // 10, n_rows // 3, n_rows):
        # A process of its own, for its own peak of memory.
        subprocess.run([sys.executable, __file__, "--rows", str(part), "--shards", str(n_shards), "--once"], check=True)


def once(n_rows: int, n_shards: int) -> None:
    """Make caches of so many rows, and print a line for each step."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        roots = [f"{folder}/part{n}" for n in range(n_shards)]
        merged = f"{folder}/merged"
        digests = rng.integers(0, 256, (n_rows, 32), dtype=np.uint8)

        def step(name: str, action: Callable[[], Any]) -> Any:
            began = time.perf_counter()
            result = action()
            seconds, files = time.perf_counter() - began, len(list(Path(folder).glob("*/*/*.h5")))
            print(f"| {n_rows:,} | {name} | {seconds:.1f} | {peak_memory() / 1e6:.0f} | {files:,} |", flush=True)
            return result

        def fill() -> None:
            for root, mine in zip(roots, np.array_split(digests, n_shards), strict=True):
                cache = EmbeddingCache(root)
                for start in range(0, len(mine), SEGMENT):
                    some = mine[start : start + SEGMENT]
                    cache.put(SPEC, some, some[:, :8].astype(np.float32))

        def merge() -> None:
            EmbeddingCache(merged).merge(roots)
            for root in roots:
                shutil.rmtree(root)

        def missing() -> None:
            numbers = digests[:, 0] % n_shards
            lacking = ~EmbeddingCache(merged).contains(SPEC, digests)
            assert not np.bincount(numbers[lacking], minlength=n_shards).any()

        step("fill", fill)
        step("merge", merge)
        cache = step("look up all, first time", lambda: _looked_up(merged, digests))
        step("look up all again", lambda: cache.contains(SPEC, digests))
        step("missing", missing)
        step("read 100,000", lambda: cache.get(SPEC, digests[rng.choice(n_rows, min(n_rows, 100_000), replace=False)]))
        step("compact", lambda: EmbeddingCache(merged).compact())


def _looked_up(root: str, digests: np.ndarray) -> EmbeddingCache:
    cache = EmbeddingCache(root)
    assert cache.contains(SPEC, digests).all()
    return cache


@click.command()
@click.option("--images", default=2000, show_default=True)
@click.option("--shards", default=None, type=int, help="8 of images, 16 of rows.")
@click.option("--rows", type=int, help="Synthetic rows in place of images.")
@click.option("--once", "is_once", is_flag=True, hidden=True)
def main(images: int, shards: int | None, rows: int | None, is_once: bool) -> None:
    """Print what was measured."""
    if rows is None:
        real(images, shards or 8)
    elif is_once:
        once(rows, shards or 16)
    else:
        synthetic(rows, shards or 16)


if __name__ == "__main__":
    main()
