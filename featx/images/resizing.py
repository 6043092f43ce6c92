"""Resize an image and cut out its centre, to the bit as torchvision's transforms do, without loading torchvision.

Loading torchvision takes as long as loading torch, since it loads torch's compiler (`torch._dynamo`) for its detection
networks.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["center_cropped", "resized"]


def resized(image: Tensor, size: int | tuple[int, int], interpolation: str) -> Tensor:
    """Return an image in another size, with antialiasing: `torchvision.transforms.v2.functional.resize`.

    Parameters
    ----------
    image : Tensor of uint8, shape (3, h, w)
    size : int or (int, int)
        The length of the shorter side, or height and width.
    interpolation : {"bilinear", "bicubic"}

    Returns
    -------
    Tensor of uint8
    """
    import torch

    height, width = image.shape[1:]
    if isinstance(size, int):
        shorter, longer = size, int(size * max(height, width) / min(height, width))
        target = (longer, shorter) if width <= height else (shorter, longer)
    else:
        target = size
    if target == (height, width):
        return image
    batch = image[None]
    if batch.is_contiguous(memory_format=torch.channels_last):
        # torch takes a batch of one image for contiguous unless its stride says that channels come last, and would
        # copy it (https://github.com/pytorch/pytorch/issues/68430).
        batch = batch.as_strided(batch.shape, (image.numel(), *batch.stride()[1:]))
    whole = interpolation == "bicubic" or _has_bilinear_kernel()
    found = torch.nn.functional.interpolate(
        batch if whole else batch.float(), target, mode=interpolation, align_corners=False, antialias=True
    )[0]
    return found if whole else found.round_().to(torch.uint8)


def _has_bilinear_kernel() -> bool:
    """Tell whether torch resizes whole numbers bilinearly without a detour through float32, as torchvision decides."""
    import torch

    return torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512") or platform.machine() in ("aarch64", "arm64")


def center_cropped(image: Tensor, side: int) -> Tensor:
    """Return the central square, padded with black: `torchvision.transforms.v2.functional.center_crop`.

    Parameters
    ----------
    image : Tensor, shape (3, h, w)
    side : int

    Returns
    -------
    Tensor, shape (3, side, side)
    """
    import torch

    height, width = image.shape[1:]
    if side > height or side > width:
        wide, high = max(side - width, 0), max(side - height, 0)
        image = torch.nn.functional.pad(image, (wide // 2, (wide + 1) // 2, high // 2, (high + 1) // 2))
        height, width = image.shape[1:]
    top, left = round((height - side) / 2), round((width - side) / 2)
    return image[:, top : top + side, left : left + side]
