"""Push the rows of a cache to a folder and pull them, and print seconds, bytes, files and memory of each step.

    python benchmarks/push.py [--rows 100000] [--width 1280] [--to URL]

Rows are put in segments of 4,096, as an extraction commits them. `plain copy` is what copying the files takes.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from featx import EmbeddingCache, EmbeddingSpec, TransferResult, pull_cache, push_cache
from featx.runtime.resources import peak_memory

SEGMENT = 4096
SPEC = EmbeddingSpec(backbone="net", weights_digest="0", layer="last", pooling="avg", preprocessing="none")


@click.command()
@click.option("--rows", default=100_000, show_default=True)
@click.option("--width", default=1280, show_default=True)
@click.option("--to", "url", default="", help="Another place than a folder for temporary files.")
def main(rows: int, width: int, url: str) -> None:
    """Fill a cache, push it, pull it, and do both again."""
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        place = url or f"{folder}/shared"
        cache, other = EmbeddingCache(f"{folder}/cache"), EmbeddingCache(f"{folder}/other")
        digests = rng.integers(0, 256, (rows, 32), dtype=np.uint8)

        def fill(start: int, stop: int) -> None:
            for first in range(start, stop, SEGMENT):
                some = digests[first : min(first + SEGMENT, stop)]
                cache.put(SPEC, some, rng.standard_normal((len(some), width), dtype=np.float32))

        def step(name: str, action: Callable[[], TransferResult | None]) -> None:
            began, used = time.perf_counter(), time.process_time()
            result = action()
            seconds, used = time.perf_counter() - began, time.process_time() - used
            told = f"{result.segments} | {result.bytes:,} | {result.rows:,}" if result else "- | - | -"
            print(f"| {name} | {told} | {used:.1f} | {seconds:.1f} | {peak_memory() / 1e6:.0f} |", flush=True)

        fill(0, rows)
        print("| step | files | bytes | rows | s of the processor | s | peak memory, MB |")
        print("|---|---|---|---|---|---|---|")
        step("plain copy", lambda: _copy(cache.root, Path(folder, "copy")))
        step("push", lambda: push_cache(place, cache=cache))
        step("push again", lambda: push_cache(place, cache=cache))
        step("pull", lambda: pull_cache(place, cache=other))
        step("pull again", lambda: pull_cache(place, cache=other))
        cache.compact()
        other.compact()
        step("push again, compacted", lambda: push_cache(place, cache=cache))
        step("pull again, compacted", lambda: pull_cache(place, cache=other))
        digests = np.concatenate([digests, rng.integers(0, 256, (1000, 32), dtype=np.uint8)])
        fill(rows, rows + 1000)
        cache.compact()
        step("push with 1,000 rows more, compacted", lambda: push_cache(place, cache=cache))
        step("pull them", lambda: pull_cache(place, cache=other))
        embeddings, found = other.get(SPEC, digests[:: max(1, rows // 1000)])
        assert found.all()
        assert np.array_equal(embeddings, cache.get(SPEC, digests[:: max(1, rows // 1000)])[0])
        assert other.verify().clean


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    shutil.rmtree(target)


if __name__ == "__main__":
    main()
