"""Plan one training: the network cut in two, the rows, the passes that are made once, and the epochs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..extraction.passes import Passes
from .boundary import BoundaryPasses
from .trunk import Trunk

__all__ = ["TrainingPlan"]


@dataclass(frozen=True)
class TrainingPlan:
    """What one training is about to do.

    Attributes
    ----------
    trunk : Trunk
    train, validation : ndarray of int
    boundary : BoundaryPasses or None
        Passes that are made once, or None where every epoch forwards all images.
    for_head : Passes or None
        Those on whose embeddings the head is fitted first; None for a head that begins with random weights.
    epochs : int
        The most that are trained.
    """

    trunk: Trunk
    train: np.ndarray
    validation: np.ndarray
    boundary: BoundaryPasses | None
    for_head: Passes | None
    epochs: int

    @property
    def passes(self) -> list[Passes]:
        """All passes that are made before the first epoch."""
        made = [*(self.boundary.passes if self.boundary else ()), *([self.for_head] if self.for_head else ())]
        return [passes for passes in made if len(passes.rows)]
