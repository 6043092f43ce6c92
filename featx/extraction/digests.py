"""Compute the content digests by which embeddings are cached; files whose digests are remembered are not read."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator, Sequence
from itertools import compress
from typing import Any

from ..cache import FileDigests
from ..cache.digests import MAX_BYTES
from ..display.progress import progress_bar
from ..exceptions import ImageDecodeError
from ..images.limits import too_large
from ..images.sources import ImageSource, ImageSources
from ..images.urls import any_holds
from ..runtime.deadlines import map_with_deadline

__all__ = ["all_read", "image_keys", "joined_keys"]


def image_keys(
    images: Sequence[ImageSource], memory: FileDigests, *, threads: int, fetch: bool = True, verbose: bool = False
) -> list[Any]:
    """Return each image's key, 32 bytes, or the ImageDecodeError that reading it raised.

    Parameters
    ----------
    images : sequence of ImageSource
    memory : FileDigests
    threads : int
        The number of threads that read.
    fetch : bool, default=True
        Whether URLs are read. If not, their text stands in for their content.
    verbose : bool, default=False
        Show a progress bar for the files that have to be read.
    """
    # image.path, spelled out: this runs for every image of every fold of every search
    contents = images.contents if isinstance(images, ImageSources) else [image.content for image in images]
    if set(map(type, contents)) == {str} and not any_holds(contents, ":/"):
        are_paths = [True] * len(contents)
    else:
        are_paths = [type(c) is str and "://" not in c and c[:6].lower() != "file:/" for c in contents]
    rest = [] if all(are_paths) else [i for i, path in enumerate(are_paths) if not path]
    paths = list(compress(contents, are_paths)) if rest else contents

    def read(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        with progress_bar(len(items), name="reading files", unit="file", shown=verbose and len(items) > 0) as bar:
            for result in map_with_deadline(function, items, threads=threads):
                yield result
                bar.update()

    digests: list[Any] = memory.digest(paths, apply=read)
    if rest:
        known = iter(digests)
        others = iter(list(read(_digest_of if fetch else _name_of_url, [images[i] for i in rest])))
        digests = [next(known if path else others) for path in are_paths]
    for i in [] if all_read(digests) else [i for i, digest in enumerate(digests) if isinstance(digest, OSError)]:
        digests[i] = _unread(images[i].name, digests[i])
    _apply_value_range(images, digests, are_paths, memory, read)
    return digests


def joined_keys(images: Sequence[ImageSource], memory: FileDigests, *, threads: int) -> bytes:
    """Return the keys of the images one after the other, or raise the error of the first that cannot be read."""
    keys = image_keys(images, memory, threads=threads)
    for key in keys:
        if isinstance(key, ImageDecodeError):
            raise key
    return b"".join(keys)


def _unread(name: str, error: OSError) -> ImageDecodeError:
    if error.errno == errno.EFBIG:
        return ImageDecodeError(name, *too_large(MAX_BYTES).args)
    return ImageDecodeError(name, error.strerror or str(error))


def all_read(digests: list[Any]) -> bool:
    """Tell whether there is no error among the digests."""
    return set(map(type, digests)) <= {bytes}


def _apply_value_range(
    images: Sequence[ImageSource], digests: list[Any], are_paths: list[bool], memory: FileDigests, read: Any
) -> None:
    """Replace the digests of files whose pixels depend on a value range, in place."""
    if isinstance(images, ImageSources) and images.value_range is None:
        return
    places = [
        i for i, image in enumerate(images)
        if are_paths[i] and image.value_range is not None and isinstance(digests[i], bytes)
    ]  # fmt: skip
    depths = memory.depths({digests[i] for i in places})
    unknown = [i for i in places if digests[i] not in depths]
    # The depth must be that of the bytes that were digested: a file may change in between.
    found = dict(zip(unknown, read(_inspect, [images[i] for i in unknown]), strict=True))
    memory.remember_depths({result[0]: result[1] for result in found.values() if isinstance(result, tuple)})
    for i in places:
        result = found.get(i) or (digests[i], depths[digests[i]])
        if isinstance(result, TimeoutError):
            result = ImageDecodeError(images[i].name, str(result))
        digests[i] = images[i].content_key(*result) if isinstance(result, tuple) else result


def _digest_of(image: ImageSource) -> bytes | ImageDecodeError:
    try:
        return image.digest()
    except ImageDecodeError as error:
        return error


def _name_of_url(image: ImageSource) -> bytes | ImageDecodeError:
    return hashlib.sha256(image.content.encode()).digest() if isinstance(image.content, str) else _digest_of(image)


def _inspect(image: ImageSource) -> tuple[bytes, bool] | ImageDecodeError:
    try:
        return image.inspect()
    except ImageDecodeError as error:
        return error
