"""Measure what a network costs up to a layer: seconds for 1,000 images on this processor, parameters, memory."""

from __future__ import annotations

import contextlib
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..display.records import Record
from ..extraction.extract import extract_embeddings
from ..extraction.steps import Passes
from ..images.sources import ImageSource
from ..networks.device import resolve_device
from ..networks.layer_sizes import count_parameters

__all__ = ["TIMED_PASSES", "NetworkCost", "describe_processor", "measure_costs"]

# Images of a pass, and passes that count; one more before them does not.
TIMED_IMAGES = 8
REPEATS = 3
# How many images are forwarded to measure one layer.
TIMED_PASSES = TIMED_IMAGES * (REPEATS + 1)


@dataclass(frozen=True, repr=False)
class NetworkCost(Record):
    """What computing the embeddings of one layer costs.

    Attributes
    ----------
    seconds : float
        For 1,000 images, decoding included: the fastest of three passes of eight images, since what else the machine
        does can only slow a pass down.
    parameters : int
        Of the network up to the layer.
    weight_bytes : int
        The memory of these and of fixed statistics, without that of a batch.
    n_forwarded : int
        Images that were forwarded to measure it.
    """

    seconds: float
    parameters: int
    weight_bytes: int
    n_forwarded: int


def measure_costs(passes: Sequence[Passes], images: Sequence[ImageSource]) -> list[NetworkCost]:
    """Forward a few images four times for each layer of a network, keeping nothing, and return what each layer costs.

    The layers take turns, so that what else the machine does slows all of them down alike.

    Parameters
    ----------
    passes : sequence of Passes
        Of one view each, of the same network; their rows do not count.
    images : sequence of ImageSource
        The first eight are used.
    """
    spent: list[list[float]] = [[] for _ in passes]
    forwarded = [0] * len(passes)
    for _ in range(REPEATS + 1):
        for number, each in enumerate(passes):
            began = time.perf_counter()
            found = extract_embeddings(images[:TIMED_IMAGES], cache=None, on_error="skip", **each.options)
            spent[number].append((time.perf_counter() - began) / max(1, found.n_forwarded))
            forwarded[number] += found.n_forwarded
    sizes = [count_parameters(each.source, each.views[0].layer, device=resolve_device(each.device)) for each in passes]
    return [NetworkCost(1000 * min(each[1:]), *size, n) for each, size, n in zip(spent, sizes, forwarded, strict=True)]


def describe_processor(device: str) -> str:
    """Return on what networks run: the name of the GPU, or of the processor with the number of threads.

    Parameters
    ----------
    device : str
        As for `CNNFeatureTransformer`.
    """
    import torch

    place = resolve_device(device)
    if place.startswith("cuda"):
        return str(torch.cuda.get_device_name(place))
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    if place != "cpu":
        return f"{place} of {name}"
    threads = torch.get_num_threads()
    return f"{name}, {threads} thread{'' if threads == 1 else 's'}"
