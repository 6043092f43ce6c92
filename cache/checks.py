"""Check what is passed to the cache: digests, embeddings, spec fields, bounds, and the folder itself."""

from __future__ import annotations

import dataclasses
import os
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from ..constraints import Constraint, a
from ..exceptions import CacheError, ParameterError, nearest_path
from .files import TEMPORARY
from .locks import TURN
from .maintenance import DIGESTS
from .spec import EmbeddingSpec
from .spec_folders import SPEC_FOLDER

__all__ = ["BOUND", "FIELD", "PUSHED", "SPEC", "check_cache", "checked_digests", "checked_embeddings"]

# How folders begin that `featx cache push` makes.
PUSHED = "spec-"
_FIELDS = [field.name for field in dataclasses.fields(EmbeddingSpec)]


def _is_bound(value: Any) -> bool:
    return value is None or (isinstance(value, Real) and not isinstance(value, bool) and float(value) >= 0)


SPEC = a("EmbeddingSpec", "Pass one of specs().")
FIELD = Constraint(f"one of {', '.join(_FIELDS)}", lambda name: name in _FIELDS)
BOUND = Constraint("a number that is not negative, or None", _is_bound)


def checked_embeddings(embeddings: Any, n: int) -> np.ndarray:
    """Return embeddings as an array of numbers, shape (n, d)."""
    array = np.asarray(embeddings)
    if array.dtype.kind not in "fiub":
        try:
            array = np.asarray(array.tolist(), dtype=np.float32)
        except (TypeError, ValueError) as error:
            message = f"got embeddings of type {array.dtype}; expected numbers"
            raise ParameterError(message, "Pass an array (n, d).") from error
    if array.ndim != 2 or len(array) != n:
        raise ParameterError(f"got embeddings of shape {array.shape} for {n} digests; expected (n, d)")
    return array


def checked_digests(digests: Any) -> np.ndarray:
    """Return digests as an array of uint8, shape (n, 32)."""
    array = np.asarray(digests)
    if array.dtype != np.uint8 and array.size:  # other integers would be cut to their last 8 bits
        raise ParameterError(
            f"got digests of type {array.dtype}; expected uint8", "Pass np.frombuffer(data, np.uint8)."
        )
    if array.ndim != 2 or array.shape[1] != 32:
        raise ParameterError(f"got digests of shape {array.shape}; expected (n, 32)", "A digest is 32 bytes.")
    return np.ascontiguousarray(array, dtype=np.uint8)


def check_cache(root: Path) -> None:
    """Refuse a folder that does not exist, or that holds files but none of a cache.

    Raises
    ------
    CacheError
    """
    try:
        names = os.listdir(root)
    except OSError as error:
        hint = "" if root.exists() else nearest_path(root)
        raise CacheError(f"cannot use the cache {root}: {error.strerror}", hint or "Check its name.") from error
    if names and not any(name.startswith((DIGESTS, TURN, TEMPORARY)) or SPEC_FOLDER.fullmatch(name) for name in names):
        pushed = any(name.startswith(PUSHED) for name in names)
        step = f"`featx cache pull {root}` fetches what was pushed to it." if pushed else "Check its name."
        raise CacheError(f"{root} is not a cache: it holds neither embeddings nor {DIGESTS}", step)
