"""What went wrong with a URL, in plain words with a next step: server, network, permission, a missing package."""

from __future__ import annotations

import re

from ..exceptions import MissingDependencyError
from .urls import redacted

__all__ = ["error_reason", "missing_package", "unknown_protocol"]

HTTP_STATUS = {
    401: "the server asks for a password",
    403: "the server denies access",
    404: "the server has no such file",
    410: "the server has no such file any more",
    429: "the server refuses so many requests",
}
# The extra of featx that installs what a protocol needs.
EXTRAS = {"http": "http", "https": "http"}
BOTOCORE_ERROR = ("botocore.exceptions", "ClientError")
PACKAGES = {"libarchive": "libarchive-c", "hdfs": "pyarrow", "arrow_hdfs": "pyarrow"}


def unknown_protocol(url: str, *, purpose: str = "reading") -> str | None:
    """Return the first protocol of a chain of URLs that fsspec does not know, or None.

    Raises
    ------
    MissingDependencyError
        If a package for one of them is not installed.
    """
    from fsspec import get_filesystem_class

    for protocol in re.findall(r"(?:^|::)([A-Za-z][\w+.-]*)://", url):
        try:
            get_filesystem_class(protocol)
        except ImportError as error:
            raise missing_package(protocol, str(error), purpose=purpose) from None
        except ValueError:
            return str(protocol)
    return None


def missing_package(protocol: str, message: str, *, purpose: str = "reading") -> MissingDependencyError:
    """Return the error that names the package which a protocol of fsspec needs, with the command to install it."""
    from fsspec.registry import known_implementations

    package = known_implementations.get(protocol, {}).get("class", "fsspec.").partition(".")[0]
    if protocol in EXTRAS:
        package = "aiohttp"
    elif protocol in PACKAGES:
        package = PACKAGES[protocol]
    elif package == "fsspec":  # fsspec's own class, whose message names the package
        found = re.search(r'"([\w-]+)"', message) or re.search(r"[Ii]nstall (?:the )?([\w-]+)", message)
        package = found[1] if found else message.split()[0]
    return MissingDependencyError(package, f"{purpose} {protocol}:// URLs", EXTRAS.get(protocol, ""))


def error_reason(error: Exception, url: str) -> tuple[str, str]:
    """Return what went wrong with a URL in plain words, and a next step."""
    again = "Check the address and the network, and call again."
    chain: list[BaseException] = [error]
    while len(chain) < 8 and (below := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(below)
    # fsspec's "not found" may stand for whatever the server or the network said.
    classes = {kind for part in chain for kind in type(part).__mro__}
    # botocore's is any answer of S3 that is an error; aiohttp's is a broken connection.
    kinds = {kind.__name__ for kind in classes if (kind.__module__, kind.__name__) != BOTOCORE_ERROR}
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
