"""A file of weights goes in; its digest, and the tensors of the very bytes that have the digest, come out."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import socket
import stat
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cache.digests import is_settled, reads_all
from .cache.versions import Version, file_version
from .exceptions import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["digest_file", "load_state"]

# In this process, by file: the version that was read, and its digest.
_digests: dict[str, tuple[Version, str]] = {}


def digest_file(file: str) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits; read once in this process while it stays as it is.

    Raises
    ------
    WeightsError
        If it cannot be read.
    """
    try:
        status = os.stat(file)
        if not stat.S_ISREG(status.st_mode):  # a pipe would block for ever
            raise OSError("not a regular file")
        return _digest(file, file_version(status))
    except OSError as error:
        raise _unreadable(file, error) from error


def load_state(file: str, *, digest: str) -> dict[str, Tensor]:
    """Return the state dict in a file, of the very bytes that have the digest; nothing in it is run.

    Raises
    ------
    WeightsError
        If it cannot be read, holds no state dict, or is not the file that the digest was taken of: it may have been
        replaced since, or be another one on this machine.
    """
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise _unreadable(file, error) from error
    found = hashlib.sha256(data).hexdigest()
    if found != digest:
        raise WeightsError(
            f"the weights {file} are not what they were when their digest was taken: SHA-256 {digest[:12]} then, "
            f"{found[:12]} now, on {socket.gethostname()}",
            "Call again while nothing writes the file, and have the same file on every machine that computes.",
        )
    return _parse(file, data)


def _unreadable(file: str, error: OSError) -> WeightsError:
    return WeightsError(f"cannot read the weights {file}: {error.strerror or error}", "Check the path.")


def _digest(file: str, version: Version) -> str:
    settled = is_settled(version) and not reads_all()
    known = _digests.get(file)
    if settled and known is not None and known[0] == version:
        return known[1]
    with open(file, "rb") as handle:
        digest = hashlib.file_digest(handle, "sha256").hexdigest()
    if settled:
        _digests[file] = version, digest
    return digest


def _parse(file: str, data: bytes) -> dict[str, Tensor]:
    """Return the state dict in the bytes of a file."""
    try:
        if file.lower().endswith(".safetensors"):
            from safetensors.torch import load

            state: Any = load(data)
        else:
            import torch

            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch remarks on files that it then refuses
                state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{file} holds more than tensors, which could run code when loaded, and is refused",
            "Save the network's state_dict() instead, best as .safetensors.",
        ) from error
    except Exception as error:  # damaged files fail in many ways
        raise WeightsError(f"cannot read the weights {file}: {error}", "Fetch or save the file again.") from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(k, str) and _is_dense(v) for k, v in state.items()):
        raise WeightsError(f"{file} holds no state dict", "Save the network's state_dict().")
    for prefix in ("module.", "_orig_mod."):
        if state and all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _is_dense(value: Any) -> bool:
    """Tell a tensor with plain values from one that is sparse, quantised, nested or without any."""
    import torch

    return (
        isinstance(value, torch.Tensor)
        and not value.is_nested
        and value.layout == torch.strided
        and not (value.is_quantized or value.is_meta)
    )
