"""Compare what forecasts say with what the same calls take, by turns, on a few hundred photographs.

The photographs are 500 x 375 pixels, cut at random from the two samples of scikit-learn; their four classes are the
sample and whether the part is brighter than the median. Each forecast and each call has a process of its own and an
empty cache, and is timed from the call to the result; loading torch is in it.

    pip install "featx[dev]"
    python benchmarks/forecasts.py [extract] [fit] [finetune] [compare] [--repeats 3]

"heads" compares fits of heads alone with what is expected of them, in processor seconds of one thread, on made-up
embeddings of 30,000 images in ten classes, or on those that `featx extract` wrote: if all of them are known, 1,024, 64.

    python benchmarks/forecasts.py heads [--head logistic] [--embeddings FILE.h5]
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import click
import h5py
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_images
from threadpoolctl import threadpool_limits

import featx
from featx.forecast import timings
from featx.forecast.prices import KNOWN_ROWS
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


def noise(kind: str, n: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings of ten classes whose standard deviation falls over the directions: not, as i^-0.5 or as 1/i."""
    rng = np.random.default_rng(0)
    scale = (1.0 + np.arange(width)) ** {"white": 0.0, "falling": -0.5, "steep": -1.0}[kind]
    signal = {"white": 0.08, "falling": 0.23, "steep": 0.3}[kind]
    y = rng.integers(0, 10, n)
    X = (signal * rng.normal(size=(10, width))[y] + rng.normal(size=(n, width))) * scale
    rotation = np.eye(width) if kind == "white" else rng.normal(size=(width, width)) / np.sqrt(width)
    return (X @ rotation).astype(np.float32), y


def compare_heads(cases: list[tuple[str, np.ndarray, np.ndarray]], heads: tuple[str, ...]) -> None:
    """Print what fits of heads and predictions of a quarter as many rows take, and the shares of it expected."""
    clock = time.process_time
    # What else runs then changes neither side.
    timings.time = SimpleNamespace(perf_counter=clock)
    print("| embeddings | head | real, s | chosen | all known | 1,024 known | 64 known | forecasts took, s |")
    print("|---|---|--:|---|--:|--:|--:|---|")
    for (name, X, y), head in product(cases, heads):
        order = np.random.default_rng(1).permutation(len(X))
        with threadpool_limits(1):
            began = clock()
            fitted = featx.TunedHead(head).fit(X, y)
            fitted.predict(X[: len(X) // 4])
            real, ratios, took = clock() - began, [], []
            for known in (len(X), 1024, 64):
                began, some = clock(), order[: min(known, KNOWN_ROWS)]
                read = partial(lambda some, X, y: (X[some], y[some]), some, X, y)
                expected = timings.FitTimes(featx.TunedHead(head), read, X.shape[1], y).seconds(len(X), 0.25)
                ratios.append(f"{expected / real:.2f}")
                took.append(f"{clock() - began:.0f}")
        chosen = ", ".join(f"{key}={value}" for key, value in fitted.best_params_.items())
        shape = f"{name}, {len(X):,} x {X.shape[1]:,}"
        print(f"| {shape} | {head} | {real:.1f} | {chosen} | {' | '.join(ratios)} | {', '.join(took)} |", flush=True)


@click.command()
@click.argument("commands", nargs=-1, type=click.Choice([*N_IMAGES, "heads"]))
@click.option("--repeats", default=3, show_default=True)
@click.option("--head", "heads", multiple=True, default=["logistic"], show_default=True)
@click.option("--kind", "kinds", multiple=True, default=["white", "falling", "steep"], show_default=True)
@click.option("--embeddings", type=click.Path(exists=True), help="Of `featx extract`, with labels, for `heads`.")
def run(
    commands: tuple[str, ...], repeats: int, heads: tuple[str, ...], kinds: tuple[str, ...], embeddings: str | None
) -> None:
    """Print what was expected, what it was, and what it took to tell, in seconds."""
    if "heads" in commands:
        made_up = {"white": 640, "falling": 320, "steep": 320}
        if embeddings is None:
            cases = [(kind, *noise(kind, 30_000, made_up[kind])) for kind in kinds]
        else:
            with h5py.File(embeddings) as file:
                cases = [(Path(embeddings).stem, file["embeddings"][:], file["labels"][:])]
        compare_heads(cases, heads)
        return
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
