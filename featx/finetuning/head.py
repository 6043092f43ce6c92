"""The dense head that is trained together with the network: from features to class scores.

Features are standardised by fixed constants, so that the head can start as a logistic regression on standardised
embeddings; then follow optional hidden layers with ReLU, dropout, and one output for each class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from sklearn.pipeline import Pipeline
from torch import Tensor, nn

__all__ = ["DenseHead", "head_probabilities"]


class DenseHead(nn.Module):
    """Standardise features, pass them through optional hidden layers with ReLU, and score the classes.

    Parameters
    ----------
    width : int
        Features of an image.
    n_classes : int
    hidden_units : int or sequence of int, default=None
        Of one hidden layer, or of each of several; None means no hidden layer.
    dropout : float, default=0.0
        Fraction of the values before the output layer that is zeroed in training; there is none between hidden layers.
    """

    mean: Tensor
    scale: Tensor

    def __init__(
        self, width: int, n_classes: int, *, hidden_units: int | Sequence[int] | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))
        widths = [] if hidden_units is None else [hidden_units] if isinstance(hidden_units, int) else hidden_units
        for number, units in enumerate(widths):
            self.add_module(_hidden_name(number), nn.Linear(width, units))
            width = units
        self.n_hidden = len(widths)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, n_classes)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits, float32 (n, n_classes), of features (n, width)."""
        values = (features - self.mean) / self.scale
        for number in range(self.n_hidden):
            values = self.get_submodule(_hidden_name(number))(values).relu()
        return self.output(self.dropout(values))

    def standardise(self, features: np.ndarray) -> None:
        """Set mean and standard deviation to those of features (n, width); constant features are only centred.

        Features that differ by no more than the rounding of float32 are constant: divided by their deviation, a
        rounding error of another image would be as large as a signal.
        """
        scale = features.std(axis=0, dtype=np.float64)
        rounding = np.finfo(np.float32).eps * np.abs(features).max(axis=0)
        self._set("mean", features.mean(axis=0, dtype=np.float64))
        self._set("scale", np.where(scale > rounding, scale, 1.0))

    def take_over(self, probe: Pipeline) -> None:
        """Take over a logistic regression on standardised features; two classes share its one direction."""
        scaler, regression = probe[0], probe[-1]
        self._set("mean", scaler.mean_)
        self._set("scale", scaler.scale_)
        weight, bias = regression.coef_, regression.intercept_
        if len(weight) == 1:
            weight, bias = np.vstack([-weight / 2, weight / 2]), np.concatenate([-bias / 2, bias / 2])
        self._set("output.weight", weight)
        self._set("output.bias", bias)

    def _set(self, name: str, values: np.ndarray) -> None:
        with torch.no_grad():
            self.state_dict()[name].copy_(torch.from_numpy(np.asarray(values, dtype=np.float32)))


def head_probabilities(state: Mapping[str, Any], features: np.ndarray) -> np.ndarray:
    """Return the class probabilities of a head from its tensors, without torch.

    Parameters
    ----------
    state : mapping of str to ndarray
        The state dict of a `DenseHead`.
    features : ndarray of float32, shape (n, width)

    Returns
    -------
    ndarray of float64, shape (n, n_classes)
    """
    # One image's result must not depend on how many others there are: float64 hides the order of summation.
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in state.items()}
    values = (features - arrays["mean"]) / arrays["scale"]
    number = 0
    while f"{(name := _hidden_name(number))}.weight" in arrays:
        values = np.maximum(values @ arrays[f"{name}.weight"].T + arrays[f"{name}.bias"], 0.0)
        number += 1
    return softmax(values @ arrays["output.weight"].T + arrays["output.bias"], axis=1)


def _hidden_name(number: int) -> str:
    """Return the name of a hidden layer, by which its tensors are saved."""
    return "hidden" if number == 0 else f"hidden{number + 1}"
