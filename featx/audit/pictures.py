"""Read each image once for an audit: size, format, brightness and colour, a small grey copy and perceptual hashes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from ..display.progress import progress_bar
from ..exceptions import ImageDecodeError, MissingDependencyError
from ..images.sources import ImageSource
from ..runtime.deadlines import map_with_deadline

__all__ = ["Pictures", "check_imagehash", "read_pictures", "shrunk"]

# Sides of the grey copies, and how many images have the larger ones: 30,000 of these take 123 MB, 70,000 others 72.
SIDES, LARGER = (64, 32), 30_000
IN_MEMORY = "in memory"


@dataclass(frozen=True)
class Pictures:
    """What is known of each image after it was read once; a row for each.

    Attributes
    ----------
    thumbnails : ndarray of uint8, shape (n, side, side)
        Grey copies, squeezed into a square; of up to 30,000 images the side is 64, of more 32.
    hashes : ndarray of uint64, shape (n, 2)
        Perceptual hashes (pHash) of the image and of its mirror image.
    size : ndarray of int, shape (n, 2)
        Width and height in pixels.
    file_bytes : ndarray of int, shape (n,)
        The length of the file, 0 for an image in memory.
    kinds : ndarray of str, shape (n,)
        The format of the file, such as "PNG".
    modes : ndarray of str, shape (n,)
        The colour mode of the file, such as "RGB" or "L".
    colour : ndarray of float, shape (n, 3)
        Mean red, green and blue, 0 to 255.
    brightness, contrast : ndarray of float, shape (n,)
        Mean and standard deviation of the grey values, 0 to 255.
    unreadable : dict of int to str
        The reason by row; the other values of these rows are zero.
    """

    thumbnails: np.ndarray
    hashes: np.ndarray
    size: np.ndarray
    file_bytes: np.ndarray
    kinds: np.ndarray
    modes: np.ndarray
    colour: np.ndarray
    brightness: np.ndarray
    contrast: np.ndarray
    unreadable: dict[int, str]

    def take(self, rows: np.ndarray) -> Pictures:
        """Return the facts of some readable images, which share the memory where these are all."""
        if len(rows) == len(self.size) and (rows == np.arange(len(rows))).all():
            return replace(self, unreadable={})
        arrays = {name: value[rows] for name, value in vars(self).items() if isinstance(value, np.ndarray)}
        return Pictures(**arrays, unreadable={})


def check_imagehash() -> Any:
    """Return the package imagehash.

    Raises
    ------
    MissingDependencyError
        If it is not installed.
    """
    try:
        import imagehash
    except ImportError as error:
        raise MissingDependencyError("imagehash", "an audit", "audit") from error
    return imagehash


def read_pictures(images: Sequence[ImageSource], *, threads: int = 1, verbose: bool = False) -> Pictures:
    """Read each image once, and keep only small facts of it.

    Parameters
    ----------
    images : sequence of ImageSource
    threads : int, default=1
        Threads that read and decode.
    verbose : bool, default=False
        Show a progress bar.

    Raises
    ------
    MissingDependencyError
        If imagehash is not installed.
    """
    imagehash, n = check_imagehash(), len(images)
    side = SIDES[n > LARGER]
    facts = Pictures(
        thumbnails=np.zeros((n, side, side), np.uint8),
        hashes=np.zeros((n, 2), np.uint64),
        size=np.zeros((n, 2), int),
        file_bytes=np.zeros(n, int),
        kinds=np.full(n, "", object),
        modes=np.full(n, "", object),
        colour=np.zeros((n, 3)),
        brightness=np.zeros(n),
        contrast=np.zeros(n),
        unreadable={},
    )

    def read(row: int) -> None:
        image = images[row]
        try:
            data = image.read()
            _, pixels = image.decode(data)
        except ImageDecodeError as error:
            facts.unreadable[row] = error.reason
            return
        facts.file_bytes[row] = 0 if data is None else len(data)
        facts.kinds[row], facts.modes[row] = _kind(image, data)
        facts.size[row] = pixels.shape[1], pixels.shape[0]
        facts.colour[row] = pixels.mean(axis=(0, 1))
        grey = Image.fromarray(pixels).convert("L")
        values = np.asarray(grey)
        facts.brightness[row], facts.contrast[row] = values.mean(), values.std()
        # Both average over the pixels that a smaller one covers.
        small = grey.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=3.0)
        facts.thumbnails[row] = np.asarray(small)
        mirrored = small.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        facts.hashes[row] = [_as_number(imagehash.phash(one).hash) for one in (small, mirrored)]

    with progress_bar(n, name="looking at images", unit="image", shown=verbose) as bar:
        for row, stuck in enumerate(map_with_deadline(read, range(n), threads=threads)):
            if stuck is not None:
                facts.unreadable[row] = str(stuck)
            bar.update()
    return facts


def shrunk(pixels: np.ndarray, resolution: float, side: int) -> np.ndarray:
    """Return an image with no more detail than so many pixels a side have, as float32 (3, side, side) of 0 to 255."""
    picture = Image.fromarray(pixels)
    least = max(4, min(round(resolution), side))
    if min(picture.size) > least:
        picture = picture.resize((least, least), Image.Resampling.HAMMING)
    return np.asarray(picture.resize((side, side), Image.Resampling.BICUBIC), np.float32).transpose(2, 0, 1)


def _kind(image: ImageSource, data: bytes | None) -> tuple[str, str]:
    """Return the format and the colour mode of a file, or those of an image in memory."""
    if data is None:
        mode = getattr(image.content, "mode", None) or ("L" if np.ndim(image.content) == 2 else "RGB")
        return IN_MEMORY, str(mode)
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return opened.format or "", opened.mode
    except Exception:  # a format that featx decodes without Pillow
        return "other", ""


def _as_number(bits: np.ndarray) -> np.uint64:
    return np.packbits(bits.ravel()).view(">u8")[0]
