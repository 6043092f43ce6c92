"""Say the shape of a layer's output before a run: with --pooling flatten, and of every pooling with --verbose."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .report import note

if TYPE_CHECKING:
    from ..extraction.estimator import ImageEstimator

__all__ = ["note_shapes"]


def note_shapes(
    options: dict[str, Any], estimator: ImageEstimator, layers: Iterable[str | None], poolings: Iterable[str]
) -> None:
    """Say what the layers give for an image, and how many features its row has, unless --quiet."""
    pairs = [(layer, pooling) for layer in layers for pooling in poolings if options["verbose"] or pooling == "flatten"]
    if options["quiet"] or not pairs:
        return
    from ..networks.feature_shapes import feature_shape_text

    source = estimator.source()
    for view in dict.fromkeys(source.view(*pair) for pair in pairs):
        note(options, feature_shape_text(source, view))
