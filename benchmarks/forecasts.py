"""Compare what forecasts say with what the same calls take, by turns, on a few hundred photographs.

The photographs are 500 x 375 pixels, cut at random from the two samples of scikit-learn; their four classes are the
sample and whether the part is brighter than the median. Each forecast and each call has a process of its own and an
empty cache, and is timed from the call to the result; loading torch is in it.

    pip install "featx[dev]"
    python benchmarks/forecasts.py [extract] [fit] [finetune] [compare] [--repeats 3]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images

import featx
from featx.workflows.extract import write_embeddings

N_IMAGES = {"extract": 600, "fit": 600, "finetune": 300, "compare": 300}


def call(what: str, command: str, folder: Path, cache: str) -> None:
    """Make one forecast or one call in this process; print the seconds as JSON."""
    data = featx.load_dataset(folder / "images.csv").take(np.arange(N_IMAGES[command]))
    transformer = featx.CNNFeatureTransformer(cache=cache)
    if command == "extract":
        calls = featx.forecast_extraction, lambda *images: write_embeddings(*images, f"{cache}/out.h5")
        arguments, options = (data, transformer), {}
    elif command == "fit":
        calls, arguments = (featx.forecast_fit, featx.fit_model), (data, transformer)
        options = {"heads": ["logistic", "svm"]}
    elif command == "finetune":
        calls, options = (featx.forecast_finetuning, featx.finetune_model), {}
        arguments = data, featx.CNNFineTuneClassifier(cache=cache, epochs=4, patience=4)
    else:
        calls, options = (featx.forecast_comparison, featx.compare_strategies), {"repeats": 2, "transfer": transformer}
        few = {"epochs": 3, "patience": 3}
        strategies = {"frozen:svm": None, "finetuned": few}
        arguments = (
            data,
            {
                name: featx.make_strategy(name, transformer, parameters=parameters)
                for name, parameters in strategies.items()
            },
        )
    began = time.perf_counter()
    found = calls[what == "call"](*arguments, **options)
    spent = time.perf_counter() - began
    print(json.dumps({"spent": spent, "expected": found.seconds if what == "forecast" else None}))


def write_photographs(folder: Path) -> None:
    """Write the photographs, and a manifest of them with their classes."""
    rng, photos = np.random.default_rng(0), load_sample_images().images
    rows: list[tuple[str, int, float]] = []
    for number in range(max(N_IMAGES.values())):
        photo = photos[number % 2]
        y, x = rng.integers(0, photo.shape[0] - 374), rng.integers(0, photo.shape[1] - 499)
        part = photo[y : y + 375, x : x + 500]
        Image.fromarray(part).save(folder / f"{number:04}.jpg", quality=90)
        rows.append((f"{number:04}.jpg", number % 2, float(part.mean())))
    medians = [np.median([mean for _, sample, mean in rows if sample == which]) for which in (0, 1)]
    lines = [f"{name},{sample}{'bright' if mean > medians[sample] else 'dark'}" for name, sample, mean in rows]
    (folder / "images.csv").write_text("\n".join(["path,label", *lines]))


@click.command()
@click.argument("commands", nargs=-1, type=click.Choice(list(N_IMAGES)))
@click.option("--repeats", default=3, show_default=True)
def run(commands: tuple[str, ...], repeats: int) -> None:
    """Print what was expected, what it was, and what it took to tell, in seconds."""
    print("| command | images | expected, s | real, s | expected / real | forecast took, s |")
    print("|---|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        write_photographs(Path(folder))

        def child(what: str, command: str) -> dict[str, float]:
            with tempfile.TemporaryDirectory() as cache:
                words = [sys.executable, __file__, "--child", what, command, folder, cache]
                return json.loads(subprocess.run(words, stdout=subprocess.PIPE, check=True).stdout.splitlines()[-1])

        for command in commands or N_IMAGES:
            found = [(child("forecast", command), child("call", command)) for _ in range(repeats)]
            columns = [
                [f"{forecast['expected']:.0f}" for forecast, _ in found],
                [f"{real['spent']:.0f}" for _, real in found],
                [f"{forecast['expected'] / real['spent']:.2f}" for forecast, real in found],
                [f"{forecast['spent']:.0f}" for forecast, _ in found],
            ]
            print(f"| {command} | {N_IMAGES[command]} | {' | '.join(map(', '.join, columns))} |", flush=True)


if __name__ == "__main__":
    if "--child" in sys.argv:
        _, _, what, command, folder, cache = sys.argv
        call(what, command, Path(folder), cache)
    else:
        run()
