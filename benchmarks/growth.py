"""Measure how time and memory of the cache and of the extraction grow with the number of rows and images.

`rows` puts synthetic rows in batches of 1,024, gets them from the segments of the batches in blocks of 4,096, compacts,
verifies, and gets them from the one segment in blocks and all at once, in random order. `images` extracts tiny PNG
files with a network of one convolution to a file, as `featx extract` does, and to a matrix. `files` lists and digests
files of a few bytes, and reads a manifest of them; `specs` puts one row of each spec. `known` writes the embeddings of
files of a few bytes whose rows of 16 features are in the cache, so that nothing is decoded, and `lines` says by the
lines of featx that allocated it what of its memory grows. Each size runs in processes of its own, the small ones
several times, and medians are printed. Seconds are those of the processor, on all cores. Memory (Linux only) is the
highest resident set during a step beyond the one at its beginning, which includes the input.

    python benchmarks/growth.py rows [--features 256] [--size N]...
    python benchmarks/growth.py images [--size N]...
    python benchmarks/growth.py files [--size N]...
    python benchmarks/growth.py specs [--size N]...
    python benchmarks/growth.py known [--size N]...
    python benchmarks/growth.py lines [--size N --size N]
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

BATCH = 1024
BLOCK = 4096
ROWS = (1_000, 10_000, 100_000, 1_000_000)
IMAGES = (1_000, 5_000, 10_000, 25_000, 50_000)
FILES = (20_000, 200_000, 1_000_000)
SPECS = (300, 3_000)
KNOWN = (10_000, 100_000, 1_000_000)
ROWS_OF_A_SEGMENT = 50_000
# Lines that allocated less than this for each image are not printed.
LEAST_BYTES = 1


class Steps:
    """Processor seconds and peak memory of each step."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[float, float]] = {}
        self.name, self.base = "", 0.0

    def run(self, name: str, action: Callable[[], Any]) -> Any:
        """Call, and note what it took under the name; several calls of one name in a row add up."""
        if name != self.name:
            self.name, self.base = name, forget_peak()
        start = time.process_time()
        result = action()
        seconds = time.process_time() - start + self.found.get(name, (0.0, 0.0))[0]
        self.found[name] = seconds, resident("VmHWM") - self.base
        return result


def resident(field: str) -> float:
    """Return a size of the resident set in MB: VmHWM, the largest since it was forgotten, or VmRSS."""
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) * 1024 / 1e6
    return float("nan")


def forget_peak() -> float:
    """Give free memory back, forget the largest resident set, and return the present one in MB."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5")
    return resident("VmRSS")


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

    def get_in_blocks(name: str) -> None:
        cache = EmbeddingCache(folder / "cache")
        for start in range(0, count, BLOCK):
            some = digests[start : start + BLOCK]
            assert steps.run(name, lambda some=some: cache.get(spec, some))[1].all()

    digests = keys_of(0, count)
    rows = rng.random((BATCH, features), dtype=np.float32)
    for start in range(0, count, BATCH):
        some = digests[start : start + BATCH]
        steps.run("put", lambda some=some: cache.put(spec, some, rows[: len(some)]))
    get_in_blocks("get in blocks")
    # Each as a process of its own would find it: knowing nothing.
    cache = EmbeddingCache(folder / "cache")
    steps.run("compact", cache.compact)
    cache = EmbeddingCache(folder / "cache")
    steps.run("verify", cache.verify)
    get_in_blocks("get in blocks, compacted")
    mixed = digests[rng.permutation(count)]
    # A virtual machine's memory costs seconds per gigabyte when it is touched for the first time ever.
    np.ones((count, features), dtype=np.float32)
    cache = EmbeddingCache(folder / "cache")
    assert steps.run("get all, shuffled", lambda: cache.get(spec, mixed))[1].all()
    return steps


def write_files(folder: Path, count: int) -> None:
    """Write files whose digests are those of `keys_of`, in folders of 1,000, and wait until they can be remembered."""
    for number in range(count):
        part = folder / f"{number // 1000:04d}"
        if number % 1000 == 0:
            part.mkdir(parents=True)
        (part / f"{number:08d}.jpg").write_bytes(b"%d" % number)
    time.sleep(3)  # files that have just been written are not remembered


def remember_files(folder: Path, count: int, _: int) -> Steps:
    """Take so many small files through listing, digests and a manifest."""
    from featx.cache import FileDigests
    from featx.datasets.load import load_dataset
    from featx.extraction.digests import image_keys
    from featx.images.sources import as_sources

    write_files(folder / "files", count)
    steps = Steps()
    images = as_sources(steps.run("list a folder", lambda: load_dataset(folder / "files")).images)
    database = folder / "digests.sqlite"
    memory = FileDigests(database)
    steps.run("digests, files read", lambda: image_keys(images, memory, threads=2))
    memory = FileDigests(database)
    steps.run("digests, from the database", lambda: image_keys(images, memory, threads=2))
    steps.run("digests, again", lambda: image_keys(images, memory, threads=2))
    with open(folder / "manifest.csv", "w") as file:
        file.write("path,label\n")
        file.writelines(f"{image.path},class{number % 100}\n" for number, image in enumerate(images))
    steps.run("read a manifest", lambda: load_dataset(folder / "manifest.csv"))
    return steps


def store_specs(folder: Path, count: int, _: int) -> Steps:
    """Take so many specs of one row through the store."""
    from featx.cache import EmbeddingCache, EmbeddingSpec

    cache = EmbeddingCache(folder / "cache")
    row, digest = np.ones((1, 16), np.float32), keys_of(0, 1)
    named = {"layer": "last", "pooling": "avg", "preprocessing": "none"}
    steps = Steps()
    for number in range(count):
        spec = EmbeddingSpec(backbone="net", weights_digest=str(number), **named)
        steps.run("put", lambda spec=spec: cache.put(spec, digest, row))
    steps.run("info", cache.info)
    steps.run("prune all", lambda: cache.prune(max_bytes=0))
    return steps


def extract_images(folder: Path, count: int, _: int) -> Steps:
    """Extract so many tiny images, to a matrix and to a file."""
    import torch
    from PIL import Image
    from torch import nn

    from featx import CNNFeatureTransformer
    from featx.datasets.load import collect_images
    from featx.workflows.extract import write_embeddings

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


def extract_known(folder: Path, count: int, _: int) -> Steps:
    """Write the embeddings of files whose rows are in the cache, and pass their paths as a list."""
    from featx.datasets.load import collect_images
    from featx.workflows.extract import write_embeddings

    transformer = known_files(folder, count)
    steps = Steps()
    dataset = steps.run("list", lambda: collect_images([folder / "files"]))
    steps.run("extract, files read", lambda: write_embeddings(dataset, transformer, folder / "all.h5"))
    steps.run("extract, again", lambda: write_embeddings(dataset, transformer, folder / "all.h5"))
    paths = list(dataset.images)
    transformer.fit(paths[:1])
    steps.run("to a matrix", lambda: transformer.transform(paths))
    steps.run("to a matrix, again", lambda: transformer.transform(paths))
    return steps


def known_files(folder: Path, count: int) -> Any:
    """Write files and a cache with their rows, and return the transformer whose rows these are."""
    from featx import CNNFeatureTransformer
    from featx.cache import EmbeddingCache

    write_files(folder / "files", count)
    transformer = CNNFeatureTransformer(layer="stage1", cache=folder / "cache")
    width, *_ = transformer.check_parameters()
    spec, cache = transformer.plan(np.arange(1)).spec(), EmbeddingCache(folder / "cache")
    for start in range(0, count, ROWS_OF_A_SEGMENT):
        digests = keys_of(start, min(start + ROWS_OF_A_SEGMENT, count))
        cache.put(spec, digests, np.ones((len(digests), width), np.float32))
    return transformer


def allocated_lines(folder: Path, count: int) -> Counter[str]:
    """Return the bytes that each line has allocated and that are in use at the end of `extract_known`'s first run."""
    from featx.datasets.load import collect_images
    from featx.workflows.extract import write_embeddings

    transformer = known_files(folder, count)
    tracemalloc.start()
    dataset = collect_images([folder / "files"])
    write_embeddings(dataset, transformer, folder / "all.h5")
    found: Counter[str] = Counter()
    for line in tracemalloc.take_snapshot().statistics("lineno"):
        place = line.traceback[0]
        found["/".join(Path(place.filename).parts[-3:]) + f":{place.lineno}"] += line.size
    found["the peak of all"] = tracemalloc.get_traced_memory()[1]
    return found


WORK = {
    "rows": store_rows,
    "images": extract_images,
    "files": remember_files,
    "specs": store_specs,
    "known": extract_known,
}
UNITS = {"rows": 100_000, "images": 1000, "files": 100_000, "specs": 1000, "known": 100_000}
# Smaller sizes are repeated until so many were dealt with, five times at most.
MANY = {"rows": 300_000, "images": 5000, "files": 50_000, "specs": 1000, "known": 20_000}


def measure(what: str, count: int, features: int) -> dict[str, tuple[float, float]]:
    """Return the medians of the steps of one size, each time from a process of its own."""
    command = [sys.executable, __file__, "one", what, str(count), "--features", str(features)]
    times = min(max(MANY[what] // count, 1), 5)
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(times)
    ]
    return {
        step: (statistics.median(run[step][0] for run in runs), max(run[step][1] for run in runs)) for step in runs[0]
    }


def print_table(what: str, sizes: tuple[int, ...], features: int) -> None:
    """Print seconds, seconds for 100,000 rows or 1,000 images, their ratio to those of the size before, and memory."""
    unit = UNITS[what]
    click.echo(
        f"| {what} | step | seconds | s / {unit:,} | ratio | peak MB | matrix MB |\n|---:|---|---:|---:|---:|---:|---:|"
    )
    before: dict[str, float] = {}
    for count in sizes:
        for step, (seconds, memory) in measure(what, count, features).items():
            each = seconds / count * unit
            ratio = f"{each / before[step]:.2f}" if step in before else ""
            size = f"{count * features * 4 / 1e6:,.0f}" if step.startswith(("get all", "to a matrix")) else ""
            click.echo(f"| {count:,} | {step} | {seconds:.3f} | {each:.3f} | {ratio} | {memory:,.0f} | {size} |")
            before[step] = each


@click.group()
def main() -> None:
    """Measure how the store or the extraction grows."""


@main.command()
@click.option("--features", default=256, show_default=True)
@click.option("--size", "sizes", type=int, multiple=True, default=ROWS, show_default=True)
def rows(features: int, sizes: tuple[int, ...]) -> None:
    """Take 1,000 to a million rows through the store."""
    print_table("rows", sizes, features)


@main.command()
@click.option("--size", "sizes", type=int, multiple=True, default=IMAGES, show_default=True)
def images(sizes: tuple[int, ...]) -> None:
    """Extract 1,000 to 50,000 tiny images."""
    print_table("images", sizes, 256)


@main.command()
@click.option("--size", "sizes", type=int, multiple=True, default=FILES, show_default=True)
def files(sizes: tuple[int, ...]) -> None:
    """List and digest 20,000 to a million files, and read a manifest of them."""
    print_table("files", sizes, 0)


@main.command()
@click.option("--size", "sizes", type=int, multiple=True, default=SPECS, show_default=True)
def specs(sizes: tuple[int, ...]) -> None:
    """Put one row of each of 300 and 3,000 specs."""
    print_table("specs", sizes, 0)


@main.command()
@click.option("--size", "sizes", type=int, multiple=True, default=KNOWN, show_default=True)
def known(sizes: tuple[int, ...]) -> None:
    """Write the embeddings of 10,000 to a million known files."""
    print_table("known", sizes, 16)


@main.command()
@click.option("--size", "sizes", type=int, multiple=True, default=(20_000, 100_000), show_default=True)
def lines(sizes: tuple[int, ...]) -> None:
    """Print the bytes that each line allocates for each image more, between two sizes."""
    found = []
    for size in sizes:
        command = [sys.executable, __file__, "trace", str(size)]
        found.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    click.echo("| line | bytes an image |\n|---|--:|")
    growth = {line: (count - found[0].get(line, 0)) / (sizes[-1] - sizes[0]) for line, count in found[-1].items()}
    for line, each in sorted(growth.items(), key=lambda item: -item[1]):
        if each >= LEAST_BYTES:
            click.echo(f"| {line} | {each:.0f} |")


@main.command(hidden=True)
@click.argument("count", type=int)
def trace(count: int) -> None:
    """Print the bytes of each line as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        click.echo(json.dumps(allocated_lines(Path(folder), count)))


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
