"""Measure a report of many images and classes: how large the file is, and how long Chromium takes to draw it.

    pip install "featx[test]"      # and Chromium: apt-get install chromium
    python benchmarks/report_page.py [--images 10000] [--classes 100] [--rounds 5]

Predictions and images are drawn at random: photographs' parts of 256 x 256 pixels as JPEG files, right in about four
of five cases. The time counts from asking for the file until the page is loaded and was painted once; the first round,
in which Chromium starts, is left out.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from featx import ImageDataset, write_report
from featx.evaluation.held_out_result import HeldOutResult, score_held_out
from featx.networks.precision import photographs

PAINTED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"


def drawn(n: int, n_classes: int, folder: Path) -> tuple[HeldOutResult, ImageDataset]:
    """Return predictions drawn at random, and the images that they are of."""
    rng = np.random.default_rng(0)
    photos, paths = photographs(), []
    for number in range(n):
        photo = photos[number % len(photos)]
        top, left = (int(rng.integers(0, length - 256)) for length in photo.shape[:2])
        path = folder / f"{number:05d}.jpg"
        Image.fromarray(photo[top : top + 256, left : left + 256]).save(path, quality=80)
        paths.append(str(path))
    truth = rng.integers(0, n_classes, n)
    scores = rng.normal(size=(n, n_classes)) + 3.5 * np.eye(n_classes)[truth]
    shares = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    classes = [f"class {number}" for number in range(n_classes)]
    result = score_held_out(truth, shares, classes=classes, trained=truth)
    result.predictions = result.predictions.named(paths)
    return result, ImageDataset(paths, paths, np.array(classes)[truth])


@click.command()
@click.option("--images", default=10_000, show_default=True)
@click.option("--classes", default=100, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--browser", default=shutil.which("chromium"), metavar="FILE", help="Chromium's program.")
def main(images: int, classes: int, rounds: int, browser: str | None) -> None:
    """Print the size of the page, the time to write it, and that to draw it."""
    if browser is None:
        raise click.ClickException("there is no chromium: install it, or say where it is with --browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        result, data = drawn(images, classes, Path(folder))
        file = Path(folder, "report.html")
        start = time.perf_counter()
        write_report(result, file, dataset=data)
        written = time.perf_counter() - start
        # Chromium started by root has no sandbox.
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox", "--disable-gpu"])
        seconds = []
        for _ in range(rounds + 1):
            page = chromium.new_page(viewport={"width": 1280, "height": 900})
            start = time.perf_counter()
            page.goto(file.as_uri())
            page.evaluate(PAINTED)
            seconds.append(time.perf_counter() - start)
            page.close()
        chromium.close()
        right = result.metrics["accuracy"].text()
        click.echo(f"{images:,} images in {classes} classes, {right} right: {file.stat().st_size / 1e6:.2f} MB")
        click.echo(f"written in {written:.1f} s, drawn in {statistics.median(seconds[1:]):.2f} s")


if __name__ == "__main__":
    main()
