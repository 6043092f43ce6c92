"""Some images and a network go in; the seconds that it takes to start, and those of each further image, come out."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..cache.digests import digest_bytes
from ..extraction.extract import ExtractionResult, Failure, extract_embeddings
from ..images.sources import ImageSource
from ..networks.backbone import BackboneSource
from ..networks.pooling import View

__all__ = ["PROBE_IMAGES", "ForwardOptions", "ProbeResult", "peak_memory", "probe_network"]

PROBE_IMAGES = 64
# The first few show how many the time allows.
FIRST_IMAGES = 8
# How long the images are shown again, to see the network with decoding under way beside it.
REPEAT_SECONDS = 6.0
MOST_REPEATS = 8


@dataclass(frozen=True)
class ForwardOptions:
    """How images are read and computed.

    Attributes
    ----------
    precision : {"float32", "bfloat16", "float16"}
        Not "auto", because embeddings are identified by it.
    device, batch_size, n_jobs, verbose
        As for `extract_embeddings`.
    """

    precision: str = "float32"
    device: str = "auto"
    batch_size: int | str = "auto"
    n_jobs: int | None = None
    verbose: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, estimator: Any, source: BackboneSource) -> ForwardOptions:
        """Return that of an estimator and its network; a batch size for training is not one for forwarding."""
        size = "auto" if hasattr(estimator, "epochs") else estimator.batch_size
        return cls(estimator.arithmetic(source), estimator.device, size, estimator.n_jobs, estimator.verbose)


@dataclass(frozen=True)
class ProbeResult:
    """How fast images pass through a network.

    Attributes
    ----------
    start : float
        Seconds that the first batch takes longer than another: libraries are loaded and the network is built.
    seconds_per_image : float
        Of one more image, reading, decoding, forwarding and gathering.
    places : list of int
        Which of the images could be read.
    embeddings : list of ndarray of float32, shape (n, d)
        Theirs, one matrix for each view.
    failures : list of Failure
    """

    start: float
    seconds_per_image: float
    places: list[int] = field(default_factory=list)
    embeddings: list[np.ndarray] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def row_bytes(self) -> int:
        """What the embeddings of one image take up."""
        return sum(matrix.shape[1] * matrix.itemsize for matrix in self.embeddings)


def probe_network(
    images: Sequence[ImageSource], source: BackboneSource, views: Sequence[View], *, forwarding: ForwardOptions
) -> ProbeResult:
    """Forward up to 64 images, keeping nothing, and say how long one takes.

    Where all of them take less than some seconds, they are shown again a few times in one go: the network computes
    while others are decoded, as it does in a long run.

    Parameters
    ----------
    images : sequence of ImageSource
        A random part of those that are to be forwarded; the first 64 at most are looked at.
    source : BackboneSource
    views : sequence of (layer, pooling)
    forwarding : ForwardOptions

    Raises
    ------
    BackboneError, ParameterError
    """

    def forward(some: Sequence[ImageSource]) -> tuple[ExtractionResult, float]:
        began = time.perf_counter()
        options = vars(forwarding)
        found = extract_embeddings(some, source, views=views, cache=None, on_error="nan", **options)
        return found, time.perf_counter() - began

    images = list(images)[:PROBE_IMAGES]
    few = images[:FIRST_IMAGES]
    _, first = forward(few)
    found, second = forward(few)
    spent = second
    if (enough := int(REPEAT_SECONDS * len(few) / second)) > len(few):
        images = images[:enough]
        found, spent = forward(images)
    else:
        images = few
    failed = {failure.index for failure in found.failures}
    places = [i for i in range(len(images)) if i not in failed]
    each = spent / len(images)
    again = _repeated([images[i] for i in places], min(MOST_REPEATS, int(REPEAT_SECONDS / max(spent, 1e-6))))
    if again:
        repeated, spent = forward(again)
        # What is digested here is digested once more when it is decoded.
        each = (spent - repeated.seconds["digest"]) / max(1, repeated.n_forwarded)
    embeddings = [matrix[places] for matrix in found.embeddings]
    return ProbeResult(max(0.0, first - second), each, places, embeddings, found.failures)


class _UnknownPath(str):
    """A path that is not looked up among the remembered digests."""

    __slots__ = ()


class _RepeatedImage(ImageSource):
    """An image that counts as another one each time that it is shown."""

    __slots__ = ("time",)
    time: int

    def digest(self) -> bytes:
        return digest_bytes(super().digest() + bytes([self.time]))


def _repeated(images: Sequence[ImageSource], times: int) -> list[ImageSource]:
    """Return the images so many times over; those on servers are not fetched again."""
    if any(isinstance(image.content, str) and image.path is None for image in images):
        return []
    again: list[ImageSource] = []
    for number in range(times):
        for image in images:
            content = image.content if image.path is None else _UnknownPath(image.content)
            shown = _RepeatedImage(content, image.name, image.max_pixels, image.value_range)
            shown.time = number
            again.append(shown)
    return again


def peak_memory() -> int:
    """Return the most memory that this process has held so far, in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) if sys.platform == "darwin" else 1024 * int(most)
