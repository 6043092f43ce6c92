"""Measure the speed of a network on a few images: seconds to start, and seconds for each further image."""

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
# The first images show how many more there is time for.
FIRST_IMAGES = 8
# For how long the images are repeated, to measure the network while other images are being decoded.
REPEAT_SECONDS = 6.0
MOST_REPETITIONS = 8


@dataclass(frozen=True)
class ForwardOptions:
    """Options of forwarding images through a network.

    Attributes
    ----------
    precision : {"float32", "bfloat16", "float16"}
        Not "auto", because it identifies embeddings.
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
        """Return the options of an estimator for its network; its batch size does not count if it is for training."""
        size = "auto" if hasattr(estimator, "epochs") else estimator.batch_size
        return cls(estimator.arithmetic(source), estimator.device, size, estimator.n_jobs, estimator.verbose)


@dataclass(frozen=True)
class ProbeResult:
    """The speed of a network.

    Attributes
    ----------
    start : float
        Seconds that the first batch takes longer than another, to load libraries and build the network.
    seconds_per_image : float
        Of each further image, for reading, decoding, forwarding and gathering.
    places : list of int
        The positions of the images that could be read.
    embeddings : list of ndarray of float32, shape (n, d)
        Their embeddings, one matrix for each view.
    failures : list of Failure
    """

    start: float
    seconds_per_image: float
    places: list[int] = field(default_factory=list)
    embeddings: list[np.ndarray] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def row_bytes(self) -> int:
        """Bytes of the embeddings of one image."""
        return sum(matrix.shape[1] * matrix.itemsize for matrix in self.embeddings)


def probe_network(
    images: Sequence[ImageSource], source: BackboneSource, views: Sequence[View], *, forwarding: ForwardOptions
) -> ProbeResult:
    """Forward up to 64 images, keeping nothing, and return how long one takes.

    If all of them take less than a few seconds, they are repeated some times without a pause: the network then computes
    while other images are decoded, as it does with many images.

    Parameters
    ----------
    images : sequence of ImageSource
        A random part of those that are to be forwarded; at most the first 64 are used.
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
        found = extract_embeddings(some, source, views=views, cache=None, on_error="skip", **options)
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
    again = _repeated([images[i] for i in places], min(MOST_REPETITIONS, int(REPEAT_SECONDS / max(spent, 1e-6))))
    if again:
        repeated, spent = forward(again)
        # These images are digested once more when they are decoded.
        each = (spent - repeated.seconds["digest"]) / max(1, repeated.n_forwarded)
    embeddings = [matrix[places] for matrix in found.embeddings]
    return ProbeResult(max(0.0, first - second), each, places, embeddings, found.failures)


class _UnknownPath(str):
    """A path that is not looked up among the remembered digests."""

    __slots__ = ()


class _RepeatedImage(ImageSource):
    """An image that counts as a new one each time that it is repeated."""

    __slots__ = ("time",)
    time: int

    def digest(self) -> bytes:
        return digest_bytes(super().digest() + bytes([self.time]))


def _repeated(images: Sequence[ImageSource], times: int) -> list[ImageSource]:
    """Return the images repeated; none if any is on a server, from which it would be fetched again."""
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
    """Return the largest memory of this process so far, in bytes; 0 if the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) if sys.platform == "darwin" else 1024 * int(most)
