"""A path or a URL goes in, the bytes of one file come out; what would block for ever or has no end is refused."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from .exceptions import MissingDependencyError
from .pixels import Refused
from .urls import is_url, local_path, redacted

__all__ = ["is_url", "read_bytes"]

STATUS = {
    401: "the server asks for a password",
    403: "the server denies access",
    404: "the server has no such file",
    410: "the server has no such file any more",
    429: "the server refuses so many requests",
}
WEB_PAGE = re.compile(rb"\s*<(?:!doctype\s+html|html|head|\?xml[^>]*>\s*<(?:!doctype|html|Error))", re.IGNORECASE)
# What an extra of featx brings, by the protocol.
EXTRAS = {"http": "http", "https": "http"}


def read_bytes(place: str, *, most: int) -> bytes:
    """Return what a path or URL holds, `most` bytes of it.

    Raises
    ------
    OSError
    Refused
        With the reason.
    MissingDependencyError
        If a package for the protocol is not installed: that is not the image's fault.
    """
    return _read_url(place, most) if is_url(place) else _read_file(place, most)


def _read_file(path: str, most: int) -> bytes:
    # A FIFO named .jpg would block for ever, so the kind is checked before anything is opened.
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise Refused("not a regular file")
    _check_length(status.st_size, most)
    return Path(path).read_bytes()


def _check_length(n_bytes: int, most: int) -> None:
    if n_bytes > most:
        raise Refused(f"more than {most:,} bytes are no single image", "Save one image a file, or compress it.")


def _read_url(url: str, most: int) -> bytes:
    import fsspec

    if (path := local_path(url)) is not None:
        return _read_file(path, most)
    if "reference:" in url:
        raise Refused("a URL through a file of references, which may hold templates", "Name the image itself.")
    _check_protocols(url)
    # fsspec does not decode what a chain names on this machine.
    links = [part if (path := local_path(part)) is None else f"file://{path}" for part in url.split("::")]
    try:
        with fsspec.open("::".join(links), "rb") as file:
            # A stream gives what it has; its end is an empty answer.
            data = b""
            while len(data) <= most and (part := file.read(most + 1 - len(data))):
                data = data + part if data else part
    except ImportError as error:
        raise _missing(url.partition(":")[0], str(error)) from None
    except Exception as error:  # each protocol has errors of its own, whose text may hold the URL's credentials
        raise Refused(*_reason(error)) from None
    _check_length(len(data), most)
    if re.match(
        rb"\s*<(?:!doctype\s+html|html|head|\?xml[^>]*>\s*<(?:!doctype|html|Error))", data[:400], re.IGNORECASE
    ):
        raise Refused("a web page in place of an image", "Open the address in a browser: it may ask for a login.")
    return data


def _check_protocols(url: str) -> None:
    """Raise a MissingDependencyError if a package for one of a chain's protocols is not installed."""
    from fsspec import get_filesystem_class

    for part in url.split("::"):
        protocol = part.partition("://")[0].lower()
        try:
            get_filesystem_class(protocol)
        except ImportError as error:
            raise _missing(protocol, str(error)) from None
        except ValueError:
            known = "http, https, ftp, s3, gs, zip and others"
            raise Refused(f"there is no protocol {protocol!r}", f"fsspec reads {known}.") from None


def _missing(protocol: str, said: str) -> MissingDependencyError:
    from fsspec.registry import known_implementations

    extra = EXTRAS.get(protocol, "")
    place = known_implementations.get(protocol, {}).get("class", "fsspec.")
    package = place.partition(".")[0]
    if extra:
        package = "aiohttp"
    elif package == "fsspec":  # its own class, which needs a package that its message names
        names = re.findall(r'"([\w-]+)"|[Ii]nstall (?:the )?([\w-]+)|^([\w-]+) (?:and|requires)', said)
        package = next((name for found in names for name in found if name), "a package that fsspec names")
    return MissingDependencyError(package, f"reading {protocol}:// URLs", extra)


def _reason(error: Exception) -> tuple[str, str]:
    """Return what went wrong with a URL in plain words, and a next step."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    status = getattr(error, "status", None)
    again = "Check the address and the network, and call again."
    if isinstance(status, int):
        said = STATUS.get(status, "the server cannot answer now" if status >= 500 else "the server refuses")
        return f"{said} (HTTP {status})", "Check the address, and whether it asks for a login."
    if kinds & {"TooManyRedirects"}:
        return "the server redirects in a circle", again
    if kinds & {"ClientConnectorCertificateError", "ClientSSLError", "SSLError", "SSLCertVerificationError"}:
        return f"the server's certificate or encryption is not accepted ({_short(error)})", "Ask who runs the server."
    if kinds & {"ClientConnectorDNSError", "gaierror"}:
        return "there is no such host, or no network", again
    if isinstance(error, TimeoutError) or "Timeout" in type(error).__name__:
        return "the server did not answer in time", again
    if isinstance(error, FileNotFoundError):
        return "there is no such file", "Check the address."
    if isinstance(error, PermissionError) or "NoCredentialsError" in kinds:
        return "access is denied", "Check the address and your credentials."
    if "ClientConnectorError" in kinds or isinstance(error, ConnectionRefusedError):
        return "no connection to the server", again
    if isinstance(error, ConnectionError) or kinds & {"ClientError", "ServerDisconnectedError", "ClientPayloadError"}:
        return f"the connection broke off ({type(error).__name__})", again
    return _short(error), again


def _short(error: Exception) -> str:
    text = " ".join(redacted(str(error)).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__
