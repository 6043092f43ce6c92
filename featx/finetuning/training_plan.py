"""Plan one training: the network cut in two, the rows, the passes through the untrained network, and the epochs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..extraction.steps import HeadFits, Passes
from ..heads.tuned_head import TunedHead

if TYPE_CHECKING:  # these load torch
    from .boundary import BoundaryPasses
    from .trunk import Trunk

__all__ = ["Epochs", "TrainingPlan"]


@dataclass(frozen=True)
class Epochs:
    """Epochs of one training, planned and not yet made.

    Attributes
    ----------
    classifier : CNNFineTuneClassifier
        Not fitted.
    passes : Passes
        Through its network before training.
    cached : bool
        Whether the outputs below the trained stages are computed once.
    number : int
        The most epochs.
    n_train, n_validation : int
        Images of each epoch.
    weight_bytes : int
        Of the trained network.
    """

    classifier: Any
    passes: Passes
    cached: bool
    number: int
    n_train: int
    n_validation: int
    weight_bytes: int


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
    epochs : Epochs
    """

    trunk: Trunk
    train: np.ndarray
    validation: np.ndarray
    boundary: BoundaryPasses | None
    for_head: Passes | None
    epochs: Epochs

    def steps(self, rows: np.ndarray, tested: np.ndarray) -> list[Passes | HeadFits | Epochs]:
        """Return all steps of the training and of a prediction, in their order.

        Parameters
        ----------
        rows : ndarray of int
            Where the images of the training are in a larger set.
        tested : ndarray of int
            Those that the trained network will predict.
        """
        steps: list[Any] = [replace(passes, rows=rows[passes.rows]) for passes in (*self._lower(), *self._head())]
        if self.for_head is not None:
            # A warm-up takes about as long as tuning a logistic regression, and both are short beside the passes.
            steps.append(HeadFits(TunedHead(), steps[-1], self.for_head.views[0], [len(self.train)], "fit the head"))
        draws = 1 if self.epochs.classifier.augmentation in (None, "none") else int(self.epochs.classifier.test_draws)
        predict = replace(self.epochs.passes, rows=np.tile(tested, draws), name="predict", kept=False)
        return [*steps, self.epochs, predict]

    def _lower(self) -> list[Passes]:
        return [passes for passes in self.boundary.passes if len(passes.rows)] if self.boundary else []

    def _head(self) -> list[Passes]:
        return [self.for_head] if self.for_head else []
