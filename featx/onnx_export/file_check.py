"""Compare what an ONNX file answers in onnxruntime with what featx predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

from ..exceptions import ModelFileError

__all__ = ["FileCheck", "answers", "check_answers", "float32_probabilities"]

MOST_TOGETHER = 8


@dataclass(frozen=True)
class FileCheck:
    """How far the answers of a file are from those of featx.

    Attributes
    ----------
    n_images : int
    largest_difference : float
        Of a probability.
    n_differing : int
        Images of another class, whatever the margin.
    tolerance : float
        The largest difference that is accepted. The class may differ only where the two largest probabilities are
        closer than this.
    """

    n_images: int
    largest_difference: float
    n_differing: int
    tolerance: float


def check_answers(expected: np.ndarray, given: np.ndarray, *, n_images: int, tolerance: float) -> FileCheck:
    """Return the comparison of two tables of probabilities.

    Parameters
    ----------
    expected, given : ndarray, shape (n, classes)
        Of featx and of the file.
    n_images : int
        Some of which may be in several rows.
    tolerance : float

    Raises
    ------
    ModelFileError
        If they differ by more than the tolerance, with the figures.
    """
    largest = float(np.abs(expected - given).max())
    differing = expected.argmax(axis=1) != given.argmax(axis=1)
    ranked = np.sort(expected, axis=1)
    margin = ranked[:, -1] - ranked[:, -2]
    clear = int((differing & (margin > tolerance)).sum())
    # Comparisons with NaN are false.
    if not largest <= tolerance or clear:
        raise ModelFileError(
            f"the ONNX file does not answer as featx predicts, and is not kept: on {n_images} images a "
            f"probability differs by up to {largest:.2g} (accepted: {tolerance:g}), and {clear} have another class "
            "by a clear margin",
            "With weights in float16, export in float32; otherwise report it, with the names of network and head.",
        )
    return FileCheck(n_images, largest, int(differing.sum()), tolerance)


def float32_probabilities(model: BaseEstimator, images: Sequence[np.ndarray]) -> np.ndarray:
    """Return the probabilities that featx gives in float32 on the CPU, without its cache, shape (n, classes)."""
    first = model[0] if isinstance(model, Pipeline) else model
    before = first.get_params(deep=False)
    plain = {"precision": "float32", "cache": None, "device": "cpu", "on_error": "raise", "verbose": False}
    try:
        first.set_params(**{name: value for name, value in plain.items() if name in before})
        return np.asarray(model.predict_proba(list(images)))
    finally:
        first.set_params(**before)


def answers(session: Any, images: Sequence[np.ndarray]) -> tuple[np.ndarray, list[int]]:
    """Return the probabilities that a session of onnxruntime gives, and the rows of the images that they are for.

    Each image is passed alone. Then those of the first size that several have are passed together.
    """
    name = session.get_inputs()[0].name
    alone = [session.run(["probabilities"], {name: image[None]})[0] for image in images]
    sizes = [image.shape for image in images]
    shared = next((size for size in sizes if sizes.count(size) > 1), sizes[0])
    rows = [row for row, size in enumerate(sizes) if size == shared][:MOST_TOGETHER]
    rows = rows if len(rows) > 1 else rows * 2
    together = session.run(["probabilities"], {name: np.stack([images[row] for row in rows])})[0]
    return np.concatenate([*alone, together]), [*range(len(images)), *rows]
