"""Steps of a plan: passes of images through a network, and fits of a head on the embeddings, before they are made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from ..cache import EmbeddingSpec
from ..choices import Auto, ResolvedPrecision
from ..networks.backbone import BackboneSource
from ..networks.pooling import View

__all__ = ["HeadFits", "Passes"]


@dataclass(frozen=True)
class Passes:
    """Forward passes of images through one network.

    Attributes
    ----------
    source : BackboneSource
    views : list of (layer, pooling)
        Computed by one pass.
    rows : ndarray of int
        The positions of the images.
    precision : {"float32", "bfloat16", "float16"}
        Not "auto", because it identifies embeddings.
    device, batch_size, n_jobs, verbose
        As for `extract_embeddings`.
    name : str, default="forward"
        What they are made for, in the table of a forecast.
    kept : bool, default=True
        False for a network that has yet to be trained, so that no embedding of it can be cached.
    """

    source: BackboneSource
    views: list[View]
    rows: np.ndarray
    precision: ResolvedPrecision
    device: str = "auto"
    batch_size: int | Auto = "auto"
    n_jobs: int | None = None
    verbose: bool = False
    name: str = "forward"
    kept: bool = True

    def spec(self, view: View | None = None) -> EmbeddingSpec:
        """Return what identifies the embeddings of a view, the first by default."""
        return self.source.spec(view or self.views[0], self.precision)

    @property
    def options(self) -> dict[str, Any]:
        """The keyword arguments of `extract_embeddings` and `ensure_embeddings` that make these passes."""
        names = ("source", "views", "precision", "device", "batch_size", "n_jobs", "verbose")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class HeadFits:
    """Fits of one head on embeddings of one view.

    Attributes
    ----------
    head : classifier
        Such as a `TunedHead`; cloned for each fit.
    passes : Passes
        Those that compute the embeddings.
    view : (layer, pooling)
    sizes : sequence of int
        How many embeddings each fit takes.
    name : str
        What they are made for, in the table of a forecast.
    predicted : float, default=0.25
        Images that each fit predicts, for each that it is fitted on.
    """

    head: BaseEstimator
    passes: Passes
    view: View
    sizes: Sequence[int]
    name: str
    predicted: float = 0.25
