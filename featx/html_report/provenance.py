"""Where a result is from: command, versions, network, precision, seeds, digest of the data set, times and date."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

from .._version import __version__
from ..display.quantities import duration_text
from .svg_chart import one_line

__all__ = ["digest_labels", "provenance"]

PACKAGES = ("torch", "torchvision", "scikit-learn", "numpy", "pillow")


def provenance(
    *,
    command: str | None,
    network: Mapping[str, Any],
    settings: Mapping[str, Any],
    data: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> list[tuple[str, str]]:
    """Return what a reader needs to make a result again, as (what, value).

    Parameters
    ----------
    command : str or None
        As it was typed, or the call.
    network, settings, data : mapping of str to object
        Values that are None are left out.
    seconds : mapping of str to float
        Time by part.
    """
    versions = {"featx": __version__, "Python": platform.python_version()}
    versions |= {name: metadata.version(name) for name in PACKAGES}
    found: dict[str, Any] = {"made by": command, **network, **settings, **data}
    found["time"] = ", ".join(f"{name} {duration_text(value)}" for name, value in seconds.items()) or None
    found["versions"] = ", ".join(f"{name} {version}" for name, version in versions.items())
    found["machine"] = f"{platform.system()} {platform.machine()}"
    found["date"] = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return [(name, one_line(value)) for name, value in found.items() if value is not None]


def digest_labels(names: Sequence[str], labels: Sequence[str]) -> str:
    """Return the SHA-256 of names and labels in their order, 16 hexadecimal characters; not of the images' content."""
    digest = hashlib.sha256()
    for name, label in zip(names, labels, strict=True):
        for text in (name, label):
            data = str(text).encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:16]
