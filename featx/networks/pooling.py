"""Pooling: reduce a layer's output to one vector for each image."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_args

from ..choices import Pooling, ResolvedPooling
from ..constraints import one_of
from ..exceptions import LayerError, ParameterError

if TYPE_CHECKING:
    import torch

__all__ = ["MAPS", "POOLINGS", "Float16RangeError", "View", "check_pooling", "pool", "whole_map"]

POOLINGS: tuple[str, ...] = get_args(ResolvedPooling)
GEM_POWER = 3.0
# Every value of a layer's output in half precision, for the boundary below the layers that are trained.
MAPS = ("map:float16", "map:bfloat16")


class View(NamedTuple):
    """What is computed of an image by a network: a layer, and how its output becomes one vector."""

    layer: str
    pooling: str


class Float16RangeError(LayerError):
    """A value of a layer's output is beyond the range of float16."""


def check_pooling(pooling: str) -> None:
    """Raise ParameterError unless a pooling has that name, or it is "auto"."""
    one_of(*get_args(Pooling), next_step="'auto' is the network's own.").check("pooling", pooling)


def pool(output: torch.Tensor, pooling: str, *, channels_last: bool = False, prefix_tokens: int = 0) -> torch.Tensor:
    """Reduce a layer's output to vectors.

    Parameters
    ----------
    output : Tensor
        A feature map (n, c, h, w), or (n, h, w, c) with `channels_last`; tokens (n, t, c); or vectors (n, c), which
        are returned unchanged.
    pooling : {"avg", "max", "avgmax", "gem", "flatten", "cls"}
        Mean; maximum; both, one after the other (2 c features); generalised mean with power 3 (Radenovic et al.
        2018, arXiv 1711.02512, eq. 3); every value in channel, row, column order; the class token.
    channels_last : bool, default=False
    prefix_tokens : int, default=0
        Tokens before the patches, of which the class token is the first; only "cls" and "flatten" use them.

    Returns
    -------
    Tensor of float32, shape (n, d)

    Raises
    ------
    LayerError
        If the output cannot be pooled that way.
    ParameterError
        If there is no such pooling.
    """
    import torch

    if pooling not in POOLINGS:
        raise ParameterError(f"got pooling={pooling!r}; expected one of {', '.join(POOLINGS)}")
    output = output.to_dense()
    if output.ndim == 4:
        maps = output.permute(0, 3, 1, 2) if channels_last else output
        values = maps.flatten(2)
    elif output.ndim == 3:
        values = output.transpose(1, 2)
    elif output.ndim == 2:
        return output.float()
    else:
        raise LayerError(
            f"the layer gives a tensor of shape {tuple(output.shape)}, which is not a feature map",
            "Choose a layer whose output is (n, c, h, w), (n, tokens, c) or (n, c).",
        )
    if pooling == "cls":
        if output.ndim != 3 or prefix_tokens == 0:
            raise LayerError("got pooling='cls'; this layer has no class token", "Choose pooling='avg'.")
        return output[:, 0].float()
    if pooling == "flatten":
        return values.flatten(1).float()
    values = (values[:, :, prefix_tokens:] if output.ndim == 3 else values).float()
    if pooling == "avg":
        return values.mean(2)
    if pooling == "max":
        return values.amax(2)
    if pooling == "gem":
        return values.clamp(min=1e-6).pow(GEM_POWER).mean(2).pow(1 / GEM_POWER)
    return torch.cat([values.mean(2), values.amax(2)], dim=1)


def whole_map(output: torch.Tensor, kind: str) -> torch.Tensor:
    """Return every value of a layer's output in half precision.

    Parameters
    ----------
    output : Tensor, shape (n, ...)
    kind : {"map:float16", "map:bfloat16"}

    Returns
    -------
    Tensor of float16, or of int16 that holds the bits of bfloat16 (which numpy lacks), shape (n, d)

    Raises
    ------
    Float16RangeError
    """
    import torch

    flat = output.flatten(1)
    if kind == "map:bfloat16":
        return flat.to(torch.bfloat16).view(torch.int16)
    half = flat.to(torch.float16)
    if bool(torch.isinf(half).any()) and bool(torch.isfinite(flat).all()):
        most = float(flat.abs().max())
        raise Float16RangeError(f"the layer has values up to {most:.3g}, beyond the range of float16")
    return half
