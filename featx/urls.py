"""A URL goes in; the local file that it names, what may be shown of it, and what an error with it means come out."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from urllib.parse import unquote

__all__ = ["is_url", "local_path", "redacted", "shown_names"]

HIDDEN = "***"
# Up to the last @ before a slash; further, where a password holds slashes itself.
_USER = re.compile(r"(?<=://)(?:(?:(?!::)[^/?#\s])*|[^/?#\s:@]+:(?!:|\d+(?:/|$))(?:(?!::)\S)*)@")
# A parameter of a query or a fragment, up to the next one, a blank or a link of a chain.
_PARAMETER = re.compile(r"(?<=[?&;#])([^=&;#\s?]+)=([^&;#\s]+?)(?=[&;#]|::|[\s'\")\]]|$)")
# Names of parameters that hold credentials: tokens, keys, passwords, signatures of AWS, Google, Azure and others.
_SECRET = re.compile(
    r"token|secret|passw|pwd|passphrase|signature|credential|auth(?!or)|session|jwt|bearer|hmac|policy"
    r"|(?:api|access|private|subscription|account|pair)[-_.]?(?:key|id)|^(?:x-)?(?:amz|goog|oss|cos|ms|obs)-"
    r"|^(?:key|sig|sign|sas|code|pw|pass|hash|ticket|cookie|sid|s)$",
    re.IGNORECASE,
)
# Long values without any structure, and JSON web tokens, are taken for credentials whatever they are called.
_OPAQUE = re.compile(r"eyJ[\w-]{10,}.*|[\w+/=%~-]{40,}")


def is_url(text: str) -> bool:
    """Tell a URL from a path."""
    return "://" in text or text[:6].lower() == "file:/"


def local_path(url: str) -> str | None:
    """Return the path that a ``file:`` URL names, percent signs decoded; None for any other URL.

    Raises
    ------
    OSError
        If the file is said to be on another host.
    """
    from urllib.request import url2pathname

    scheme, _, rest = url.partition(":")
    if scheme.lower() not in ("file", "local") or "::" in url:
        return None
    if scheme.lower() == "local":  # fsspec's own, which has no escapes
        return rest.removeprefix("//")
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in ("", "localhost", "127.0.0.1"):
            what = f"it is on the host {unquote(host)!r}; copy it here, or name it by http, sftp or smb"
            raise OSError(errno.EHOSTUNREACH, what)
        rest = slash + path
    path = url2pathname(rest)
    # Where a name with percent signs was put into a URL as it stands, there is no such file as the decoded one.
    return rest if "%" in rest and os.path.lexists(rest) and not os.path.lexists(path) else path


def redacted(text: str) -> str:
    """Return a text without the credentials in its URLs: users, passwords, tokens and signatures."""
    if "://" not in text:
        return text
    return _PARAMETER.sub(_parameter, _USER.sub(f"{HIDDEN}@", text))


def shown_names(names: Sequence[str]) -> Sequence[str]:
    """Return names as tables, ledgers and messages may show them; the sequence itself if none is a URL."""
    return [redacted(name) for name in names] if any("://" in name for name in names) else names


def _parameter(match: re.Match[str]) -> str:
    name, value = match[1], match[2]
    hidden = _SECRET.search(unquote(name)) or _OPAQUE.fullmatch(value)
    return f"{name}={HIDDEN if hidden else value}"
