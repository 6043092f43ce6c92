"""Read a file of weights: its SHA-256 digest, and the tensors of exactly the bytes that have this digest."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..cache.digests import is_old_enough, reads_all
from ..cache.versions import Version, file_version
from ..exceptions import WeightsError, nearest
from ..process import remember
from .restricted_unpickler import load_tensors
from .weight_formats import is_safetensors, refuse_other_formats

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["check_file", "digest_file", "load_state"]

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
# How deep dictionaries inside dictionaries are searched.
MAX_DEPTH = 6
# In this process, by file: the version that was read, and its digest.
_digests: dict[str, tuple[Version, str]] = remember("networks", {})


def digest_file(file: str) -> str:
    """Return the SHA-256 of a file as hexadecimal digits; it is read once in this process while it does not change.

    Raises
    ------
    WeightsError
        If it cannot be read.
    """
    status = check_file(file)
    try:
        return _digest(file, file_version(status))
    except OSError as error:
        raise _unreadable(file, error) from error


def check_file(file: str) -> os.stat_result:
    """Return the status of a file of weights; raise WeightsError if there is no such file."""
    try:
        status = os.stat(file)
        if not stat.S_ISREG(status.st_mode):  # a pipe would block for ever
            raise OSError("a folder, not a file" if stat.S_ISDIR(status.st_mode) else "not a regular file")
        return status
    except OSError as error:
        raise _unreadable(file, error) from error


def load_state(file: str, *, digest: str) -> dict[str, Tensor]:
    """Return the tensors in a file, read from exactly the bytes that have the digest; nothing in it is run.

    Their names are those in the file, after the keys of the dictionaries that hold them: ``state_dict/fc.weight``.
    Keys that are not plain strings are in brackets, as are positions in a list: ``[0]/fc.weight``.

    Raises
    ------
    WeightsError
        If it cannot be read, holds no tensors, or is not the file that has the digest: it may have been replaced
        since, or this machine may have another one.
    """
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise WeightsError(
            f"the weights {file} have changed since their digest was computed: SHA-256 {digest[:12]} then, "
            f"{found[:12]} now, on {socket.gethostname()}",
            "Call again while nothing writes the file, and have the same file on every machine that computes.",
        )
    return _parse(file, data)


def _unreadable(file: str, error: OSError) -> WeightsError:
    path = Path(file)
    try:
        inside = sorted(entry.name for entry in (path if os.path.isdir(file) else path.parent).iterdir())
    except OSError:
        inside = []
    if os.path.isdir(file):  # Path.is_dir raises errors for some names
        known = [name for name in inside if Path(name).suffix in SUFFIXES]
        hint = f"Name one in it, such as {path / known[0]}." if known else "Name the file of weights in it."
    else:
        hint = nearest(path.name, inside) or "Check the path."
    return WeightsError(f"cannot read the weights {file}: {error.strerror or error}", hint)


def _digest(file: str, version: Version) -> str:
    settled = is_old_enough(version) and not reads_all()
    known = _digests.get(file)
    if settled and known is not None and known[0] == version:
        return known[1]
    with open(file, "rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    if settled:
        _digests[file] = version, digest
    return digest


def _parse(file: str, data: bytes) -> dict[str, Tensor]:
    """Return the tensors in the bytes of a file, by the keys that lead to them."""
    if not is_safetensors(data):
        refuse_other_formats(file, data)
    if is_safetensors(data) or (file.lower().endswith(".safetensors") and data[:2] != b"PK"):
        from safetensors.torch import load

        try:
            return load(data)
        except Exception as error:  # safetensors has errors of its own
            raise WeightsError(f"cannot read the weights {file}: {error}", "Fetch or save the file again.") from error
    content = load_tensors(file, data)
    tensors = dict(_tensors_in(content))
    if not tensors:
        what = "no tensors" if isinstance(content, dict) else f"no names of tensors: {type(content).__name__}"
        raise WeightsError(f"the weights {file} hold {what}", "Save the network's state_dict().")
    return tensors


def _tensors_in(content: Any) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors in nested dictionaries and lists, those on the upper levels first."""
    import torch

    level: list[tuple[str, Any]] = [("", content)] if isinstance(content, dict | list | tuple) else []
    seen: set[int] = set()
    for _ in range(MAX_DEPTH):
        below: list[tuple[str, Any]] = []
        for place, part in level:
            if id(part) in seen:  # a pickled collection may hold itself
                continue
            seen.add(id(part))
            inner = part.items() if isinstance(part, dict) else enumerate(part)
            for key, value in inner:
                if isinstance(value, torch.Tensor):
                    yield f"{place}{key}", value
                elif isinstance(value, dict | list | tuple):
                    plain = isinstance(key, str) and "/" not in key
                    below.append((f"{place}{key if plain else f'[{key!r}]'}/", value))
        level = below
