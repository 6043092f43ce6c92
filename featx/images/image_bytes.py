"""Read the bytes of an image from a path or a URL; pipes, devices and files without end are refused."""

from __future__ import annotations

import os
import re
import stat
from typing import Any

from .limits import Refused, check_file_size
from .url_errors import error_reason, missing_package, unknown_protocol
from .urls import is_url, local_path, with_lowercase_schemes

__all__ = ["read_bytes"]

WEB_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html|head|\?xml[^>]*>\s*<(?:!doctype|html|Error))", re.IGNORECASE)
DATA_URL = re.compile(r"data:[\w.+-]*/?[\w.+-]*(?:;[\w.=+-]*)*,", re.IGNORECASE)
DECODE = "base64.b64decode(text.partition(',')[2])"
# Protocols of fsspec that copy the file.
COPYING_PROTOCOLS = ("simplecache", "filecache", "blockcache", "cached")
CHUNK_BYTES = 1 << 20


def read_bytes(location: str, *, most: int) -> bytes:
    """Return the content of a path or URL, which may be at most `most` bytes long.

    Raises
    ------
    OSError
    Refused
        With the reason.
    MissingDependencyError
        If a package for the protocol is not installed: that is not the image's fault.
    """
    if DATA_URL.match(location):
        raise Refused("a data: URL, whose image is in its text", f"Pass the image: {DECODE}.")
    return _read_url(location, most) if is_url(location) else _read_file(location, most)


def _read_file(path: str, most: int) -> bytes:
    # A FIFO named .jpg would block for ever, so the kind is checked before anything is opened.
    size = _regular_size(path)
    check_file_size(size, most)
    with open(path, "rb", buffering=0) as file:
        # Files in /proc, and on some network file systems, claim to be empty but are not.
        data = _read_up_to(file, most + 1, chunk=size + 1 if size else CHUNK_BYTES)
    check_file_size(len(data), most)
    return data


def _regular_size(path: str) -> int:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("not a regular file")
    return status.st_size


def _read_up_to(file: Any, most: int, *, chunk: int) -> bytes:
    """Return at most that many bytes of a file or stream; an empty read is its end."""
    parts: list[bytes] = []
    left = most
    while left and (part := file.read(min(left, chunk))):
        parts.append(part)
        left -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _read_url(url: str, most: int) -> bytes:
    import fsspec

    if (path := local_path(url)) is not None:
        return _read_file(path, most)
    url = with_lowercase_schemes(url)
    if "reference:" in url.lower():
        raise Refused("a URL through a file of references, which may hold templates", "Name the image itself.")
    if (protocol := unknown_protocol(url)) is not None:
        known = "http, https, ftp, s3, gs, zip and others"
        raise Refused(f"there is no protocol {protocol!r}", f"fsspec reads {known}.")
    # fsspec does not decode percent signs in local paths of a chain.
    links = [part if (path := local_path(part)) is None else f"file://{path}" for part in url.split("::")]
    _check_local_file(links, most)
    try:
        with fsspec.open("::".join(links), "rb") as file:
            data = _read_up_to(file, most + 1, chunk=most + 1)
    except ImportError as error:
        raise missing_package(url.partition(":")[0], str(error)) from None
    except Exception as error:  # each protocol raises its own, whose text may contain the URL's credentials
        raise Refused(*error_reason(error, url)) from None
    check_file_size(len(data), most)
    if WEB_PAGE.match(data[:400]):
        raise Refused("a web page in place of an image", "Open the address in a browser: it may ask for a login.")
    return data


def _check_local_file(links: list[str], most: int) -> None:
    """Refuse a chain that ends in a device or FIFO of this machine, or that copies a file that is too large."""
    path = links[-1].removeprefix("file://")
    if "://" in path:
        return
    if len(links) > 1 and links[-2].startswith("dir://"):
        path = os.path.join(path, links[-2].removeprefix("dir://"))
    if not os.path.exists(path) or os.path.isdir(path):  # fsspec says what is wrong with it
        return
    size = _regular_size(path)
    if any(link.startswith(COPYING_PROTOCOLS) for link in links):
        check_file_size(size, most)
