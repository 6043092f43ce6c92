"""What a frozen network gave for images goes in; an error comes out where a value of it is NaN or infinite.

It names the network, the layer and the first such image, and whether it is the weights, the precision or the image.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import nn

from ..exceptions import BackboneError
from .pooling import View

__all__ = ["not_finite_outputs", "require_finite"]

# In bfloat16, whose bits are kept as int16: the exponent of NaN and infinity.
EXPONENT = 0x7F80


def require_finite(
    rows: Sequence[np.ndarray],
    views: Sequence[View],
    images: Sequence[str],
    *,
    name: str,
    module: nn.Module,
    precision: str,
) -> None:
    """Raise a BackboneError unless all values of each view's matrix are finite.

    Parameters
    ----------
    rows : sequence of ndarray, shape (n, d)
        As `Backbone.embed` gives them.
    views : sequence of (layer, pooling)
    images : sequence of str
        Their names.
    name : str
        The network's.
    module : nn.Module
    precision : str
        Of the forward pass.
    """
    for matrix, (layer, _) in zip(rows, views, strict=True):
        good = (matrix & EXPONENT) != EXPONENT if matrix.dtype == np.int16 else np.isfinite(matrix)
        if good.all():
            continue
        spoilt = np.flatnonzero(~good.all(axis=1))
        count, size = int((~good[spoilt[0]]).sum()), good.shape[1]
        raise not_finite_outputs(
            f"what {name} gives for {images[spoilt[0]]} at the layer {layer!r} is not finite: {count:,} of {size:,} "
            "values are NaN or infinite",
            module,
            precision,
            every=len(spoilt) == len(images),
        )


def not_finite_outputs(wrong: str, module: nn.Module, precision: str, *, every: bool) -> BackboneError:
    """Return the error for values that are not finite, with what to do about it.

    Parameters
    ----------
    wrong : str
        What is not finite.
    module : nn.Module
    precision : str
        Of the forward pass.
    every : bool
        Whether it is so for every image of a batch.
    """
    weights = [*module.named_parameters(), *((n, b) for n, b in module.named_buffers() if "running_" in n)]
    spoilt = next((n for n, tensor in weights if tensor.is_floating_point() and not tensor.isfinite().all()), None)
    kinds = {str(tensor.dtype).removeprefix("torch.") for _, tensor in weights if tensor.is_floating_point()}
    if spoilt is not None:
        return BackboneError(
            f"{wrong}, and so are some of its weights, in {spoilt!r}", "Load weights from before the training diverged."
        )
    if precision != "float32":
        return BackboneError(f"{wrong} in {precision}", "Choose precision='float32' (--precision float32).")
    if kinds & {"float16", "bfloat16"}:
        return BackboneError(f"{wrong} in {', '.join(sorted(kinds))}", "Pass module.float().")
    if every:
        return BackboneError(
            wrong, "Look for the layer where it begins, by layer='...'; its weights may be too large, or not trained."
        )
    return BackboneError(wrong, "Leave this image out, or keep the network from dividing by zero for it.")
