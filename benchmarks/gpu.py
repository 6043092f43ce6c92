"""Measure extraction on a GPU against its limits and against loops over torch's DataLoader, in images a second.

JPEGs of 500 x 375 pixels, as in `cold.py`; the same architectures with random weights. The limits are the network
alone, on batches that are on the device already, and decoding alone on all threads: as the two work side by side, the
lower one is the limit of an extraction, and the goal is 85 % of it. The loops decode in as many worker processes as
there are cores. The plain one computes in float32 as torch does by default, which is TF32 in convolutions on a GPU,
where featx computes in full; the tuned one has channels last, autocast in the precision that featx chose, pinned memory
and copies that overlap.

The second table is a profile of one extraction: what share of its time the GPU computed and copied, how much of the
copying went on beside computing, and what share the threads decoded and the network waited for them. Shares that add up
to more than 100 % are work that went on at the same time.

    pip install scikit-image
    python benchmarks/gpu.py [--images 8000] [--network resnet50] [--device cuda]
"""

from __future__ import annotations

import contextlib
import math
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import torch
from cold import NETWORKS, Files, alone, bare_network, reference_transform, write_photographs
from torch.utils.data import DataLoader

from featx import CNNFeatureTransformer
from featx.extraction.early_images import decoded_image
from featx.images.sources import as_sources
from featx.networks.resolve import resolve_backbone
from featx.ranking.speed import describe_processor

BATCH = 128
PROFILE = ("GPU computes", "GPU copies images", "of the copying beside computing", "decoding", "waits for decoding")
# Batches that warm a device up, and that are timed three times.
WARM_UP, TIMED = 5, 20
# Of the profile.
PROFILED_IMAGES = 2000


def synchronise(device: str) -> None:
    """Wait until the device has done what it was given."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def forward_limit(name: str, precision: Any, device: str) -> float:
    """Return how many images a second the network alone passes, of batches that are on the device."""
    source = resolve_backbone(name, weights=None)
    backbone, views = source.load(device), [source.view(None, "auto")]
    side = source.preprocessing.crop
    pixels = torch.randint(0, 256, (BATCH, side, side, 3), dtype=torch.uint8).permute(0, 3, 1, 2).to(device)
    how: Any = {"preprocessing": source.preprocessing, "precision": precision, "fetch": False}

    def seconds(count: int) -> float:
        synchronise(device)
        start = time.perf_counter()
        for _ in range(count):
            backbone.embed(pixels, views, **how)
        synchronise(device)
        return (time.perf_counter() - start) / count

    warm_up, timed = (WARM_UP, TIMED) if device != "cpu" else (1, 1)
    seconds(warm_up)
    return BATCH / statistics.median(seconds(timed) for _ in range(3))


def decode_limit(name: str, paths: list[str], threads: int) -> float:
    """Return how many images a second so many threads read, decode and resize."""
    import torchvision.io  # noqa: F401 - its decoder is used where it is loaded

    preprocessing = resolve_backbone(name, weights=None).preprocessing
    images = as_sources(paths)
    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        for found in pool.map(lambda image: decoded_image(image, preprocessing), images):
            assert found.error is None
        return len(paths) / (time.perf_counter() - start)


def rate_of_featx(name: str, precision: str, device: str, paths: list[str], cache: str) -> tuple[str, float, float]:
    """Return the precision, and images a second of the first run in this process and of the second."""
    rates = []
    for folder in (cache, f"{cache}-again"):
        transformer = CNNFeatureTransformer(name, weights=None, precision=precision, device=device, cache=folder)
        start = time.perf_counter()
        transformer.fit_transform(paths)
        rates.append(len(paths) / (time.perf_counter() - start))
    return (transformer.precision_, *rates)


def profile_of_featx(name: str, precision: str, device: str, paths: list[str], threads: int) -> list[float]:
    """Return shares of the time of an extraction, in the order of `PROFILE`; NaN for what only a GPU has."""
    from torch.profiler import ProfilerActivity, profile

    transformer = CNNFeatureTransformer(name, weights=None, precision=precision, device=device, cache=None)
    transformer.fit_transform(paths[: 2 * BATCH])
    is_gpu = device.startswith("cuda")
    with profile(activities=[ProfilerActivity.CUDA]) if is_gpu else contextlib.nullcontext() as profiler:
        start = time.perf_counter()
        seconds = transformer.extract(as_sources(paths[:PROFILED_IMAGES])).seconds
        wall = time.perf_counter() - start
    kernels, copies = [], []
    for event in profiler.events() if profiler is not None else ():
        if event.device_type == torch.autograd.DeviceType.CUDA:
            span = event.time_range.start / 1e6, event.time_range.end / 1e6
            if event.name.startswith("Memcpy HtoD"):
                copies.append(span)
            elif not event.name.startswith(("Memcpy", "Memset")):
                kernels.append(span)
    computing, copying = length(kernels), length(copies)
    both = computing + copying - length(kernels + copies)
    of_gpu = [computing / wall, copying / wall, both / copying] if copies else [float("nan")] * 3
    return [*of_gpu, (seconds["read"] + seconds["decode"]) / threads / wall, seconds["wait"] / wall]


def length(spans: list[tuple[float, float]]) -> float:
    """Return how long spans of time are together, counting what several cover once."""
    total, until = 0.0, float("-inf")
    for began, ended in sorted(spans):
        total += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return total


def rate_of_loop(name: str, precision: str, device: str, paths: list[str], workers: int, tuned: bool) -> float:
    """Return the images a second of a loop over a DataLoader, the network built and one batch passed before."""
    network, kind = bare_network(name).to(device), torch.device(device).type
    context: Callable[[], Any] = contextlib.nullcontext
    if tuned:
        network = network.to(memory_format=torch.channels_last)
        if precision != "float32":
            context = lambda: torch.autocast(kind, getattr(torch, precision))  # noqa: E731

    def embed(some: list[str]) -> torch.Tensor:
        loader = DataLoader(
            Files(some, reference_transform(name)),
            batch_size=BATCH,
            num_workers=workers,
            pin_memory=tuned and kind == "cuda",
        )
        rows = []
        with torch.inference_mode(), context():
            for batch in loader:
                batch = batch.to(device, non_blocking=tuned)
                if tuned:
                    batch = batch.contiguous(memory_format=torch.channels_last)
                found = network(batch).float()
                rows.append(found if tuned else found.cpu())
        return torch.cat(rows).cpu()

    embed(paths[:BATCH])
    start = time.perf_counter()
    embed(paths)
    return len(paths) / (time.perf_counter() - start)


@click.command()
@click.option("--images", default=8000, show_default=True)
@click.option("--network", "networks", multiple=True, default=NETWORKS, show_default=True)
@click.option("--precision", "precisions", multiple=True, default=("float32", "float16", "auto"), show_default=True)
@click.option("--device", default="cuda", show_default=True, help="cpu tries the script.")
@click.option("--workers", default=None, type=int, help="Of the loops [default: one for each core].")
def main(images: int, networks: tuple[str, ...], precisions: tuple[str, ...], device: str, workers: int | None) -> None:
    """Print the tables."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise click.ClickException("there is no GPU that PyTorch can use; --device cpu tries the script")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    workers = cores if workers is None else workers
    click.echo(f"{describe_processor(device)}, beside {describe_processor('cpu')}, {cores} cores; ", nl=False)
    click.echo(f"torch {torch.__version__}, CUDA {torch.version.cuda}; {images:,} images\n")
    click.echo("| network | program | images/s | forward alone | decode alone | of the limit |")
    click.echo("|---|---|---|---|---|---|")
    profiles: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        paths = write_photographs(Path(folder), images)
        for name in networks:
            decode = alone(decode_limit, name, paths, cores)
            chosen = "float32"
            for precision in precisions:
                cache = str(Path(folder, f"{name}-{precision}"))
                chosen, first, again = alone(rate_of_featx, name, precision, device, paths, cache)
                forward = alone(forward_limit, name, chosen, device)
                limit = min(forward, decode) if device != "cpu" else 1 / (1 / forward + 1 / decode)
                for run, rate in (("first run", first), ("again", again)):
                    click.echo(
                        f"| {name} | featx, {precision} ({chosen}), {run} | {rate:,.0f} | {forward:,.0f} "
                        f"| {decode:,.0f} | {rate / limit:.0%} |"
                    )
                shares = alone(profile_of_featx, name, chosen, device, paths, cores)
                each = " | ".join("-" if math.isnan(share) else f"{share:.0%}" for share in shares)
                profiles.append(f"| {name}, {chosen} | {each} |")
            for tuned in (False, True):
                rate = alone(rate_of_loop, name, chosen, device, paths, workers, tuned)
                label = f"DataLoader, {workers} workers" + (f", tuned, {chosen}" if tuned else ", float32")
                click.echo(f"| {name} | {label} | {rate:,.0f} | | | |")
    click.echo(f"\n| of the time of {min(images, PROFILED_IMAGES):,} images | {' | '.join(PROFILE)} |")
    click.echo("|---|" + "---|" * len(PROFILE))
    for line in dict.fromkeys(profiles):
        click.echo(line)


if __name__ == "__main__":
    main()
