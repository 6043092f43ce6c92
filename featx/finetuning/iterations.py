"""Curves by iteration: loss and accuracy of every mini-batch, and of the validation part at the ends of epochs."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

__all__ = ["IterationCurves"]

# Single precision, as the losses are computed: 8 bytes for each iteration.
_SINGLE, _COUNT = "f", "q"


class IterationCurves:
    """Loss and accuracy of every step of the optimizer, in their order, those of a warm-up first.

    Attributes
    ----------
    n_warmup : int
        Steps of the warm-up.
    """

    def __init__(self) -> None:
        self.n_warmup = 0
        self._curves: dict[str, array[Any]] = {
            "loss": array(_SINGLE),
            "accuracy": array(_SINGLE),
            "val_iteration": array(_COUNT),
            "val_loss": array(_SINGLE),
            "val_accuracy": array(_SINGLE),
        }

    def add_steps(self, losses: Iterable[float], accuracies: Iterable[float]) -> None:
        """Add the mean loss and the accuracy of each of some mini-batches, as they were before its step."""
        self._curves["loss"].extend(losses)
        self._curves["accuracy"].extend(accuracies)

    def add_validation(self, loss: float, accuracy: float) -> None:
        """Add what the validation part shows after the steps so far."""
        for name, value in (("val_iteration", self.n_steps), ("val_loss", loss), ("val_accuracy", accuracy)):
            self._curves[name].append(value)

    @property
    def n_steps(self) -> int:
        """How many steps there were so far."""
        return len(self._curves["loss"])

    def arrays(self) -> dict[str, Any]:
        """Return `n_warmup`, and each curve as an array by name."""
        return {"n_warmup": self.n_warmup, **{name: np.array(curve) for name, curve in self._curves.items()}}

    def state(self) -> dict[str, Any]:
        """Return the same for a checkpoint, as tensors."""
        import torch

        found = self.arrays()
        return {name: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for name, v in found.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned."""
        self.n_warmup = state["n_warmup"]
        for name, curve in self._curves.items():
            self._curves[name] = array(curve.typecode, state[name].tolist())
