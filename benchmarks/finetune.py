"""Measure the time of an epoch of fine-tuning, with the boundary cached and with every image forwarded.

Real solar cells of the ELPV data set (package elpv-dataset), one draw of each, no augmentation, so that both do the
same arithmetic above the boundary; random weights for ResNet-50, which do not change the time.

    pip install "featx[dev]"
    python benchmarks/finetune.py [--images 256] [--epochs 4]
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median

import click
import numpy as np
from elpv import write_manifest

from featx import CNNFineTuneClassifier, load_dataset

CASES = [
    ("efficientnet_lite0", "DEFAULT", 2, "stage7 and head, the last quarter of its layers"),
    ("resnet50", None, 1, "layer4, the last of its four stages"),
]


@click.command()
@click.option("--images", default=256, show_default=True)
@click.option("--epochs", default=4, show_default=True)
def run(images: int, epochs: int) -> None:
    """Print seconds an epoch either way, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        data = load_dataset(write_manifest(Path(folder, "elpv.csv")))
        rows = np.random.default_rng(0).permutation(len(data))[:images]
        chosen = data.take(rows)
        for backbone, weights, stages, what in CASES:
            times, accuracy = {}, {}
            for cached in (True, False):
                model = CNNFineTuneClassifier(
                    backbone,
                    weights=weights,
                    trainable_stages=stages,
                    epochs=epochs,
                    augmentation="none",
                    boundary_cache_bytes=8_000_000_000 * cached,
                    patience=epochs,
                    cache=Path(folder, "cache"),
                ).fit(chosen.images, chosen.labels)
                times[cached] = median(model.history_["seconds"])
                accuracy[cached] = model.history_["val_accuracy"]
            apart = max(abs(a - b) for a, b in zip(accuracy[True], accuracy[False], strict=True))
            print(
                f"{backbone} ({what}), {images} images: {times[True]:.2f} s an epoch from the cached boundary, "
                f"{times[False]:.2f} s forwarding everything: {times[False] / times[True]:.1f} times faster; "
                f"validation accuracies differ by {100 * apart:.1f} points at most"
            )


if __name__ == "__main__":
    run()
