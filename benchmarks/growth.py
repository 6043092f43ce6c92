"""Sizes go in; how time and memory of the store and of the extraction grow with them comes out.

`rows` puts synthetic rows in batches of 1,024, compacts, gets them all at once in random order and again in blocks of
4,096, and verifies. `images` extracts tiny PNG files with a network of one convolution to a matrix, and to a file as
`featx extract` does. Each size runs in a process of its own; memory is the peak of the resident set up to the end of
each step, beyond what the process had before the first.

    python benchmarks/growth.py rows [--features 256]
    python benchmarks/growth.py images
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

BATCH = 1024
BLOCK = 4096
ROWS = (1_000, 10_000, 100_000, 1_000_000)
IMAGES = (1_000, 5_000, 10_000, 25_000, 50_000)


class Steps:
    """Seconds and peak memory of each step."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[float, float]] = {}
        self.base = peak()

    def run(self, name: str, action: Callable[[], Any]) -> Any:
        """Call, and note what it took under the name; several calls of one name add up."""
        start = time.perf_counter()
        result = action()
        seconds = time.perf_counter() - start + self.found.get(name, (0.0, 0.0))[0]
        self.found[name] = seconds, peak() - self.base
        return result


def peak() -> float:
    """Return the largest resident set so far in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024**2 / 1e6 * 1e3 if sys.platform == "darwin" else 1e3
    )


def keys_of(start: int, stop: int) -> np.ndarray:
    """Return the digests of numbers."""
    raw = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(start, stop))
    return np.frombuffer(raw, np.uint8).reshape(-1, 32)


def store_rows(folder: Path, count: int, features: int) -> Steps:
    """Take so many rows through the store."""
    from featx.cache import EmbeddingCache, EmbeddingSpec

    spec = EmbeddingSpec(backbone="net", weights_digest="0", layer="last", pooling="avg", preprocessing="none")
    cache = EmbeddingCache(folder / "cache")
    rng = np.random.default_rng(0)
    cache.put(spec, keys_of(-1, 0), rng.random((1, features), dtype=np.float32))
    steps = Steps()
    for start in range(0, count, BATCH):
        digests = keys_of(start, min(start + BATCH, count))
        rows = rng.random((len(digests), features), dtype=np.float32)
        steps.run("put", lambda digests=digests, rows=rows: cache.put(spec, digests, rows))
    steps.run("compact", cache.compact)
    cache = EmbeddingCache(folder / "cache")
    steps.run("verify", cache.verify)
    digests = keys_of(0, count)
    for start in range(0, count, BLOCK):
        found = steps.run("get in blocks", lambda start=start: cache.get(spec, digests[start : start + BLOCK]))[1]
        assert found.all()
    mixed = digests[rng.permutation(count)]
    assert steps.run("get all, shuffled", lambda: cache.get(spec, mixed))[1].all()
    return steps


def extract_images(folder: Path, count: int, _: int) -> Steps:
    """Extract so many tiny images, to a matrix and to a file."""
    import torch
    from PIL import Image
    from torch import nn

    from featx import CNNFeatureTransformer
    from featx.datasets import collect_images
    from featx.export import write_embeddings

    rng = np.random.default_rng(0)
    (folder / "images").mkdir()
    for number in range(count):
        pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8).repeat(4, 0).repeat(4, 1)
        Image.fromarray(pixels).save(folder / "images" / f"{number:06d}.png", compress_level=1)
    (folder / "few").mkdir()
    for number in range(64):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(folder / "few" / f"{number}.png")

    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 256, 3, stride=4), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def transformer(name: str) -> CNNFeatureTransformer:
        return CNNFeatureTransformer(network, image_size=32, cache=folder / name)

    dataset = collect_images([folder / "images"])
    write_embeddings(collect_images([folder / "few"]), transformer("few-cache"), folder / "few.h5")
    steps = Steps()
    steps.run("to a file", lambda: write_embeddings(dataset, transformer("cache"), folder / "all.h5"))
    steps.run("to a file, known", lambda: write_embeddings(dataset, transformer("cache"), folder / "all.h5"))
    paths = list(dataset.images)
    matrix = steps.run("to a matrix", lambda: transformer("other-cache").fit(paths[:1]).transform(paths))
    assert matrix.shape == (count, 256)
    return steps


WORK = {"rows": store_rows, "images": extract_images}


def measure(what: str, count: int, features: int) -> dict[str, tuple[float, float]]:
    """Return the steps of one size, from a process of its own."""
    command = [sys.executable, __file__, "one", what, str(count), "--features", str(features)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def print_table(what: str, sizes: tuple[int, ...], features: int) -> None:
    """Print seconds, seconds for 100,000, their ratio to those of the size before, and memory."""
    unit = 100_000
    click.echo(
        f"| {what} | step | seconds | s / {unit:,} | ratio | peak MB | matrix MB |\n|---:|---|---:|---:|---:|---:|---:|"
    )
    before: dict[str, float] = {}
    for count in sizes:
        for step, (seconds, memory) in measure(what, count, features).items():
            each = seconds / count * unit
            ratio = f"{each / before[step]:.2f}" if step in before else ""
            size = f"{count * features * 4 / 1e6:,.0f}" if step in ("get all, shuffled", "to a matrix") else ""
            click.echo(f"| {count:,} | {step} | {seconds:.2f} | {each:.2f} | {ratio} | {memory:,.0f} | {size} |")
            before[step] = each


@click.group()
def main() -> None:
    """Measure how the store or the extraction grows."""


@main.command()
@click.option("--features", default=256, show_default=True)
@click.option("--most", default=ROWS[-1], show_default=True)
def rows(features: int, most: int) -> None:
    """Take 1,000 to a million rows through the store."""
    print_table("rows", tuple(size for size in ROWS if size <= most), features)


@main.command()
@click.option("--most", default=IMAGES[-1], show_default=True)
def images(most: int) -> None:
    """Extract 1,000 to 50,000 tiny images."""
    print_table("images", tuple(size for size in IMAGES if size <= most), 256)


@main.command(hidden=True)
@click.argument("what")
@click.argument("count", type=int)
@click.option("--features", type=int)
def one(what: str, count: int, features: int) -> None:
    """Print the steps of one size as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        click.echo(json.dumps(WORK[what](Path(folder), count, features).found))


if __name__ == "__main__":
    main()
