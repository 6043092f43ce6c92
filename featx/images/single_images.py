"""Refuse a single image where a list of images is expected, since its rows of pixels would be taken for images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from ..exceptions import ParameterError
from .cells import IMAGE_KINDS, cell_kind
from .urls import is_url

__all__ = ["refuse_single_image"]

LIKELY_CHANNELS = (1, 2, 3, 4)
# A grey image of at most this width is not one: it is a line of pixels with their channels.
NARROWEST = 4


def refuse_single_image(X: Any) -> None:
    """Raise a ParameterError if X is a path, the bytes of a file, a PIL image or the pixels of one image."""
    if isinstance(X, str | os.PathLike):
        _refuse_path(os.fspath(X))
    one = isinstance(X, str | bytes | bytearray | memoryview | os.PathLike | Image.Image) or hasattr(X, "read")
    if one or (type(X) is dict and cell_kind(X) in IMAGE_KINDS):
        raise ParameterError("got a single image", "Pass a list of images: [image].")
    shape = _shape(X)
    if shape == () and not np.issubdtype(np.asarray(X).dtype, np.number):
        raise ParameterError("got a single image", "Pass a list of images: [image].")
    if len(shape) != 3:
        return
    if shape[2] in LIKELY_CHANNELS and min(shape[:2]) > NARROWEST:
        raise ParameterError(
            f"got one image, {shape[0]} x {shape[1]} pixels of {shape[2]} channel{'s' if shape[2] > 1 else ''}, where "
            "several are expected",
            "Pass a list of images: [image], or image[None]."
            if shape[2] != 2
            else "Choose a channel, image[..., 0], or add a third, and pass a list of images: [image].",
        )
    if shape[0] == 3 and min(shape[1:]) > NARROWEST and type(X).__module__.partition(".")[0] == "torch":
        raise ParameterError(
            f"got a tensor of shape {shape}, which is one image with its channels first or three grey ones",
            "Pass [x.permute(1, 2, 0)] for the one, list(x) for the three.",
        )


def _refuse_path(path: str | bytes) -> None:
    """Raise a ParameterError if a path names more than one image."""
    text = os.fsdecode(path)
    if os.path.isdir(text) or os.path.splitext(text)[1].lower() in (".csv", ".parquet"):
        what = "a folder" if os.path.isdir(text) else "a manifest"
        raise ParameterError(f"got {what}, {text}", f"Pass its images: load_dataset({text!r}, labelled=False).images.")
    if "*" in text and not is_url(text) and not os.path.lexists(text):
        raise ParameterError(f"got a pattern, {text}", f"Pass the images that it matches: sorted(glob.glob({text!r})).")


def _shape(X: Any) -> tuple[int, ...]:
    """Return the shape of an array, or of a list of possible lines of an image; (0,) of anything else."""
    if hasattr(X, "shape") and (getattr(getattr(X, "dtype", None), "kind", "") != "O" or not X.shape):
        return tuple(X.shape)
    if not isinstance(X, Sequence | np.ndarray) or not len(X):
        return (0,)
    line = _line(X[0])
    if line is None or line[1] not in LIKELY_CHANNELS or any(_line(part) != line for part in X):
        return (0,)
    return len(X), *line


def _line(part: Any) -> tuple[int, int] | None:
    """Return the shape of a possible line of pixels, each of which is a few numbers; None of anything else."""
    if hasattr(part, "shape") and hasattr(part, "dtype"):
        return (part.shape[0], part.shape[1]) if len(part.shape) == 2 else None
    if isinstance(part, list | tuple) and len(part) > 0 and isinstance(part[0], list | tuple):
        first = part[0]
        return (len(part), len(first)) if all(isinstance(value, int | float) for value in first) else None
    return None
