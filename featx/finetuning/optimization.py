"""The optimizer (AdamW, Adam or SGD), the learning-rate schedule and the gradient scaling of a training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from .settings import ResolvedSettings
from .weight_decay import decayed_parameters

__all__ = ["make_optimizer", "make_scaler", "make_scheduler"]

# Where the rate of the one-cycle schedule is highest, as a fraction of all steps (Smith and Topin 2018, arXiv
# 1708.07120).
PEAK_FRACTION = 0.3


def make_optimizer(
    settings: ResolvedSettings, parts: Sequence[tuple[nn.Module, Sequence[str], float]]
) -> torch.optim.Optimizer:
    """Return the optimizer of modules, and switch on gradients for the tensors that it changes.

    Parameters
    ----------
    settings : ResolvedSettings
    parts : sequence of (nn.Module, names of its parameters to train, learning rate)
    """
    groups = []
    for part, names, rate in parts:
        parameters: dict[str, nn.Parameter] = dict(part.named_parameters())
        decayed = decayed_parameters(part, names)
        for decay, chosen in ((settings.weight_decay, decayed), (0.0, [n for n in names if n not in set(decayed)])):
            if chosen:
                tensors = [parameters[name].requires_grad_(True) for name in chosen]
                groups.append({"params": tensors, "lr": rate, "weight_decay": decay})
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=settings.learning_rate, momentum=settings.momentum)
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, lr=settings.learning_rate)
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def make_scaler(settings: ResolvedSettings) -> torch.amp.GradScaler:
    """Return what scales the loss up where gradients in float16 would be rounded to zero; elsewhere it does nothing."""
    scaled = settings.training_precision == "float16"
    return torch.amp.GradScaler(torch.device(settings.device).type, enabled=scaled)


def make_scheduler(settings: ResolvedSettings, optimizer: torch.optim.Optimizer, steps: int) -> Any:
    """Return the scheduler of the learning rates over a number of steps."""
    rates = torch.optim.lr_scheduler
    if settings.schedule == "constant":
        return rates.ConstantLR(optimizer, factor=1.0, total_iters=0)
    if settings.schedule == "cosine":
        return rates.CosineAnnealingLR(optimizer, T_max=steps)
    peaks = [group["lr"] for group in optimizer.param_groups]
    return rates.OneCycleLR(optimizer, peaks, total_steps=steps + 1, pct_start=PEAK_FRACTION, cycle_momentum=False)
