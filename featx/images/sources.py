"""Images of any kind (path, URL, PIL image, array, bytes of a file): their RGB pixels, and a digest of their content.

Every image is converted in the same way: the EXIF orientation is applied; palettes, grey, 16 bits and CMYK are
converted; transparent pixels are blended with white; of an animation, the first frame is taken. Colour profiles are not
applied.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from PIL import Image

from ..cache.digests import MAX_BYTES, digest_array, digest_bytes
from ..constraints import LABELS, check_values, shown
from ..display.summary_mixin import SummaryMixin
from ..exceptions import FeatxError, ImageDecodeError, ParameterError
from .bit_depth import is_high_depth
from .cells import read_cell
from .decoder_process import decode_or_delegate
from .decoding import decode_file, error_text, holds_high_depth, open_image
from .image_bytes import read_bytes
from .limits import Refused, check_file_size, check_scans_of_opened
from .path_list import PathList
from .pixels import ValueRange, array_to_rgb, check_numeric, checked_value_range, pil_to_rgb
from .single_images import refuse_single_image
from .urls import is_url, redacted_names

__all__ = ["ImageSource", "ImageSources", "as_sources", "read_image", "wrap_images"]


@dataclass(slots=True, repr=False)
class ImageSource(SummaryMixin):
    """One image that has not been read yet.

    Parameters
    ----------
    content : str, bytes, PIL.Image.Image, ndarray or None
        A path, a URL, the content of a file, or the image itself; None if it is missing.
    name : str
        What messages call it.
    max_pixels : int or None
        Larger images are refused before they are decoded, as are those beyond Pillow's own limit.
    value_range : (low, high), "minmax" or None
        The values that mean black and white, of an array or of an image of more than 8 bits.

    Attributes
    ----------
    peak : int or None
        The largest value of an image that was read on the scale of 16 bits, once it has been decoded.
    """

    content: Any
    name: str
    max_pixels: int | None = None
    value_range: ValueRange = None
    peak: int | None = field(default=None, init=False, compare=False)

    @property
    def path(self) -> str | None:
        """The file's path, or None for a URL or an image in memory."""
        return self.content if isinstance(self.content, str) and not is_url(self.content) else None

    @property
    def is_encoded(self) -> bool:
        """Whether the image is yet to be decoded: a file, a URL, the content of a file, or a missing image."""
        return self.content is None or isinstance(self.content, str | bytes)

    def digest(self) -> bytes:
        """Return the key of the image's content, 32 bytes.

        It is the SHA-256 of the file's bytes, or of an array's shape, dtype and bytes; and of the value range, if that
        changes the pixels.
        """
        if self.is_encoded:
            return self.content_key(*self.inspect())
        if isinstance(self.content, Image.Image):
            return digest_array(self._pixels_in_memory())
        scale = "" if self.value_range is None else repr(self.value_range)
        digest = self._guard(lambda: digest_array(check_numeric(self.content)))
        return digest_bytes(digest + scale.encode()) if scale else digest

    def inspect(self) -> tuple[bytes, bool]:
        """Return the SHA-256 of an encoded image's bytes, and whether it has more than 8 bits a channel."""
        return self._inspected(self._read_bytes())

    def _inspected(self, data: bytes) -> tuple[bytes, bool]:
        return digest_bytes(data), self.value_range is not None and holds_high_depth(data)

    def key_of(self, data: bytes) -> bytes:
        """Return what `digest` would return for these bytes of the file."""
        return self.content_key(*self._inspected(data))

    def content_key(self, digest: bytes, high_depth: bool) -> bytes:
        """Return the key of a file from the digest of its bytes: another one if the value range changes its pixels."""
        if self.value_range is None or not high_depth:
            return digest
        low_high = self.value_range if isinstance(self.value_range, str) else [float(v) for v in self.value_range]
        return digest_bytes(digest + f"value_range={low_high}".encode())

    def depends_on_value_range(self) -> bool:
        """Return whether a value range can change the pixels; files are opened to find out, URLs are not fetched."""
        if isinstance(self.content, Image.Image):
            return is_high_depth(self.content)
        if self.content is None or isinstance(self.content, bytes):
            return self.content is not None and holds_high_depth(self.content)
        if self.path is None:
            return True
        try:
            if not os.path.isfile(self.path):  # opening a FIFO would block for ever
                return True
            with open(self.path, "rb") as file, open_image(file) as image:
                return is_high_depth(image)
        except Exception:  # decoding it will say what is wrong with it
            return True

    def load(self) -> tuple[bytes, np.ndarray]:
        """Read the image once.

        Returns
        -------
        digest : bytes
            Of the very bytes that were decoded, so that a file that changes meanwhile is not kept under its old digest.
        pixels : ndarray of uint8, shape (height, width, 3)

        Raises
        ------
        ImageDecodeError
            If the image cannot be read, for whatever reason.
        """
        return self.decode(self.read())

    def read(self) -> bytes | None:
        """Return the bytes of a file or URL, or None for an image that is already decoded.

        Raises
        ------
        ImageDecodeError
        """
        return self._read_bytes() if self.is_encoded else None

    def decode(self, data: bytes | None) -> tuple[bytes, np.ndarray]:
        """Decode bytes that `read` returned; returns the same as `load`."""
        if data is None:
            return self.digest(), self._pixels_in_memory()
        pixels, self.peak, high_depth = self._guard(
            lambda: decode_or_delegate(
                decode_file, data, name=self.name, max_pixels=self.max_pixels, value_range=self.value_range
            )
        )
        return self.content_key(digest_bytes(data), high_depth), pixels

    def _pixels_in_memory(self) -> np.ndarray:
        if isinstance(self.content, Image.Image):
            self._guard(lambda: check_scans_of_opened(self.content))
            pixels, self.peak = self._guard(lambda: pil_to_rgb(self.content, self.max_pixels, self.value_range))
        else:
            pixels, self.peak = self._guard(lambda: array_to_rgb(self.content, self.value_range))
        return pixels

    def _read_bytes(self) -> bytes:
        return self._guard(lambda: _bytes_of(self.content))

    def _guard(self, action: Any) -> Any:
        try:
            return action()
        except Refused as error:
            raise ImageDecodeError(self.name, *error.args) from None
        except FeatxError:  # a missing package is not the image's fault
            raise
        except Exception as error:  # on damaged bytes, decoders may raise anything
            raise ImageDecodeError(self.name, getattr(error, "strerror", None) or error_text(error)) from error


class ImageSources(SummaryMixin, Sequence[ImageSource]):
    """Images that have not been read yet; each ImageSource is created when it is asked for.

    Looking up known files takes a microsecond or two for each, most of it for the stat. Creating objects for a hundred
    thousand of them, with the garbage collections that this causes, would take as long again.

    Parameters
    ----------
    contents : sequence of str, bytes, PIL.Image.Image, ndarray or None
    names : sequence of str
        Of the same length.
    max_pixels, value_range
        As for `ImageSource`.
    """

    def __init__(
        self, contents: Sequence[Any], names: Sequence[str], *, max_pixels: int | None, value_range: ValueRange
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
        content, name = self.contents[index], self.names[index]
        return kind(content, name, max_pixels=self.max_pixels, value_range=self.value_range)


def read_image(image: Any, *, max_pixels: int | None = None, value_range: ValueRange = None) -> np.ndarray:
    """Return the RGB pixels of one image.

    Parameters
    ----------
    image : str, PathLike, bytes, BytesIO, dict, PIL.Image.Image or ndarray
        A path, a URL that fsspec opens, the content of a file, ``{"bytes": ..., "path": ...}`` of Hugging Face, or
        pixels: grey (h, w) or (h, w, 1), RGB (h, w, 3) or RGBA (h, w, 4); uint8, uint16, bool, or float between 0
        and 1. Bytes that could be a path are taken as one.
    max_pixels : int, default=None
        Larger images are refused before they are decoded, as are those beyond ``PIL.Image.MAX_IMAGE_PIXELS``.
    value_range : (low, high), "minmax" or None, default=None
        The values that mean black and white, of an array or of a file or PIL image of more than 8 bits; "minmax" takes
        those of each image. None means 0 to 255 for uint8, 0 to 65535 for uint16 and for grey images of 16 and 32 bits
        (4095 for TIFF of 12 bits), 0 to 1 for floats; arrays of other integers are refused without a range.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Raises
    ------
    ImageDecodeError
        If the image cannot be read; the message names it and the reason.
    """
    return wrap_images([image], max_pixels=max_pixels, value_range=value_range)[0].load()[1]


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
        Anything that `read_image` takes, or one 3-D or 4-D array whose first axis counts images. None is an image that
        cannot be read.
    names : sequence of str, default=None
        What messages call them; by default the path, or "image 3".
    max_pixels, value_range
        As for `read_image`.

    Returns
    -------
    ImageSources

    Raises
    ------
    ParameterError
        If an element is not an image, or `images` is a single one.
    """
    refuse_single_image(images)
    return wrap_images(images, names=names, max_pixels=max_pixels, value_range=value_range)


def wrap_images(
    images: Sequence[Any] | np.ndarray,
    *,
    names: Sequence[str] | None = None,
    max_pixels: int | None = None,
    value_range: ValueRange = None,
) -> ImageSources:
    """Do the same as `as_sources` for what is known to be several images, however narrow they are."""
    check_values({"max_pixels": max_pixels})
    if not isinstance(images, Iterable):
        raise ParameterError(f"got images={shown(images)}; expected several", "One image alone is [image].")
    value_range = checked_value_range(value_range)
    given: dict[int, str] = {}
    contents: Sequence[Any] = (
        images
        if isinstance(images, PathList)
        else [image if type(image) is str else _content(image, n, given) for n, image in enumerate(images)]
    )
    if names is None:
        paths = not given and set(map(type, contents)) <= {str}
        names = contents if paths else [_name(content, n, given) for n, content in enumerate(contents)]
    else:
        LABELS.check("names", names)
    if len(names) != len(contents):
        raise ParameterError(f"got {len(names)} names for {len(contents)} images; expected one for each")
    return ImageSources(contents, redacted_names(names), max_pixels=max_pixels, value_range=value_range)


def _content(image: Any, number: int, names: dict[int, str]) -> Any:
    content, name = read_cell(image, number)
    if name is not None:
        names[number] = name
    return content


def _name(content: Any, number: int, names: dict[int, str]) -> str:
    return names.get(number) or (content if isinstance(content, str) else f"image {number}")


def _bytes_of(content: str | bytes | None) -> bytes:
    if content is None:
        raise Refused("there is none: the cell is empty", "Leave it out.")
    if isinstance(content, str):
        return read_bytes(content, most=MAX_BYTES)
    check_file_size(len(content), MAX_BYTES)
    return content
