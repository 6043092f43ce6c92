"""Running statistics of BatchNorm and similar layers: recognise them, and estimate them anew.

InstanceNorm may keep such statistics too, as do layers of timm and users' own layers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm, _NormBase

__all__ = ["has_initial_statistics", "keeps_statistics", "reestimated_statistics", "uses_batch_statistics"]


def keeps_statistics(module: nn.Module) -> bool:
    """Tell whether a module itself has running statistics."""
    return bool(_running(module))


def has_initial_statistics(module: nn.Module) -> bool:
    """Tell whether a module's statistics are those of initialisation: all means 0, all variances 1.

    No trained network has such statistics, whatever `num_batches_tracked` says, which conversions lose.
    """
    found = _running(module)
    return bool(found) and all(bool((value == float("var" in name)).all()) for name, value in found.items())


def uses_batch_statistics(module: nn.Module) -> bool:
    """Tell whether a BatchNorm has no statistics and normalises by those of the batch, in evaluation too."""
    return isinstance(module, _BatchNorm) and module.running_mean is None


@contextlib.contextmanager
def reestimated_statistics(modules: Sequence[nn.Module]) -> Iterator[None]:
    """Estimate the statistics anew from the batches that pass while the context is open, all with equal weight.

    Running averages begin at those of initialisation, and lag behind weights that change fast. Over many layers, this
    adds up to a network that has learnt and still predicts one class in evaluation.

    The averages are over the batches' own means and variances, as in `torch.optim.swa_utils.update_bn`: the precise
    BatchNorm of Wu and Johnson (2021, arXiv 2105.07576).
    """
    norms: list[Any] = [module for module in modules if isinstance(module, _NormBase)]
    momenta = [norm.momentum for norm in norms]
    seen = dict.fromkeys(norms, 0)

    def weigh(norm: Any, inputs: Any) -> None:
        # The weight of the next batch in the mean of all; momentum=None does that too, but not in InstanceNorm.
        seen[norm] += 1
        norm.momentum = 1.0 / seen[norm]

    handles = [norm.register_forward_pre_hook(weigh) for norm in norms]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.training = True
        with torch.no_grad():
            yield
    finally:
        for norm, momentum, handle in zip(norms, momenta, handles, strict=True):
            handle.remove()
            norm.momentum, norm.training = momentum, False


def _running(module: nn.Module) -> dict[str, Tensor]:
    return {name: value for name, value in module.named_buffers(recurse=False) if name.startswith("running_")}
