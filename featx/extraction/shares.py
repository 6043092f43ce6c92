"""What the workers of a distributed extraction are sent and return: shares of the images, and how large they are."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..choices import Auto
from ..images.sources import ImageSource
from .forward_task import ForwardResult

__all__ = ["Home", "Share", "ShareResult", "ShareSizes", "absolute", "image_bytes"]

# A worker that is lost costs its share, so a share is about a minute of work.
SHARE_SECONDS = 60.0
MOST_BATCHES = 64
SHARES_PER_WORKER = 4
# The size of shares until one has been timed.
FIRST_BATCHES = 8
# The most bytes of images or of rows that travel with a share.
MOST_BYTES = 128 << 20


@dataclass(frozen=True, kw_only=True)
class Home:
    """What every worker must know of the process that distributes the images.

    Attributes
    ----------
    root : Path
        The folder of the cache there, absolute.
    marker : str
        The name of a file that is in that folder as long as results are waited for. A worker that sees it shares the
        folder. Empty where none could be written.
    specs : tuple of str
        The digests of the specs by which rows are filed there.
    outputs : tuple of ndarray
        What the network returns there for two fixed images, for each spec.
    versions : str
        Of featx and torch.
    batch_size : int or "auto"
    neighbours : dict of str to int
        How many workers each host has, as far as it is known.
    n_workers : int
    """

    root: Path
    marker: str
    specs: tuple[str, ...]
    outputs: tuple[np.ndarray, ...]
    versions: str
    batch_size: int | Auto
    neighbours: dict[str, int]
    n_workers: int

    @property
    def marker_path(self) -> Path:
        """The file that shows that the folder is the same one, and that results are waited for."""
        return self.root / self.marker


@dataclass(frozen=True)
class Share:
    """Some of the images, for one worker.

    Attributes
    ----------
    rows : list of int
        The positions of the images.
    images : list of ImageSource
        A worker opens those that are paths or URLs by itself.
    digests : list of bytes
        The keys of their contents.
    """

    rows: list[int]
    images: list[ImageSource]
    digests: list[bytes]


@dataclass(kw_only=True)
class ShareResult:
    """What a worker has made of a share.

    Attributes
    ----------
    rows : list of int
        Those of the share.
    host : str
    process : int
    folder : str
        Where the worker has committed the rows.
    is_home : bool
        Whether that is the folder of the process that distributes the images.
    forwarded : ForwardResult
        Of the first images of the share; of all of them unless the worker was stopped.
    unopened : list of int
        The places in the share of images that the worker cannot open, or finds with another content.
    segments : list of (str, str, bytes)
        Digest of the spec, name and content of each segment with rows, where the folder is not the same.
    seconds : float
    """

    rows: list[int]
    host: str
    process: int
    folder: str
    is_home: bool
    forwarded: ForwardResult
    unopened: list[int] = field(default_factory=list)
    segments: list[tuple[str, str, bytes]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def worker(self) -> str:
        """The worker, for a message."""
        return f"process {self.process} on {self.host}"


class ShareSizes:
    """How many images go into a share.

    Parameters
    ----------
    n_images : int
    n_workers : int
    batch_size : int
    """

    def __init__(self, n_images: int, *, n_workers: int, batch_size: int) -> None:
        self._batch = batch_size
        self._most = min(MOST_BATCHES * batch_size, -(-n_images // (SHARES_PER_WORKER * n_workers)))
        self._images = self._seconds = self._bytes = 0.0

    def note(self, n_images: int, *, seconds: float, n_bytes: int) -> None:
        """Note how long a worker took for so many images, and how many bytes of rows it sent."""
        self._images, self._seconds, self._bytes = (
            self._images + n_images,
            self._seconds + seconds,
            self._bytes + n_bytes,
        )

    def next(self) -> int:
        """Return the number of images of the next share."""
        if not self._images:
            size = float(FIRST_BATCHES * self._batch)
        else:
            size = SHARE_SECONDS * self._images / max(self._seconds, 1e-3)
            if self._bytes:
                size = min(size, MOST_BYTES * self._images / self._bytes)
        return max(self._batch, min(int(size), self._most))


def image_bytes(image: ImageSource) -> int:
    """Return about how many bytes an image takes on its way to a worker."""
    content = image.content
    if content is None or isinstance(content, str | bytes):
        return len(content or "")
    if (size := getattr(content, "nbytes", None)) is not None:
        return int(size)
    width, height = getattr(content, "size", (0, 0))  # of Pillow
    return int(4 * width * height)


def absolute(image: ImageSource) -> ImageSource:
    """Return the image with an absolute path, because a worker may be in another directory."""
    return image if image.path is None else replace(image, content=os.path.abspath(image.path))
