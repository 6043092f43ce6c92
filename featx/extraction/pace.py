"""Measure the pace of a network on a few images, without a cache: seconds to start, and seconds of each image."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..images.sources import ImageSource
from .extract import ExtractionResult, extract_embeddings
from .steps import Passes

__all__ = ["FIRST_IMAGES", "PACE_IMAGES", "Pace", "measure_pace"]

PACE_IMAGES = 64
# The first images show for how many more there is time.
FIRST_IMAGES = 8
PACE_SECONDS = 6.0


@dataclass(frozen=True)
class Pace:
    """The speed of a network, and the embeddings of the images that it was measured on.

    Attributes
    ----------
    start : float
        Seconds that the first images take longer than others, to load libraries and build the network.
    seconds : float
        Of each further image, for reading, decoding, forwarding and gathering.
    good, failed : list of int
        The positions of the images that could be read, and of those that could not.
    embeddings : list of ndarray of float32, shape (n, d)
        Of the good images, one matrix for each view.
    """

    start: float
    seconds: float
    good: list[int]
    failed: list[int]
    embeddings: list[np.ndarray]


def measure_pace(passes: Passes, images: Sequence[ImageSource], *, repeats: int = 1) -> Pace:
    """Forward up to 64 images, keeping nothing, and return how long one takes.

    Parameters
    ----------
    passes : Passes
        Whose network and views are measured; their rows do not count.
    images : sequence of ImageSource
        At most the first 64 are used, and fewer if they would take longer than six seconds.
    repeats : int, default=1
        How often they are forwarded, if six seconds suffice for that; the median counts.
    """

    def forward(some: Sequence[ImageSource]) -> tuple[float, ExtractionResult]:
        began = time.perf_counter()
        found = extract_embeddings(some, cache=None, on_error="skip", **passes.options)
        return time.perf_counter() - began, found

    few = list(images[:FIRST_IMAGES])
    (first, _), (second, _) = forward(few), forward(few)
    count = max(int(PACE_SECONDS * len(few) / second), FIRST_IMAGES)
    shown = list(images[: min(count, PACE_IMAGES)])
    timed = [forward(shown) for _ in range(min(repeats, count // len(shown)))]
    found = timed[-1][1]
    failed = [failure.index for failure in found.failures]
    good = [place for place in range(len(shown)) if place not in set(failed)]
    each = float(np.median([spent for spent, _ in timed])) / max(1, len(good))
    return Pace(max(0.0, first - second), each, good, failed, [matrix[good] for matrix in found.embeddings])
