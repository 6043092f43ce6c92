"""Errors of forward passes: a network fails on images, or its outputs are NaN or infinite."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..exceptions import BackboneError
from .device import out_of_memory
from .pooling import View

if TYPE_CHECKING:
    from torch import nn

__all__ = ["forward_error", "not_finite_outputs", "require_finite"]

# In messages of torch and of networks about images that are too small or too large.
ABOUT_SIZES = re.compile(
    r"kernel size|output size|input size|too small|image size|input image|height|width|resolution"
    r"|shapes? cannot be mult|must match the size|size of tensor|shape '|padding size|pixels|mat1|normalized_shape",
    re.IGNORECASE,
)
ABOUT_CHANNELS = re.compile(r"expected input\[.*\] to have (\d+) channels?, but got 3")
# In bfloat16, whose bits are kept as int16: the exponent of NaN and infinity.
EXPONENT = 0x7F80
OTHER_SIZES = (224, 299, 384, 64, 32)


def forward_error(name: str, module: nn.Module, side: int, error: Exception, *, is_custom: bool) -> BackboneError:
    """Return the error for a network that fails on images.

    Parameters
    ----------
    name : str
        The network's.
    module : nn.Module
    side : int
        Of the images, in pixels.
    error : Exception
        What it raised.
    is_custom : bool
        Whether it is a module of the user, which may fail for any reason.
    """
    # Messages of the libraries say what is wrong. That of a KeyError is only a key.
    kind, text = type(error).__name__, str(error).strip().rstrip(".")
    text = text if isinstance(error, RuntimeError | AssertionError) and text else f"{kind}: {text}" if text else kind
    said = f"{name} fails on images of {side} x {side} pixels: {text}"
    return BackboneError(said, _step(module, side, error, is_custom=is_custom))


def _step(module: nn.Module, side: int, error: Exception, *, is_custom: bool) -> str:
    if not is_custom:
        return "Leave image_size at its default, or choose one that the network takes."
    kinds = {str(p.dtype).removeprefix("torch.") for p in module.parameters() if p.is_floating_point()}
    if len(kinds) > 1 and "type" in str(error):
        others = ", ".join(sorted(kinds - {"float32"}))
        return f"It has parameters of {others}, and the images are of float32: pass module.float()."
    if out_of_memory(error) or "can't allocate memory" in str(error):
        return "It needs more memory than there is: choose a smaller image_size or batch_size, or another network."
    if found := ABOUT_CHANNELS.search(str(error)):
        some = "1 channel" if found[1] == "1" else f"{found[1]} channels"
        return f"Images have 3 channels, and it takes {some}: wrap it in a module whose forward converts them."
    if "on the same device" in str(error):
        return "Make tensors that its forward uses buffers, which move with it: self.register_buffer(NAME, tensor)."
    if "meta tensor" in str(error):
        return "Keep the module from moving tensors to the meta device, or choose another layer."
    if _takes(module, side):
        return f"module.eval()(torch.rand(2, 3, {side}, {side})) does not fail: choose another layer."
    other = next((size for size in OTHER_SIZES if size != side and _takes(module, size)), None)
    if other is not None:
        default = ", which is the default" if other == OTHER_SIZES[0] else ""
        return f"It takes images of {other} x {other} pixels: choose image_size={other}{default}."
    if ABOUT_SIZES.search(str(error)):
        return "Choose an image_size that it takes, and a module that takes batches of images (n, 3, h, w)."
    return f"The error is raised in its own code; module.eval()(torch.rand(2, 3, {side}, {side})) shows where."


def _takes(module: nn.Module, side: int) -> bool:
    """Tell whether a module accepts images of that size."""
    import torch

    from ..torch_modules.copies import light_copy
    from ..torch_modules.seeds import seeded

    place = next((t.device for t in (*module.parameters(), *module.buffers())), torch.device("cpu"))
    if place.type == "meta":
        return False
    try:
        with torch.inference_mode(), seeded(0, place):
            light_copy(module)(torch.zeros((2, 3, side, side), device=place))
    except Exception:  # it is the user's code
        return False
    return True


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
        As `Backbone.embed` returns them.
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
        Whether this holds for every image of a batch.
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
