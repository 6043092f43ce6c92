"""Measure the start time of commands that compute nothing, each as a whole process.

`featx cache info` looks at a made-up cache of 100 specs with five segments each.

    python benchmarks/start.py [--rounds 10]
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np

SPECS, SEGMENTS, ROWS, FEATURES = 100, 5, 200, 64


def fill(root: Path) -> None:
    """Make a cache of many specs."""
    from featx.cache import EmbeddingCache, EmbeddingSpec

    cache, rng = EmbeddingCache(root), np.random.default_rng(0)
    fixed = {"weights_digest": "0", "layer": "last", "pooling": "avg", "preprocessing": "none"}
    for number in range(SPECS):
        spec = EmbeddingSpec(backbone=f"net{number}", **fixed)
        for _ in range(SEGMENTS):
            digests = rng.integers(0, 256, (ROWS, 32), dtype=np.uint8)
            cache.put(spec, digests, rng.random((ROWS, FEATURES), dtype=np.float32))


def seconds(command: list[str], cache: Path) -> float:
    """Return the wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "FEATX_CACHE": str(cache)})
    return time.perf_counter() - start


@click.command()
@click.option("--rounds", default=10, show_default=True)
def run(rounds: int) -> None:
    """Print a table of medians over rounds in which every command is run in turn."""
    featx = shutil.which("featx", path=str(Path(sys.executable).parent)) or "featx"
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        'python -c "import numpy"': [sys.executable, "-c", "import numpy"],
        'python -c "import featx"': [sys.executable, "-c", "import featx"],
        "featx --version": [featx, "--version"],
        "featx --help": [featx, "--help"],
        "featx cache info": [featx, "cache", "info"],
    }
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder, "cache")
        fill(cache)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                times[name].append(seconds(command, cache))
    click.echo(f"cache of {SPECS} specs x {SEGMENTS} segments; {rounds} rounds\n")
    click.echo("| command | median s | slowest s |\n|---|---:|---:|")
    for name, values in times.items():
        click.echo(f"| `{name}` | {statistics.median(values):.3f} | {max(values):.3f} |")


if __name__ == "__main__":
    run()
