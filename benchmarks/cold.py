"""Measure the speed of extraction with an empty cache, in images a second, for featx and other programs.

Writes JPEGs of 500 x 375 pixels, cut from the photographs that scikit-learn and scikit-image bring, and embeds them
with the same architecture and random weights by each contestant in turn, in a process of its own. The rivals are timed
without building their networks; featx with everything that it does (hashing, building, choosing the precision,
fusing, writing), and again in the same process with an empty cache; and as a whole process, with the start of Python
and of the libraries. The limit is the network alone in the precision that featx chose, on all cores, in the same run.

    pip install img2vec_pytorch "embetter[vision]" scikit-image
    python benchmarks/cold.py [--images 2000] [--network resnet50] ...
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision import models
from torchvision.transforms import v2

from featx import CNNFeatureTransformer
from featx.images.sources import as_sources
from featx.networks.resolve import resolve_backbone
from featx.ranking.speed import describe_processor
from featx.runtime.lanes import auto_batch_size, in_lanes, lane_count

BATCH = 32
NETWORKS = ("resnet50", "mobilenet_v2", "efficientnet_lite0")
TIMM_NAMES = {"mobilenet_v2": "mobilenetv2_100", "efficientnet_lite0": "tf_efficientnet_lite0"}


def write_photographs(folder: Path, count: int) -> list[str]:
    """Write crops of sample photographs as JPEG files of 500 x 375 pixels; return their paths."""
    import skimage.data
    from sklearn.datasets import load_sample_images

    photographs = [
        *load_sample_images().images,
        *(getattr(skimage.data, n)() for n in ("astronaut", "coffee", "chelsea")),
    ]
    rng = np.random.default_rng(0)
    paths = []
    for number in range(count):
        photograph = Image.fromarray(photographs[number % len(photographs)])
        width = int(min(photograph.width, photograph.height * 4 / 3) * rng.uniform(0.6, 1))
        height = width * 3 // 4
        left, top = rng.integers(0, photograph.width - width + 1), rng.integers(0, photograph.height - height + 1)
        crop = photograph.resize((500, 375), Image.Resampling.BICUBIC, (left, top, left + width, top + height))
        paths.append(str(folder / f"{number:04}.jpg"))
        crop.save(paths[-1], quality=90)
    return paths


def bare_network(name: str) -> torch.nn.Module:
    """Return the network with random weights and without its class layer."""
    network = resolve_backbone(name, weights=None).build()
    setattr(network, "fc" if name == "resnet50" else "classifier", torch.nn.Identity())
    return network.eval()


def reference_transform(name: str) -> Callable[[Image.Image], torch.Tensor]:
    """Return the preprocessing of the network's first published weights, on PIL images."""
    if name != "efficientnet_lite0":
        return models.get_model_weights(name)["IMAGENET1K_V1"].transforms()
    return v2.Compose(
        [
            v2.Resize(256, v2.InterpolationMode.BICUBIC),
            v2.CenterCrop(224),
            v2.PILToTensor(),
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize([127 / 255] * 3, [128 / 255] * 3),
        ]
    )


class Files(Dataset[torch.Tensor]):
    """Files as a data set of torch's."""

    def __init__(self, paths: list[str], transform: Callable[[Image.Image], torch.Tensor]) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, number: int) -> torch.Tensor:
        return self.transform(Image.open(self.paths[number]).convert("RGB"))


def by_loader(name: str, workers: int) -> Callable[[list[str]], Any]:
    """Return a loop over torch's DataLoader, as tutorials write it."""
    network, transform = bare_network(name), reference_transform(name)

    def run(paths: list[str]) -> Any:
        with torch.inference_mode():
            loader = DataLoader(Files(paths, transform), batch_size=BATCH, num_workers=workers)
            return torch.cat([network(batch) for batch in loader])

    return run


def by_img2vec(name: str) -> Callable[[list[str]], Any]:
    """Return img2vec_pytorch with the network put in where it has none of that name."""
    import img2vec_pytorch.img_to_vec as library

    with mock.patch.object(library, "resnet50", return_value=models.resnet50(weights=None)):
        embedder = library.Img2Vec(model="resnet50")
    if name != "resnet50":
        network = bare_network(name)
        pooled = next(m for m in network.modules() if isinstance(m, torch.nn.AdaptiveAvgPool2d | torch.nn.Identity))
        network.classifier = pooled = torch.nn.Unflatten(1, (1280, 1, 1))
        embedder.model, embedder.extraction_layer, embedder.layer_output_size = network, pooled, 1280

    def run(paths: list[str]) -> Any:
        parts = [paths[start : start + BATCH] for start in range(0, len(paths), BATCH)]
        return np.concatenate([embedder.get_vec([Image.open(p).convert("RGB") for p in part]) for part in parts])

    return run


def by_embetter(name: str) -> Callable[[list[str]], Any]:
    """Return embetter's pipeline with random weights."""
    import timm
    from embetter.vision import ImageLoader, TimmEncoder
    from sklearn.pipeline import make_pipeline

    create = timm.create_model
    with mock.patch.object(
        timm, "create_model", lambda name, pretrained, **more: create(name, pretrained=False, **more)
    ):
        encoder = TimmEncoder(TIMM_NAMES.get(name, name))
    encoder.model.eval()
    pipeline = make_pipeline(ImageLoader(), encoder)
    return lambda paths: pipeline.fit_transform(paths)


def limit(name: str, precision: str, paths: list[str]) -> tuple[float, float]:
    """Return how many images a second the network alone and decoding alone reach, both on all cores.

    The network is given one batch of 32 after the other, and small batches side by side, and the better counts.
    """
    source = resolve_backbone(name, weights=None)
    backbone, view = source.load("cpu"), source.view(None, "auto")
    sources = as_sources(paths[:256])
    lanes = lane_count("cpu")

    def decode(image: Any) -> torch.Tensor:
        return source.preprocessing.apply(image.load()[1])

    def embed(pixels: torch.Tensor) -> None:
        backbone.embed(pixels, [view], preprocessing=source.preprocessing, precision=precision)

    def forward(batches: list[torch.Tensor], lanes: int) -> float:
        start = time.perf_counter()
        for _ in in_lanes(embed, batches, lanes=lanes):
            pass
        return (time.perf_counter() - start) / sum(map(len, batches))

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        # Channels last, as featx hands them over.
        lines = torch.stack([image.permute(1, 2, 0) for image in pool.map(decode, sources[:96])])
        pixels = lines.permute(0, 3, 1, 2)
        times: dict[str, list[float]] = {"decode": [], "large batches": [], "small batches": []}
        for _ in range(7):
            start = time.perf_counter()
            list(pool.map(decode, sources))
            times["decode"].append((time.perf_counter() - start) / len(sources))
            times["large batches"].append(forward(list(pixels.split(BATCH)), 1))
            small = auto_batch_size("cpu", lanes) // lanes
            times["small batches"].append(forward(list(pixels.split(small)), lanes))
    seconds = {what: statistics.median(values[1:]) for what, values in times.items()}
    return 1 / min(seconds["large batches"], seconds["small batches"]), 1 / seconds["decode"]


def rate_of_rival(label: str, name: str, paths: list[str]) -> float:
    """Return a rival's images a second, its network built and one batch passed before."""
    run = RIVALS[label](name)
    run(paths[:BATCH])
    start = time.perf_counter()
    run(paths)
    return len(paths) / (time.perf_counter() - start)


WHOLE_PROCESS = """
import json, sys
from featx import CNNFeatureTransformer
name, precision, cache = sys.argv[1:]
CNNFeatureTransformer(name, weights=None, precision=precision, cache=cache).fit_transform(json.load(sys.stdin))
"""


def rate_of_process(name: str, precision: str, paths: list[str], cache: str) -> float:
    """Return the images a second of featx from the start of Python to its end."""
    start = time.perf_counter()
    command = [sys.executable, "-c", WHOLE_PROCESS, name, precision, cache]
    subprocess.run(command, input=json.dumps(paths), text=True, check=True)
    return len(paths) / (time.perf_counter() - start)


def rate_of_featx(name: str, precision: str, paths: list[str], cache: str) -> tuple[str, float, float, float, float]:
    """Return the precision and images a second of featx, first and again, and of the network and decoding alone."""
    rates = []
    for folder in (cache, f"{cache}-again"):
        transformer = CNNFeatureTransformer(name, weights=None, precision=precision, cache=folder)
        start = time.perf_counter()
        transformer.fit_transform(paths)
        rates.append(len(paths) / (time.perf_counter() - start))
    resolved = transformer.arithmetic(transformer.source())
    return (resolved, *rates, *limit(name, resolved, paths))


RIVALS: dict[str, Callable[[str], Callable[[list[str]], Any]]] = {
    "plain loop": lambda name: by_loader(name, 0),
    "DataLoader, 2 workers": lambda name: by_loader(name, 2),
    "img2vec_pytorch": by_img2vec,
    "embetter": by_embetter,
}


def alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process of its own, for what one contestant sets must not help another."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


@click.command()
@click.option("--images", default=2000, show_default=True)
@click.option("--rival-images", default=500, show_default=True, help="Of these, for each rival.")
@click.option("--network", "networks", multiple=True, default=NETWORKS, show_default=True)
@click.option("--rounds", default=3, show_default=True, help="Medians are printed.")
def main(images: int, rival_images: int, networks: tuple[str, ...], rounds: int) -> None:
    """Print the table."""
    click.echo(f"{describe_processor('cpu')}; torch {torch.__version__}; {images:,} images, {rounds} rounds\n")
    click.echo("| network | program | images/s | times the best other | forward, decode alone | of forward | of both |")
    click.echo("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        paths = write_photographs(Path(folder), images)
        for name in networks:
            rates: dict[str, list[float]] = {label: [] for label in RIVALS}
            own: dict[str, list[tuple[str, float, float, float, float]]] = {"float32": [], "auto": []}
            whole: dict[str, list[float]] = {precision: [] for precision in own}
            for number in range(rounds):
                for label in RIVALS:
                    rates[label].append(alone(rate_of_rival, label, name, paths[:rival_images]))
                for precision in own:
                    cache = str(Path(folder, f"{name}-{precision}-{number}"))
                    own[precision].append(alone(rate_of_featx, name, precision, paths, cache))
                    whole[precision].append(rate_of_process(name, precision, paths, f"{cache}-process"))
            for label, values in rates.items():
                click.echo(f"| {name} | {label} | {statistics.median(values):.1f} | | | | |")
            best = max(map(statistics.median, rates.values()))
            for precision, found in own.items():
                first, again, forward, decode = (statistics.median(r[i] for r in found) for i in (1, 2, 3, 4))
                # Both take the same cores.
                both = 1 / (1 / forward + 1 / decode)
                runs = {"whole process": statistics.median(whole[precision]), "first run": first, "again": again}
                for run, rate in runs.items():
                    click.echo(
                        f"| {name} | featx, {precision} ({found[0][0]}), {run} | {rate:.1f} | {rate / best:.1f} "
                        f"| {forward:.0f}, {decode:.0f} | {rate / forward:.0%} | {rate / both:.0%} |"
                    )


if __name__ == "__main__":
    main()
