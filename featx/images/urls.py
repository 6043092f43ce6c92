"""URLs: which texts are URLs, the path of a file: URL, and URLs without their credentials (redaction)."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Sequence
from urllib.parse import unquote

__all__ = ["any_holds", "is_url", "local_path", "redacted", "redacted_names", "with_lowercase_schemes"]

HIDDEN = "***"
# Texts that are searched as one.
AT_ONCE = 4096
# How a text begins that is a URL as a whole, and what precedes the last link of a chain: archives and copies of files
# have no users.
_URL = re.compile(r"\s*(?:[\w+.-]+::)*[A-Za-z][\w+.-]+:/")
_CHAIN = re.compile(
    r"\s*(?:[\w+.-]+::|(?:zip|tar|libarchive|dir|(?:simple|file|block)cache|cached)://.*?::)*", re.DOTALL
)
_SCHEME = re.compile(r"[A-Za-z][\w+.-]+://?")
# Of one link: a user up to the last @ before the path, or a later one that is again followed by a host and a path; or a
# user and a password that contains slashes. What follows a host and its port is not a password.
_USER = re.compile(
    r"[^/?#]*@(?:.*@(?=[^@/?#\s]+/))?|(?!\[)[^/?#:@]+:(?!\d+(?:/|$))(?:.*@(?=[^@/?#\s]+/)|.*@)", re.DOTALL
)
# Inside other texts, white space ends a URL, and punctuation may follow it.
_USER_IN_TEXT = re.compile(r"(?<=://)(?:(?:(?!::)[^/?#\s])*|[^/?#\s:@]+:(?!:|\d+(?:/|$))(?:(?!::)\S)*)@")
_PARAMETER = re.compile(r"(?<=[?&;#])([^=&;#\s?]+)=([^&#\s]+?)(?=[&#]|;[^=&;#\s?]+=|::|\s|['\")\]>]+[.,:;]?(?:\s|$)|$)")
# Names of parameters that are credentials: tokens, keys, passwords, signatures of AWS, Google, Azure and others.
_SECRET = re.compile(
    r"token|secret|passw|passcode|passkey|passphrase|pwd|psw|signature|credential|auth(?!or)|session|jwt|bearer|hmac"
    r"|policy|login|(?:api|access|private|subscription|account|pair)[-_.]?(?:key|id)"
    r"|^(?:x-)?(?:amz|goog|oss|cos|ms|obs)-|(?:^|[-_.]|user|my)pass$"
    r"|^(?:key|sig|sign|sas|code|pw|pin|otp|hash|ticket|cookie|sid|s)$",
    re.IGNORECASE,
)
# Long values without structure, and JSON web tokens, are taken for credentials whatever their names.
_OPAQUE = re.compile(r"eyJ[\w-]{6,}.*|[\w+/=%~-]{40,}", re.DOTALL)


def is_url(text: str) -> bool:
    """Return whether a text is a URL, not a path."""
    return "://" in text or text[:6].lower() == "file:/"


def local_path(url: str) -> str | None:
    """Return the path of a ``file:`` URL, with percent signs decoded; None for any other URL.

    Raises
    ------
    OSError
        If the URL names another host.
    """
    from urllib.request import url2pathname

    scheme, _, rest = url.partition(":")
    if scheme.lower() not in ("file", "local") or "::" in url:
        return None
    if scheme.lower() == "local":  # fsspec's own scheme, without escapes
        return rest.removeprefix("//")
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in ("", "localhost", "127.0.0.1"):
            what = f"it is on the host {unquote(host)!r}; copy it here, or name it by http, sftp or smb"
            raise OSError(errno.EHOSTUNREACH, what)
        rest = slash + path
    path = url2pathname(rest)
    # If a name with percent signs was put into a URL unescaped, the decoded file does not exist.
    return rest if "%" in rest and os.path.lexists(rest) and not os.path.lexists(path) else path


def with_lowercase_schemes(url: str) -> str:
    """Return a URL with its schemes, those of a chain too, in lower case: fsspec knows no others."""
    return re.sub(r"(?:^|(?<=::))[A-Za-z][\w+.-]*(?=://|::)", lambda match: match[0].lower(), url)


def redacted(text: str) -> str:
    """Return a text without the credentials in its URLs: users, passwords, tokens and signatures."""
    if _URL.match(text):
        return _redacted_url(text)
    return _redacted_text(text) if "://" in text else text


def _redacted_text(text: str) -> str:
    return _PARAMETER.sub(_parameter, _USER_IN_TEXT.sub(f"{HIDDEN}@", text))


def _redacted_url(url: str) -> str:
    """Redact a URL, which may contain spaces and other characters that should have been percent-encoded."""
    chain = _CHAIN.match(url)
    scheme = _SCHEME.match(url, chain.end()) if chain else None
    if scheme is None:  # the last link is a path
        return url
    user = _USER.match(url, scheme.end())
    location, *parameters = re.split(r"([?&;#])", url[(user or scheme).end() :])
    shown = (f"{HIDDEN}@" if user else "") + location
    hides = False
    for mark, part in zip(parameters[::2], parameters[1::2], strict=True):
        name, given, value = part.partition("=")
        if given and _is_secret(name, value):
            shown += f"{mark}{name}={HIDDEN}"
            hides = True
        elif not hides or (given and mark == "&"):
            shown += mark + part
            hides = False
        # Anything else is part of the value before it.
    # A parameter may be another URL.
    return url[: scheme.end()] + _redacted_text(shown)


def redacted_names(names: Sequence[str]) -> Sequence[str]:
    """Return names as tables and messages may show them; the sequence itself if none is a URL."""
    return [redacted(name) for name in names] if any_holds(names, ":/") else names


def any_holds(texts: Sequence[str], mark: str) -> bool:
    """Tell whether a mark, without line breaks, is in any of the texts; ten times as fast as a look at each."""
    return any(mark in "\n".join(texts[start : start + AT_ONCE]) for start in range(0, len(texts), AT_ONCE))


def _parameter(match: re.Match[str]) -> str:
    return f"{match[1]}={HIDDEN if _is_secret(match[1], match[2]) else match[2]}"


def _is_secret(name: str, value: str) -> bool:
    return bool(_SECRET.search(unquote(name)) or _OPAQUE.fullmatch(value))
