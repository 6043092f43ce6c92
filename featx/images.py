"""A path, URL, PIL image or array goes in; RGB uint8 pixels and a digest of the content come out.

The same conversion is used everywhere: EXIF orientation applied; palettes, grey, 16-bit and CMYK converted;
transparency laid on white; the first frame of animations taken. Colour profiles are not applied.
"""

from __future__ import annotations

import io
import math
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any, overload

import numpy as np
from PIL import Image

from .cache.digests import digest_array, digest_bytes
from .exceptions import ImageDecodeError, ParameterError
from .jpeg import decode_jpeg
from .pixels import Refused, ValueRange, array_to_rgb, check_kind, check_size, pil_to_rgb

__all__ = ["EXTENSIONS", "ImageSource", "ImageSources", "as_sources", "read_image"]

EXTENSIONS = frozenset([".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"])

# Named one by one, because some of Pillow's other formats run programs (EPS starts Ghostscript).
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF")

# Files are read whole, so that what is decoded is what was digested. Pillow's limit of 89 million pixels is 0.7 GB at
# four channels of 16 bits without compression; what goes on for longer is no single image.
MAX_BYTES = 1 << 30


@dataclass(slots=True)
class ImageSource:
    """One image that has not been read yet.

    Parameters
    ----------
    content : str, PIL.Image.Image or ndarray
        A path, a URL, or the image itself.
    name : str
        What messages call it.
    max_pixels : int or None
        Larger images are refused before they are decoded, as are those beyond Pillow's own limit.
    value_range : (low, high), "minmax" or None
        The values of an array that mean black and white.
    """

    content: Any
    name: str
    max_pixels: int | None = None
    value_range: ValueRange = None

    @property
    def path(self) -> str | None:
        """The file's path, or None for a URL or an image in memory."""
        return self.content if isinstance(self.content, str) and not is_url(self.content) else None

    def digest(self) -> bytes:
        """Return the SHA-256 of the file's bytes, or of an array's shape, dtype and bytes (32 bytes)."""
        if isinstance(self.content, str):
            return digest_bytes(self._read_bytes())
        if isinstance(self.content, Image.Image):
            return digest_array(self._pixels_in_memory())
        scale = "" if self.value_range is None else repr(self.value_range)
        digest = self._guard(lambda: digest_array(check_kind(self.content)))
        return digest_bytes(digest + scale.encode()) if scale else digest

    def load(self) -> tuple[bytes, np.ndarray]:
        """Read the image once.

        Returns
        -------
        digest : bytes
            Of the very bytes that were decoded, so that a file changed meanwhile is not filed under its old digest.
        pixels : ndarray of uint8, shape (height, width, 3)

        Raises
        ------
        ImageDecodeError
            Whatever is wrong with the image.
        """
        return self.decode(self.read())

    def read(self) -> bytes | None:
        """Return the bytes of a file or URL, or None for an image in memory.

        Raises
        ------
        ImageDecodeError
        """
        return self._read_bytes() if isinstance(self.content, str) else None

    def decode(self, data: bytes | None) -> tuple[bytes, np.ndarray]:
        """Return what `load` does, of bytes that `read` has returned."""
        if data is None:
            return self.digest(), self._pixels_in_memory()
        return digest_bytes(data), self._guard(lambda: _decode(data, self.max_pixels))

    def _pixels_in_memory(self) -> np.ndarray:
        if isinstance(self.content, Image.Image):
            return self._guard(lambda: pil_to_rgb(self.content, self.max_pixels))
        return self._guard(lambda: array_to_rgb(self.content, self.value_range))

    def _read_bytes(self) -> bytes:
        return self._guard(lambda: _read_url(self.content) if is_url(self.content) else _read_file(self.content))

    def _guard(self, action: Any) -> Any:
        try:
            return action()
        except Refused as error:
            raise ImageDecodeError(self.name, *error.args) from None
        except OSError as error:
            raise ImageDecodeError(self.name, error.strerror or f"{type(error).__name__}: {error}") from error
        except Exception as error:  # decoders raise whatever the damaged bytes lead them to
            raise ImageDecodeError(self.name, f"{type(error).__name__}: {error}") from error


class ImageSources(Sequence[ImageSource]):
    """Images that have not been read yet; each ImageSource is made when it is asked for.

    Looking up known files takes a microsecond or two for each, most of it the stat: objects for a hundred thousand of
    them, and the garbage collections that these set off, would take as long again.

    Parameters
    ----------
    contents : list of str, PIL.Image.Image or ndarray
    names : sequence of str
        Of the same length.
    max_pixels, value_range
        As for ImageSource.
    """

    def __init__(
        self, contents: list[Any], names: Sequence[str], *, max_pixels: int | None, value_range: ValueRange
    ) -> None:
        self.contents, self.names = contents, names
        self.max_pixels, self.value_range = max_pixels, value_range

    def __len__(self) -> int:
        return len(self.contents)

    @overload
    def __getitem__(self, index: int) -> ImageSource: ...
    @overload
    def __getitem__(self, index: slice) -> ImageSources: ...
    def __getitem__(self, index: int | slice) -> ImageSource | ImageSources:
        kind: Any = ImageSources if isinstance(index, slice) else ImageSource
        options = {"max_pixels": self.max_pixels, "value_range": self.value_range}
        return kind(self.contents[index], self.names[index], **options)


def read_image(image: Any, *, max_pixels: int | None = None, value_range: ValueRange = None) -> np.ndarray:
    """Return the RGB pixels of one image.

    Parameters
    ----------
    image : str, PathLike, PIL.Image.Image or ndarray
        A path, a URL that fsspec opens, or an image in memory: grey (h, w) or (h, w, 1), RGB (h, w, 3) or
        RGBA (h, w, 4); uint8, uint16, bool, or float between 0 and 1.
    max_pixels : int, default=None
        Larger images are refused before they are decoded, as are those beyond ``PIL.Image.MAX_IMAGE_PIXELS``.
    value_range : (low, high), "minmax" or None, default=None
        The values of an array that mean black and white; "minmax" takes each image's own. None means the full
        scale of an integer type and (0, 1) for floats.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ImageDecodeError
        If the image cannot be read; the message names it and the reason.
    """
    return as_sources([image], max_pixels=max_pixels, value_range=value_range)[0].load()[1]


def as_sources(
    images: Sequence[Any] | np.ndarray,
    *,
    names: Sequence[str] | None = None,
    max_pixels: int | None = None,
    value_range: ValueRange = None,
) -> ImageSources:
    """Wrap each image of a batch without reading it.

    Parameters
    ----------
    images : sequence
        Paths, URLs, PIL images, arrays, or one 3-D or 4-D array whose first axis counts images.
    names : sequence of str, default=None
        What messages call them; the path or "image 3" when not given.
    max_pixels, value_range
        As for `read_image`.

    Raises
    ------
    ParameterError
        If an element is not an image.
    """
    _check_value_range(value_range)
    contents = [image if type(image) is str else _content(image, number) for number, image in enumerate(images)]
    if names is None:
        paths = set(map(type, contents)) <= {str}
        names = contents if paths else [c if isinstance(c, str) else f"image {n}" for n, c in enumerate(contents)]
    if len(names) != len(contents):
        raise ParameterError(f"got {len(names)} names for {len(contents)} images; expected one for each")
    return ImageSources(contents, names, max_pixels=max_pixels, value_range=value_range)


def is_url(text: str) -> bool:
    """Tell a URL from a path."""
    return "://" in text


def _content(image: Any, number: int) -> Any:
    if isinstance(image, str):
        return str(image)
    if isinstance(image, os.PathLike):
        return os.fsdecode(image)
    if isinstance(image, Image.Image):
        return image
    if isinstance(image, np.ndarray) and image.ndim:
        return image
    if hasattr(image, "__array__") and getattr(image, "ndim", 0) >= 2:
        return np.asarray(image)
    raise ParameterError(
        f"got image {number} of type {type(image).__name__}; expected a path, a URL, a PIL image or an array",
        "Pass one image for each sample.",
    )


def _check_value_range(value_range: ValueRange) -> None:
    if value_range is None or (isinstance(value_range, str) and value_range == "minmax"):
        return
    if isinstance(value_range, tuple | list) and len(value_range) == 2:
        low, high = value_range
        numbers = all(isinstance(v, Real) and math.isfinite(v) for v in value_range)
        if numbers and low < high:
            return
    raise ParameterError(f"got value_range={value_range!r}; expected (low, high), 'minmax' or None")


def _read_file(path: str) -> bytes:
    # A FIFO named .jpg would block for ever, so the kind is checked before anything is opened.
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("not a regular file")
    _check_length(status.st_size)
    return Path(path).read_bytes()


def _check_length(n_bytes: int) -> None:
    if n_bytes > MAX_BYTES:
        raise Refused(f"more than {MAX_BYTES:,} bytes are no single image", "Save one image a file, or compress it.")


def _read_url(url: str) -> bytes:
    import fsspec

    if url.startswith("file://"):
        return _read_file(url.removeprefix("file://"))
    if "reference:" in url:
        raise Refused("a URL through a file of references, which may hold templates", "Name the image itself.")
    try:
        with fsspec.open(url, "rb") as file:
            # A stream gives what it has; its end is an empty answer.
            data = b""
            while len(data) <= MAX_BYTES and (part := file.read(MAX_BYTES + 1 - len(data))):
                data = data + part if data else part
    except ImportError as error:
        raise Refused(str(error), "Install the package that fsspec needs for this protocol.") from error
    _check_length(len(data))
    return data


def _decode(data: bytes, max_pixels: int | None) -> np.ndarray:
    if not data:
        raise Refused("the file is empty")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.UnidentifiedImageError:
        raise Refused("not an image in a known format") from None
    except Image.DecompressionBombError as error:
        raise Refused(str(error)) from None
    with image:
        check_size(image, max_pixels)
        pixels = decode_jpeg(image, data)
        return pil_to_rgb(image, max_pixels) if pixels is None else pixels
