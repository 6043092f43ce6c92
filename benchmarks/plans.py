"""Compare the forecasts of --dry-run with the real time, disk and memory of runs of a minute or more.

Real solar cells of the ELPV data set (package elpv-dataset), each run in a process of its own with an empty cache.

    pip install "featx[dev]"
    python benchmarks/plans.py [extract] [fit] [finetune] [compare] [--share 1.0]
"""

from __future__ import annotations

import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from elpv import write_manifest

# Images and options that make runs of one to three minutes on two cores.
CASES = {
    "extract": (2600, ["-o", "out.h5", "--backbone", "resnet50", "--weights", "none"]),
    "fit": (2600, ["-o", "out.skops", "--head", "logistic", "--head", "svm", "--head", "mlp"]),
    "finetune": (1200, ["-o", "out.skops", "--trainable-stages", "2", "--epochs", "8", "--patience", "8"]),
    "compare": (800, ["--strategy", "frozen:svm", "--strategy", "finetuned", "--repeats", "2", "--json", "out.json",
                      "--set", "finetuned.epochs=5", "--set", "finetuned.patience=5"]),
}  # fmt: skip
UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}


@click.command()
@click.argument("commands", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--share", default=1.0, show_default=True, help="Of the images, for a faster or slower machine.")
def run(commands: tuple[str, ...], share: float) -> None:
    """Print a table of what was expected and what it was."""
    print("| command | images | expected | real | off by | disk, expected | real | memory, expected | real | probe |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for command in commands or CASES:
        with tempfile.TemporaryDirectory() as folder:
            count, options = CASES[command]
            manifest = _part(Path(folder, "elpv.csv"), round(count * share))
            call = [command, str(manifest), *options, "--cache", "cache"]
            (seconds, disk, memory), probe, _ = _forecast(call, folder)
            before = _size(Path(folder))
            _, real, peak = _timed(call, folder)
            written = _size(Path(folder)) - before
            sizes = " | ".join(f"{size / 1e6:.0f} MB" for size in (disk, written, memory, peak))
            times = f"{seconds:.0f} s | {real:.0f} s | {100 * (seconds / real - 1):+.0f} %"
            print(f"| {command} | {round(count * share):,} | {times} | {sizes} | {probe:.0f} s |", flush=True)


def _part(target: Path, count: int) -> Path:
    """Write a manifest of so many random images; return its path."""
    with open(write_manifest(target), newline="") as file:
        header, *rows = csv.reader(file)
    chosen = np.random.default_rng(0).permutation(len(rows))[:count]
    with open(target, "w", newline="") as file:
        csv.writer(file).writerows([header, *(rows[i] for i in sorted(chosen))])
    return target


def _forecast(call: list[str], folder: str) -> tuple[tuple[float, float, float], float, float]:
    """Return seconds, bytes on disk and in memory that are expected, and what it took to tell."""
    text, spent, peak = _timed([*call, "--dry-run"], folder)
    print(text, file=sys.stderr, flush=True)
    total = next(line for line in text.splitlines() if line.startswith("in all"))
    minutes, seconds = re.search(r"(?:(\d+) min )?([\d.]+) s ", total).groups()
    sizes = [float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+) ([kMG]?B)", total)]
    return (60 * int(minutes or 0) + float(seconds), sizes[0], sizes[1]), spent, peak


def _timed(call: list[str], folder: str) -> tuple[str, float, float]:
    """Run a command; return what it printed, its seconds and the most memory that it held."""
    began = time.perf_counter()
    program = [sys.executable, "-c", "from featx.cli import main; main()", *call]
    with subprocess.Popen(program, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        text = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{' '.join(call)} ended with {process.returncode}")
    return text, time.perf_counter() - began, usage.ru_maxrss * 1024


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    run()
