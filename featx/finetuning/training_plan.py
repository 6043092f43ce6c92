"""Plan one training: the network cut in two, the rows, the passes through the untrained network, and the epochs."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    prediction : Passes
        Those in which the trained network predicts an image, one for each draw of the augmentation; of row 0.
    epochs : int
        The most that are trained.
    """

    trunk: Trunk
    train: np.ndarray
    validation: np.ndarray
    boundary: BoundaryPasses | None
    for_head: Passes | None
    prediction: Passes
    epochs: int

    def passes(self, rows: np.ndarray) -> list[Passes]:
        """Return the passes that are made before the first epoch, where training and validation are these rows."""
        made = [*(self.boundary.passes if self.boundary else ()), *([self.for_head] if self.for_head else ())]
        return [replace(passes, rows=rows[passes.rows]) for passes in made if len(passes.rows)]

    def predict(self, rows: np.ndarray) -> Passes:
        """Return the passes in which the trained network predicts some rows."""
        return replace(self.prediction, rows=np.tile(rows, len(self.prediction.rows)))
