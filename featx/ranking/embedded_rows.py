"""The embeddings of one network that a ranking has so far: rows are added round by round, views let go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.base import clone

from ..extraction.steps import Passes
from ..extraction.transformer import CNNFeatureTransformer
from ..images.failures import Failure
from ..images.sources import ImageSource
from ..networks.pooling import View

__all__ = ["EmbeddedRows"]


class EmbeddedRows:
    """The embeddings of some images by one network, of several views.

    Parameters
    ----------
    transformer : CNNFeatureTransformer
        With all views. Not changed.
    images : sequence of ImageSource
        Those of the last round.
    keys : sequence of (bytes or error)
        What `content_keys` returned for them.

    Attributes
    ----------
    matrices : dict of View to ndarray of float32, shape (n, d)
        Rows of NaN where nothing was computed so far.
    n_embedded, n_forwarded : int
        Images whose rows were asked for, and those that were not in the cache.
    failures : list of Failure
        By their places among the images.
    """

    def __init__(self, transformer: CNNFeatureTransformer, images: Sequence[ImageSource], keys: Sequence[Any]) -> None:
        self.transformer, self.images, self.keys = clone(transformer), images, keys
        self.views: list[View] = transformer.plan(np.arange(0)).views
        self.matrices: dict[View, np.ndarray] = {}
        self.n_embedded = self.n_forwarded = 0
        self.failures: list[Failure] = []
        self._there = np.zeros(len(images), dtype=bool)

    def passes(self) -> list[Passes]:
        """Return the passes of one view of each layer, without progress, to be timed."""
        first = {view.layer: view for view in reversed(self.views)}
        plan = replace(self.transformer.plan(np.arange(0)), verbose=False)
        return [replace(plan, views=[first[layer]]) for layer in dict.fromkeys(view.layer for view in self.views)]

    def fill(self, places: np.ndarray) -> np.ndarray:
        """Compute the rows at these places that are not there yet, of the views that are left.

        Returns
        -------
        ndarray of bool, shape (n,)
            The places of the images that could not be read so far.
        """
        new = places[~self._there[places]]
        if len(new):
            first, *others = self.views
            self.transformer.set_params(layer=first.layer, pooling=first.pooling, prefetch=others)
            found = self.transformer.extract([self.images[p] for p in new], keys=[self.keys[p] for p in new])
            for view, rows in zip(self.views, found.embeddings, strict=True):
                if view not in self.matrices:
                    self.matrices[view] = np.full((len(self.images), rows.shape[1]), np.nan, dtype=np.float32)
                self.matrices[view][new] = rows
            self.n_embedded, self.n_forwarded = self.n_embedded + len(new), self.n_forwarded + found.n_forwarded
            self.failures += [replace(failure, index=int(new[failure.index])) for failure in found.failures]
            self._there[new] = True
        bad = np.zeros(len(self.images), dtype=bool)
        bad[[failure.index for failure in self.failures]] = True
        return bad

    def take(self, view: View, places: np.ndarray) -> np.ndarray:
        """Return the rows of a view at some places, and let the view go: no further row of it is computed."""
        self.views = [other for other in self.views if other != view]
        return self.matrices.pop(view)[places]
