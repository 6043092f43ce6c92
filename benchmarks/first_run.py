"""Measure `featx fit` from the prompt to the table, as a whole process: nothing known, and all images known.

200 photographs in two classes and one head. On a terminal of its own, the command says what it does; the time to its
first word is measured too. Processor seconds are those of all threads; a busy machine changes them less than the time.

    pip install scikit-image
    python benchmarks/first_run.py [--images 200] [--rounds 5]
"""

from __future__ import annotations

import os
import pty
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
from cold import write_photographs

from featx.ranking.speed import describe_processor


def run(command: list[str], cache: Path) -> tuple[float, float, float]:
    """Return the seconds to the first word, to the end, and of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    parent, child = pty.openpty()
    start = time.perf_counter()
    with subprocess.Popen(
        command, env={**os.environ, "FEATX_CACHE": str(cache)}, stdout=child, stderr=child, stdin=child
    ) as process:
        os.close(child)
        said, first = b"", 0.0
        while True:
            try:
                part = os.read(parent, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            first = first or time.perf_counter() - start
            said += part
    seconds = time.perf_counter() - start
    os.close(parent)
    if process.returncode:
        raise SystemExit(said.decode(errors="replace"))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return first, seconds, used


@click.command()
@click.option("--images", default=200, show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(images: int, rounds: int) -> None:
    """Print a table of medians."""
    featx = shutil.which("featx", path=str(Path(sys.executable).parent)) or "featx"
    found: dict[str, list[tuple[float, float, float]]] = {"nothing known": [], "all images known": []}
    with tempfile.TemporaryDirectory() as folder:
        (photos := Path(folder, "photos")).mkdir()
        for number, path in enumerate(write_photographs(photos, images)):
            (part := photos / f"class{number % 2}").mkdir(exist_ok=True)
            Path(path).rename(part / Path(path).name)
        command = [featx, "fit", str(photos), "-o", str(Path(folder, "m.skops"))]
        for number in range(rounds):
            for what in found:
                found[what].append(run(command, Path(folder, f"cache{number}")))
    click.echo(f"{describe_processor('cpu')}; {images:,} photographs, medians of {rounds} rounds\n")
    click.echo("| `featx fit` | first word | table | processor |\n|---|---:|---:|---:|")
    for what, values in found.items():
        first, seconds, used = map(statistics.median, zip(*values, strict=True))
        click.echo(f"| {what} | {first:.1f} s | {seconds:.1f} s | {used:.1f} s |")


if __name__ == "__main__":
    main()
