"""Measure the accuracy of frozen features and of fine-tuned networks on solar cells of the ELPV data set.

The task is "defect probability of at least 0.5" on 2,624 electroluminescence images of 300 x 300 pixels (Deitsch et
al. 2019, arXiv 1807.02894), which come with the package elpv-dataset (CC BY-NC-SA 4.0). Published on a 75/25 split:
82.44 % for hand-crafted features with an SVM, 88.42 % for a fine-tuned VGG-19. The data set does not name solar
modules, so cells of one module may be on both sides of a split, here as in the publications.

    pip install "featx[dev]"
    python benchmarks/elpv.py fit [OPTIONS of featx fit]
    python benchmarks/elpv.py compare [OPTIONS of featx compare]
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click

from featx.cli import main as featx

VIEW = ("--image-size", "300", "--resize", "squash", "--layer", "stage7", "--pooling", "avgmax")
DEFAULTS = {"fit": ("--head", "svm", *VIEW), "compare": VIEW}


def read_labels() -> Iterator[tuple[Path, str, str]]:
    """Yield the file, the label "defective" or "functional", and the stratum of each installed image.

    The strata are defect probability and kind of cell, as in the publication.
    """
    spec = find_spec("elpv_dataset")
    if spec is None or spec.origin is None:
        raise click.ClickException("elpv-dataset is not installed: pip install elpv-dataset")
    data = Path(spec.origin).parent / "data"
    for line in (data / "labels.csv").read_text().splitlines():
        name, probability, cell = line.split()
        yield data / name, "defective" if float(probability) >= 0.5 else "functional", f"{probability} {cell}"


def write_manifest(target: Path) -> Path:
    """Write a manifest of the installed images with their labels and strata; return its path."""
    with open(target, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "label", "stratum"])
        writer.writerows(read_labels())
    return target


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", type=click.Choice(["fit", "compare"]))
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def run(command: str, options: tuple[str, ...]) -> None:
    """Run a COMMAND of featx on ELPV, with its OPTIONS in place of the default ones."""
    with tempfile.TemporaryDirectory() as folder:
        manifest = write_manifest(Path(folder, "elpv.csv"))
        output = ["-o", str(Path(folder, "elpv.skops"))] if command == "fit" else []
        featx([command, str(manifest), *output, *(options or DEFAULTS[command])])


if __name__ == "__main__":
    run()
