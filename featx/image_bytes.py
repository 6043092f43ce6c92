"""A path or a URL goes in, the bytes of one file come out; what would block for ever or has no end is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from .pixels import Refused

__all__ = ["check_length", "is_url", "read_bytes"]


def is_url(text: str) -> bool:
    """Tell a URL from a path."""
    return "://" in text


def read_bytes(place: str, *, most: int) -> bytes:
    """Return what a path or URL holds, `most` bytes of it; raises OSError, or `Refused` with the reason."""
    return _read_url(place, most) if is_url(place) else _read_file(place, most)


def _read_file(path: str, most: int) -> bytes:
    # A FIFO named .jpg would block for ever, so the kind is checked before anything is opened.
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("not a regular file")
    check_length(status.st_size, most)
    return Path(path).read_bytes()


def check_length(n_bytes: int, most: int) -> None:
    """Refuse more bytes than one image has."""
    if n_bytes > most:
        raise Refused(f"more than {most:,} bytes are no single image", "Save one image a file, or compress it.")


def _read_url(url: str, most: int) -> bytes:
    import fsspec

    if url.startswith("file://"):
        return _read_file(url.removeprefix("file://"), most)
    if "reference:" in url:
        raise Refused("a URL through a file of references, which may hold templates", "Name the image itself.")
    try:
        with fsspec.open(url, "rb") as file:
            # A stream gives what it has; its end is an empty answer.
            data = b""
            while len(data) <= most and (part := file.read(most + 1 - len(data))):
                data = data + part if data else part
    except ImportError as error:
        raise Refused(str(error), "Install the package that fsspec needs for this protocol.") from error
    check_length(len(data), most)
    return data
