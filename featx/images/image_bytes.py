"""Read the bytes of an image from a path or a URL; pipes, devices and files without end are refused."""

from __future__ import annotations

import os
import re
import stat
from typing import Any

from ..exceptions import MissingDependencyError
from .limits import Refused, check_file_size
from .urls import is_url, local_path, redacted, with_lowercase_schemes

__all__ = ["read_bytes"]

HTTP_STATUS = {
    401: "the server asks for a password",
    403: "the server denies access",
    404: "the server has no such file",
    410: "the server has no such file any more",
    429: "the server refuses so many requests",
}
WEB_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html|head|\?xml[^>]*>\s*<(?:!doctype|html|Error))", re.IGNORECASE)
DATA_URL = re.compile(r"data:[\w.+-]*/?[\w.+-]*(?:;[\w.=+-]*)*,", re.IGNORECASE)
DECODE = "base64.b64decode(text.partition(',')[2])"
# The extra of featx that installs what a protocol needs.
EXTRAS = {"http": "http", "https": "http"}
# Protocols of fsspec that copy the file.
COPYING_PROTOCOLS = ("simplecache", "filecache", "blockcache", "cached")
CHUNK_BYTES = 1 << 20
PACKAGES = {"libarchive": "libarchive-c", "hdfs": "pyarrow", "arrow_hdfs": "pyarrow"}


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
    _check_protocols(url)
    # fsspec does not decode percent signs in local paths of a chain.
    links = [part if (path := local_path(part)) is None else f"file://{path}" for part in url.split("::")]
    _check_local_file(links, most)
    try:
        with fsspec.open("::".join(links), "rb") as file:
            data = _read_up_to(file, most + 1, chunk=most + 1)
    except ImportError as error:
        raise _missing(url.partition(":")[0], str(error)) from None
    except Exception as error:  # each protocol raises its own, whose text may contain the URL's credentials
        raise Refused(*_reason(error, url)) from None
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


def _check_protocols(url: str) -> None:
    """Raise a MissingDependencyError if a package for one of a chain's protocols is not installed."""
    from fsspec import get_filesystem_class

    for protocol in re.findall(r"(?:^|::)([A-Za-z][\w+.-]*)://", url):
        try:
            get_filesystem_class(protocol)
        except ImportError as error:
            raise _missing(protocol, str(error)) from None
        except ValueError:
            known = "http, https, ftp, s3, gs, zip and others"
            raise Refused(f"there is no protocol {protocol!r}", f"fsspec reads {known}.") from None


def _missing(protocol: str, message: str) -> MissingDependencyError:
    from fsspec.registry import known_implementations

    package = known_implementations.get(protocol, {}).get("class", "fsspec.").partition(".")[0]
    if protocol in EXTRAS:
        package = "aiohttp"
    elif protocol in PACKAGES:
        package = PACKAGES[protocol]
    elif package == "fsspec":  # fsspec's own class, whose message names the package
        found = re.search(r'"([\w-]+)"', message) or re.search(r"[Ii]nstall (?:the )?([\w-]+)", message)
        package = found[1] if found else message.split()[0]
    return MissingDependencyError(package, f"reading {protocol}:// URLs", EXTRAS.get(protocol, ""))


def _reason(error: Exception, url: str) -> tuple[str, str]:
    """Return what went wrong with a URL in plain words, and a next step."""
    again = "Check the address and the network, and call again."
    chain: list[BaseException] = [error]
    while len(chain) < 8 and (below := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(below)
    # fsspec's "not found" may stand for whatever the server or the network said.
    kinds = {kind.__name__ for part in chain for kind in type(part).__mro__}
    statuses = [getattr(part, "status", None) for part in chain]
    status = next((found for found in statuses if isinstance(found, int)), None)
    if "TooManyRedirects" in kinds:
        return "the server redirects in a circle", again
    if "InvalidURL" in kinds:
        return "the address is incomplete or malformed", "Check the address."
    if status is not None and status >= 400:
        meaning = HTTP_STATUS.get(status, "the server cannot answer now" if status >= 500 else "the server refuses")
        return f"{meaning} (HTTP {status})", "Check the address, and whether it asks for a login."
    if kinds & {"ClientConnectorCertificateError", "ClientSSLError", "SSLError"}:
        return "no encrypted connection: the server has no certificate, or one that is not accepted", again
    if kinds & {"ClientConnectorDNSError", "gaierror"}:
        return "there is no such host, or no network", again
    if kinds & {"TimeoutError", "FSTimeoutError", "ServerTimeoutError"}:
        return "the server did not answer in time", again
    if kinds & {"ClientConnectorError", "ConnectionRefusedError", "ConnectError", "NewConnectionError"}:
        return "no connection to the server", again
    if kinds & {"ClientError", "ConnectionError"}:
        return f"the connection broke off ({type(error).__name__})", again
    if kinds & {"FileNotFoundError", "KeyError"}:  # the latter of an archive without such a member
        return "there is no such file", "Check the address."
    if kinds & {"PermissionError", "NoCredentialsError"}:
        return "access is denied", "Check the address and your credentials."
    return _short_error_text(error, url), again


def _short_error_text(error: Exception, url: str) -> str:
    # The URL as it was passed is redacted whatever it contains; elsewhere in a text, white space ends a URL.
    text = " ".join(redacted(str(error).replace(url, redacted(url))).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
