"""Image transforms that augmentation is made of, with nothing random: rotate, shear, contrast, RandAugment's set."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["LARGEST_MAGNITUDE", "OPERATIONS", "adjust_contrast", "randaugment_operation", "rotate"]

LARGEST_MAGNITUDE = 30
OPERATIONS = (
    "identity",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
    "rotate",
    "brightness",
    "color",
    "contrast",
    "sharpness",
    "posterize",
    "solarize",
    "autocontrast",
    "equalize",
)


def randaugment_operation(image: torch.Tensor, operation: str, *, magnitude: int, sign: int) -> torch.Tensor:
    """Apply one operation of RandAugment with the magnitudes of torchvision's ``RandAugment``.

    Parameters
    ----------
    image : Tensor of uint8, shape (3, h, w)
    operation : str
        One of `OPERATIONS`.
    magnitude : int
        From 0 to 30.
    sign : {-1, 1}
        The direction, for the operations that have two.

    Returns
    -------
    Tensor of uint8, shape (3, h, w)
    """
    from torchvision.transforms.v2 import functional as F

    level = magnitude / LARGEST_MAGNITUDE
    shear = sign * 0.3 * level
    # Whole pixels, as in torchvision; AutoAugment moved images of 331 pixels by up to 150 (Cubuk et al. 2018).
    distance = sign * int(150 / 331 * min(image.shape[1:]) * level)
    factor = 1 + sign * 0.9 * level
    match operation:
        case "shear_x":
            return _warp(image, (1.0, shear), (0.0, 1.0))
        case "shear_y":
            return _warp(image, (1.0, 0.0), (shear, 1.0))
        case "translate_x":
            return rotate(image, right=distance)
        case "translate_y":
            return rotate(image, down=distance)
        case "rotate":
            return rotate(image, angle=sign * 30 * level)
        case "brightness":
            return F.adjust_brightness(image, factor)
        case "color":
            return F.adjust_saturation(image, factor)
        case "contrast":
            return adjust_contrast(image, factor)
        case "sharpness":
            return F.adjust_sharpness(image, factor)
        case "posterize":
            return F.posterize(image, round(8 - 4 * level))
        case "solarize":
            return F.solarize(image, 255 * (1 - level))
        case "autocontrast":
            return F.autocontrast(image)
        case "equalize":
            return F.equalize(image)
    return image


def rotate(image: torch.Tensor, *, angle: float = 0.0, right: float = 0.0, down: float = 0.0) -> torch.Tensor:
    """Turn an image about its centre, then move it, in one bilinear resampling; filled with its edge pixels.

    Parameters
    ----------
    image : Tensor of uint8, shape (3, h, w)
    angle : float, default=0.0
        Clockwise, in degrees.
    right, down : float, default=0.0
        In pixels.

    Returns
    -------
    Tensor of uint8, shape (3, h, w)
    """
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # The inverse: where each pixel of the result comes from.
    x, y = -(cos * right + sin * down), -(cos * down - sin * right)
    return _warp(image, (cos, sin), (-sin, cos), offset=(x, y))


def adjust_contrast(image: torch.Tensor, factor: float) -> torch.Tensor:
    """Scale values about the mean of the grey image by a factor, as torchvision's function of this name does.

    Parameters
    ----------
    image : Tensor of uint8, shape (3, h, w)
    factor : float
        Not negative; 0 returns a uniform grey and 1 the image.

    Returns
    -------
    Tensor of uint8, shape (3, h, w)
    """
    import torch
    from torchvision.transforms.v2 import functional as F

    # torchvision's mean is a float32 sum, which depends on the number of threads; this one is exact.
    mean = F.rgb_to_grayscale(image).double().mean().item()
    return image.mul(factor).add_((1 - factor) * mean).clamp_(0, 255).to(torch.uint8)


def _warp(
    image: torch.Tensor,
    x_from: tuple[float, float],
    y_from: tuple[float, float],
    *,
    offset: tuple[float, float] = (0.0, 0.0),
) -> torch.Tensor:
    """Take each pixel (x, y) from (x_from · (x, y), y_from · (x, y)) + offset, counted from the centre.

    torchvision's `affine` can only fill with a colour; padding with the edge first would make long images square.
    """
    import torch

    height, width = image.shape[1:]
    x = torch.arange(width) - (width - 1) / 2
    y = (torch.arange(height) - (height - 1) / 2)[:, None]
    columns = x_from[0] * x + x_from[1] * y + offset[0]
    rows = y_from[0] * x + y_from[1] * y + offset[1]
    grid = torch.stack([columns * (2 / width), rows * (2 / height)], dim=-1)[None]
    pixels = image[None].float()
    warped = torch.nn.functional.grid_sample(pixels, grid, "bilinear", padding_mode="border", align_corners=False)
    return warped[0].round_().to(torch.uint8)
