"""Decode the first images while the network is loaded, fused and measured, which keeps one core busy.

The network is built where it is needed, so that its errors, and an interrupt, come as they would without this. What an
early image raises is kept until its turn.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..display.notes import note_torch
from ..exceptions import ImageDecodeError
from ..images.preprocessing import Preprocessing
from ..images.sources import ImageSource
from ..runtime.deadlines import DeadlinePool
from ..runtime.timing import timed

__all__ = ["DecodedImage", "EarlyImages", "decoded_image", "early_images"]

# Of images in the size of the network's input, until the network takes them.
MOST_BYTES = 32 << 20


@dataclass(slots=True)
class DecodedImage:
    """An image as a network takes it, or why it could not be read.

    Attributes
    ----------
    name : str
    digest : bytes
        Of what was decoded.
    pixels : Tensor of uint8, shape (3, crop, crop)
    error : ImageDecodeError or None
    peak : int or None
        The largest value of an image of 16 bits.
    seconds : Counter
        Of `read` and `decode`.
    """

    name: str = ""
    digest: bytes = b""
    pixels: Any = None
    error: ImageDecodeError | None = None
    peak: int | None = None
    seconds: Counter[str] = field(default_factory=Counter)


def decoded_image(image: ImageSource, preprocessing: Preprocessing) -> DecodedImage:
    """Read, decode and resize an image; an error of it is part of what is returned."""
    result = DecodedImage(image.name)
    try:
        with timed(result.seconds, "read"):
            data = image.read()
        with timed(result.seconds, "decode"):
            result.digest, pixels = image.decode(data)
            result.peak = image.peak
            result.pixels = preprocessing.apply(pixels, key=result.digest)
    except ImageDecodeError as error:
        result.error = error
    return result


class EarlyImages:
    """The first images of an extraction, which threads decode from now on.

    Parameters
    ----------
    images : sequence of ImageSource
        As many of them are taken as fit into `MOST_BYTES`.
    preprocessing : Preprocessing
    threads : int
    """

    def __init__(self, images: Sequence[ImageSource], preprocessing: Preprocessing, *, threads: int) -> None:
        # Loading torch takes seconds, which must not count towards the deadline of an image.
        note_torch()
        import torch  # noqa: F401

        most = MOST_BYTES // (3 * preprocessing.crop**2)
        self._pool = DeadlinePool(lambda image: decoded_image(image, preprocessing), threads)
        self._calls: list[Any] = [self._pool.call(images[place]) for place in range(min(most, len(images)))]
        self._results: list[DecodedImage | TimeoutError | None] = []
        self._places: dict[bytes, int] = {}

    def name(self, digests: Sequence[bytes]) -> None:
        """Say under which digests the images are asked for, in their order; b"" for those that nobody will ask for."""
        for place, digest in enumerate(digests[: len(self._calls)]):
            if digest:
                self._places.setdefault(digest, place)
            else:  # it could not be read for its digest, and may hang here as well
                self._pool.give_up(self._calls[place])
                self._calls[place] = None

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._places

    def take(self, digest: bytes) -> DecodedImage | TimeoutError:
        """Wait for an image and forget it, so that another image with this digest is decoded anew."""
        place = self._places.pop(digest)
        # In the order of the calls: one that hangs is given up by waiting for it, and frees its thread.
        while len(self._results) <= place:
            call = self._calls[len(self._results)]
            self._results.append(None if call is None else self._pool.wait(call))
        result, self._results[place] = self._results[place], None
        assert result is not None
        return result

    def close(self) -> None:
        """Stop decoding, and forget all images."""
        self._pool.shut_down([call for call in self._calls if call is not None])
        self._calls, self._results, self._places = [], [], {}


@contextlib.contextmanager
def early_images(
    images: Sequence[ImageSource],
    preprocessing: Preprocessing,
    *,
    threads: int,
    wanted: bool,
    digests: Sequence[bytes] = (),
) -> Iterator[EarlyImages | None]:
    """Decode the first images while in the block, if that is wanted; else, yield None.

    Parameters
    ----------
    images, preprocessing, threads
        As for `EarlyImages`.
    wanted : bool
    digests : sequence of bytes, optional
        Under which the images are asked for, if that is known yet.
    """
    if not wanted:
        yield None
        return
    early = EarlyImages(images, preprocessing, threads=threads)
    early.name(digests)
    try:
        yield early
    finally:
        early.close()
