"""Extract the same images locally and on real clusters of this machine: forwards, equality, wall time, messages.

    python benchmarks/cluster.py [--images 2000] [--backend loky --backend dask ...] [--kill]

Needs the extras `cluster` and `ray`. Every backend has two processes, which share the cache's folder, or have another
one at its path ("own"). With --kill, the first worker that has forwarded a fifth of the images is killed by SIGKILL. A
forward is counted where it happens, in a file of each worker, so that lost ones count too.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import joblib
import numpy as np
from PIL import Image

import featx.extraction.distribute as distribution
from featx import CNNFeatureTransformer, EmbeddingCache
from featx.extraction.share_worker import forward_share
from featx.images.sources import as_sources

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from ray_node import ray_node

BACKENDS = ("loky", "multiprocessing", "dask", "ray")
N_WORKERS = 2


def counted_share(folder: str, is_own: bool, task: Any, home: Any, share: Any) -> Any:
    """Do a share as a worker does, which notes its forwards, and may have another folder at the cache's path."""
    import featx.extraction.forward as module

    if not hasattr(module, "counts"):
        real = module._begun

        def counting(task: Any, images: list[Any], names: list[str]) -> Any:
            with open(module.counts, "a") as file:
                file.write("x" * len(images))
            return real(task, images, names)

        module._begun = counting
    module.counts = os.path.join(folder, str(os.getpid()))  # a process may be of an earlier run
    if is_own:
        home = replace(home, root=Path(folder, f"disk-{os.getpid()}"))
    return forward_share(task, home, share)


@contextlib.contextmanager
def cluster(backend: str, folder: str):
    """Start a cluster of processes, and have joblib use it."""
    with contextlib.ExitStack() as stack:
        options: dict[str, Any] = {"n_jobs": N_WORKERS}
        if backend == "dask":
            from distributed import Client, LocalCluster

            local = LocalCluster(n_workers=N_WORKERS, threads_per_worker=1, dashboard_address=None,
                                 local_directory=folder, silence_logs=logging.CRITICAL)  # fmt: skip
            stack.enter_context(Client(stack.enter_context(local)))
            options = {}
        elif backend == "ray":
            from ray.util.joblib import register_ray

            register_ray()
            stack.enter_context(ray_node(N_WORKERS))
        stack.enter_context(joblib.parallel_config(backend, **options))
        yield


def kill_one(folder: str, n_images: int, ended: threading.Event) -> None:
    """Kill the first worker that has forwarded a fifth of the images."""
    while not ended.wait(0.05):
        for path in Path(folder).iterdir():
            if path.name.isdecimal() and path.stat().st_size > n_images / 5:
                with contextlib.suppress(OSError):
                    os.kill(int(path.name), signal.SIGKILL)
                return


def run(backend: str, paths: list[str], *, is_own: bool, kills: bool, expected: np.ndarray) -> list[str]:
    """Return a row of the table."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("featx").addHandler(handler)
    with tempfile.TemporaryDirectory() as folder, cluster(backend, folder):
        ended = threading.Event()
        counts = Path(folder, "counts")
        counts.mkdir()
        original = distribution.forward_share
        distribution.forward_share = joblib_safe(str(counts), is_own)
        if kills:
            threading.Thread(target=kill_one, args=(str(counts), len(paths), ended), daemon=True).start()
        began = time.perf_counter()
        try:
            rows = transformer(f"{folder}/cache").fit_transform(paths)
        finally:
            ended.set()
            distribution.forward_share = original
        seconds = time.perf_counter() - began
        forwards = sum(path.stat().st_size for path in counts.iterdir() if path.is_file())
        clean = EmbeddingCache(f"{folder}/cache").verify()
        again = transformer(f"{folder}/cache").extract(as_sources(paths)).n_forwarded
    logging.getLogger("featx").removeHandler(handler)
    equal = "equal" if np.array_equal(rows, expected) else f"differ by {np.abs(rows - expected).max():.1e}"
    state = "clean" if clean.clean and clean.rows == len(paths) else f"{clean.rows} rows, clean {clean.clean}"
    place, killed = "own" if is_own else "shared", "yes" if kills else "no"
    texts = "; ".join(text.replace(folder, "DIR") for text in said) or "-"
    return [backend, place, killed, str(forwards), equal, state, str(again), f"{seconds:.1f}", texts]


def joblib_safe(folder: str, is_own: bool) -> Any:
    """Return a function of a task, its home and a share that workers get by value."""
    import functools

    return functools.partial(counted_share, folder, is_own)


def transformer(cache: str) -> CNNFeatureTransformer:
    """Return what every run extracts with."""
    return CNNFeatureTransformer(cache=cache, image_size=48, precision="float32", batch_size=16, n_jobs=1)


@click.command()
@click.option("--images", default=2000, show_default=True)
@click.option("--backend", "backends", multiple=True, type=click.Choice(BACKENDS), default=BACKENDS)
@click.option("--kill/--no-kill", default=None, help="Only runs with, or without, a killed worker.")
@click.option("--disk", "disks", multiple=True, type=click.Choice(["shared", "own"]), default=["shared", "own"])
def main(images: int, backends: tuple[str, ...], kill: bool | None, disks: tuple[str, ...]) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number in range(images):
            paths.append(f"{folder}/{number:05}.png")
            pixels = np.random.default_rng(number).integers(0, 256, (48, 48, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(paths[-1])
        began = time.perf_counter()
        expected = transformer(f"{folder}/cache").fit_transform(paths)
        print(f"local run: {time.perf_counter() - began:.1f} s")
        print("| backend | disk | killed | forwards | rows | verify | again | seconds | messages |")
        print("|---|---|---|---|---|---|---|---|---|", flush=True)
        for backend in backends:
            for kills in (False, True) if kill is None else (kill,):
                for disk in disks:
                    row = run(backend, paths, is_own=disk == "own", kills=kills, expected=expected)
                    print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
