"""JSON values of results: data classes, mappings and arrays -> what JSON can hold, with null for NaN and infinity."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["IF_SET", "as_json"]

# Metadata of a field that is left out where it is None.
IF_SET = {"json": "if set"}


def as_json(value: Any) -> Any:
    """Return data classes, mappings and sequences as what JSON can hold: NaN and infinity become None.

    Fields of data classes with the metadata ``{"json": False}`` are left out, and those with `IF_SET` where they are
    None.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kept = [(field.name, field.metadata.get("json", True)) for field in dataclasses.fields(value)]
        written = [name for name, rule in kept if rule and (rule is True or getattr(value, name) is not None)]
        return {name: as_json(getattr(value, name)) for name in written}
    if isinstance(value, Mapping):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return as_json(value.tolist())
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
