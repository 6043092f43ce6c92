"""Plan fits of a head: which classifier is fitted on how many embeddings, and how often, before any of them is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sklearn.base import BaseEstimator

from ..networks.pooling import View

__all__ = ["HeadFits"]


@dataclass(frozen=True)
class HeadFits:
    """Fits of one head on embeddings of one view, planned and not yet made.

    Attributes
    ----------
    head : classifier
        Such as a `TunedHead`; cloned for each fit.
    view : (layer, pooling)
    sizes : sequence of int
        How many embeddings each fit takes.
    name : str
        What they are made for, in the table of a forecast.
    """

    head: BaseEstimator
    view: View
    sizes: Sequence[int]
    name: str
