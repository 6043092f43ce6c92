"""Weight decay: choose the parameters that are decayed.

Kernels and matrices are decayed. Everything else is not, whatever its number of dimensions: biases and normalisations,
scales of a layer or a channel, tokens, position embeddings and tables of position biases. This follows torchvision's
reference training (references/classification, `set_weight_decay`) and timm (`no_weight_decay` of its networks, which
is honoured in custom modules too).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from ..torch_modules.default_layer import NORM_LAYERS

__all__ = ["decayed_parameters"]

# The "weight" of these is a kernel or a matrix of any shape, even where one of its sides is 1.
_KERNELS = (_ConvNd, nn.Linear, nn.Bilinear)
_SPARED = re.compile(
    r"bias|gamma|(^|_)scales?($|_)|temperature|tokens?($|_)|"
    r"(^|_)pos(ition(al)?|itions)?_?(emb|enc|table|$)|(^|_)(rel|relative|abs|absolute)_pos"
)


def decayed_parameters(module: nn.Module, names: Sequence[str]) -> list[str]:
    """Return the named parameters that are decayed, in their order.

    Parameters
    ----------
    module : nn.Module
    names : sequence of str
        As in ``module.named_parameters()``.
    """
    listed = _listed(module)
    return [name for name in names if name not in listed and _is_decayed(module, name)]


def _is_decayed(module: nn.Module, name: str) -> bool:
    path, _, last = name.rpartition(".")
    owner, value = module.get_submodule(path), module.get_parameter(name)
    if value.ndim < 2 or isinstance(owner, (*NORM_LAYERS, nn.Embedding)):
        return False
    if isinstance(owner, _KERNELS) and last == "weight":
        return True
    # A vector may be stored with further sides of 1, to be broadcast over a feature map or over tokens.
    return not _is_vector(value) and not _SPARED.search(last.lower())


def _is_vector(value: Tensor) -> bool:
    return sum(side > 1 for side in value.shape) < 2


def _listed(module: nn.Module) -> set[str]:
    """Return the names that the module or a part of it lists in a method `no_weight_decay`, as timm's networks do."""
    found: set[str] = set()
    for path, part in module.named_modules():
        method: Any = getattr(part, "no_weight_decay", None)
        if callable(method):
            found |= {f"{path}.{name}" if path else str(name) for name in method()}
    return found
