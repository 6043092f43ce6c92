"""The optimizer (AdamW or SGD), learning-rate schedule and other settings of a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .head import DenseHead
from .trunk import Trunk
from .weight_decay import decayed_parameters

__all__ = ["Optimization"]

# Where the rate of the one-cycle schedule is highest, as a fraction of all steps (Smith and Topin 2018, arXiv
# 1708.07120).
PEAK_FRACTION = 0.3


@dataclass(frozen=True)
class Optimization:
    """How to train.

    Attributes
    ----------
    epochs, batch_size : int
    optimizer : {"adamw", "sgd"}
    learning_rate, head_learning_rate : float
        Of the network's trained part, and of the head.
    momentum : float
        Of SGD.
    weight_decay : float
        Of matrices and kernels; `decayed_parameters` chooses them.
    schedule : {"constant", "cosine", "onecycle"}
    label_smoothing : float
    class_weights : tuple of float or None
        For each class, in the loss.
    patience : int or None
        Epochs without a better validation accuracy after which to stop; None never stops.
    precision : {"float32", "bfloat16", "float16"}
        Of the forward pass; tensors and gradients are kept in float32.
    device : str
    seed : int
    """

    epochs: int
    batch_size: int
    optimizer: str
    learning_rate: float
    head_learning_rate: float
    momentum: float
    weight_decay: float
    schedule: str
    label_smoothing: float
    class_weights: tuple[float, ...] | None
    patience: int | None
    precision: str
    device: str
    seed: int

    def weights_tensor(self) -> torch.Tensor | None:
        """Return the weights of the classes on the device."""
        return None if self.class_weights is None else torch.tensor(self.class_weights, device=self.device)

    def make_optimizer(self, trunk: Trunk, head: DenseHead) -> torch.optim.Optimizer:
        """Return the optimizer of the trained part and the head, and switch on gradients for their tensors."""
        groups = []
        heads = [name for name, _ in head.named_parameters()]
        for rate, part, names in ((self.learning_rate, trunk.module, trunk.trained),
                                  (self.head_learning_rate, head, heads)):  # fmt: skip
            parameters: dict[str, nn.Parameter] = dict(part.named_parameters())
            decayed = decayed_parameters(part, names)
            for decay, chosen in ((self.weight_decay, decayed), (0.0, [n for n in names if n not in set(decayed)])):
                if chosen:
                    tensors = [parameters[name].requires_grad_(True) for name in chosen]
                    groups.append({"params": tensors, "lr": rate, "weight_decay": decay})
        if self.optimizer == "sgd":
            return torch.optim.SGD(groups, lr=self.learning_rate, momentum=self.momentum)
        return torch.optim.AdamW(groups, lr=self.learning_rate)

    def make_scheduler(self, optimizer: torch.optim.Optimizer, steps: int) -> Any:
        """Return the scheduler of the learning rates over a number of steps."""
        rates = torch.optim.lr_scheduler
        if self.schedule == "constant":
            return rates.ConstantLR(optimizer, factor=1.0, total_iters=0)
        if self.schedule == "cosine":
            return rates.CosineAnnealingLR(optimizer, T_max=steps)
        peaks = [group["lr"] for group in optimizer.param_groups]
        return rates.OneCycleLR(optimizer, peaks, total_steps=steps + 1, pct_start=PEAK_FRACTION, cycle_momentum=False)
