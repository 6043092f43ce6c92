"""Read one cell of X, in whatever form it holds an image: as a path, a PIL image, an array or the bytes of a file."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from PIL import Image

from ..exceptions import ParameterError
from .formats import unsupported_format

__all__ = ["IMAGE_KINDS", "array_of", "cell_kind", "is_missing", "read_cell"]

# The kinds of cells that are images; the others are "missing", "number", "row", "pair", "open file" and "other".
IMAGE_KINDS = frozenset(["path", "file's bytes", "PIL image", "array"])
# The longest path that Linux accepts, and bytes that every image file has but no path that people write.
LONGEST_PATH = 4096
NOT_IN_PATHS = re.compile(rb"[\0-\x1f\x7f]|^\xff\xd8\xff")
TEXT_FORMATS = ("HTML", "SVG", "XML", "JSON")


def cell_kind(cell: Any) -> str:
    """Return the kind of a cell of X: one of `IMAGE_KINDS`, or what it is instead."""
    if isinstance(cell, str | os.PathLike):
        return "path" if cell != "" else "missing"
    if isinstance(cell, bytes):
        return ("path" if _is_path(cell) else "file's bytes") if cell else "missing"
    if isinstance(cell, bytearray | memoryview | io.BytesIO):
        return "file's bytes"
    if isinstance(cell, Image.Image):
        return "PIL image"
    if is_missing(cell):
        return "missing"
    if _is_record(cell):
        return "missing" if cell.get("bytes") is None and not cell.get("path") else "file's bytes"
    if getattr(cell, "ndim", 0) >= 2 and hasattr(cell, "__array__"):
        return "array"
    if isinstance(cell, list | tuple):
        first = cell_kind(cell[0]) if cell else "other"
        # The lines of an image may be arrays too; an array followed by a number or text is an image and its label.
        alone = first == "array" and not (len(cell) == 2 and cell_kind(cell[1]) in ("number", "path"))
        return "pair" if first in IMAGE_KINDS and not alone else "row"
    if hasattr(cell, "read"):
        return "open file"
    if isinstance(getattr(cell, "ndim", None), int):
        return "row" if cell.ndim else "number"
    return "number" if isinstance(cell, int | float | complex | np.generic) else "other"


def read_cell(cell: Any, number: int) -> tuple[Any, str | None]:
    """Return the content of a cell, and its name if it has one.

    Bytes are a path, as HDF5 returns it, or the content of a file: a path has no control characters and at most 4,096
    bytes, does not begin like a JPEG, and is not the text of a page or drawing (HTML, SVG, XML, JSON).

    Parameters
    ----------
    cell : object
    number : int
        The cell's index in X, for messages.

    Returns
    -------
    content : str, bytes, PIL.Image.Image, ndarray or None
        A path or URL, a file's content, an image, or None where the image is missing.
    name : str or None

    Raises
    ------
    ParameterError
        If it is none of these.
    """
    if _is_record(cell):
        content, path = cell.get("bytes"), cell.get("path")
        name = None if path is None else os.fsdecode(path)
        return (name or None if content is None else bytes(content)), name or None
    kind = cell_kind(cell)
    if kind == "path":
        return (str(cell) if isinstance(cell, str) else os.fsdecode(cell)), None
    if kind == "file's bytes":
        # A buffer that could be written to while it is read is copied.
        return (cell.getvalue() if isinstance(cell, io.BytesIO) else bytes(cell)), None
    if kind == "missing":
        return None, None
    if kind == "PIL image" or (isinstance(cell, np.ndarray) and cell.ndim):
        return cell, None
    if kind == "array":
        return array_of(cell), None
    raise ParameterError(
        f"got image {number} of type {type(cell).__name__}; expected a path, a URL, a PIL image, an array or the bytes "
        "of a file",
        "Pass one image for each sample.",
    )


def array_of(value: Any) -> np.ndarray:
    """Return an array or tensor of any library as a NumPy array; of a torch tensor with a gradient, its values."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # NumPy has no bfloat16.
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    try:
        return np.asarray(value)
    except Exception as error:  # whatever its library says
        raise ParameterError(
            f"got {type(value).__module__}.{type(value).__name__}, which cannot be converted to a NumPy array: {error}",
            "Pass NumPy arrays.",
        ) from error


def is_missing(value: Any) -> bool:
    """Return whether a value is None, NaN, NaT or the missing value of pandas."""
    if value is None:
        return True
    if isinstance(value, float | np.floating):
        return bool(value != value)
    if isinstance(value, np.datetime64 | np.timedelta64):
        return bool(np.isnat(value))
    return type(value).__name__ in ("NAType", "NaTType")


def _is_record(cell: Any) -> bool:
    """Return whether a cell is an image of a Hugging Face data set that has not been decoded."""
    return isinstance(cell, Mapping) and len(cell) > 0 and set(cell) <= {"bytes", "path"}


def _is_path(data: bytes) -> bool:
    if len(data) > LONGEST_PATH or NOT_IN_PATHS.search(data):
        return False
    text = unsupported_format(data)
    return text is None or text[0] not in TEXT_FORMATS
