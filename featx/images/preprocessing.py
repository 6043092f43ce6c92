"""Preprocessing: resize, crop and normalise RGB pixels as a network's weights require (its input transforms)."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..choices import Resize
from ..constraints import RESIZE, plain
from ..exceptions import ParameterError
from .resizing import center_cropped, resized

if TYPE_CHECKING:
    import torch

    from .augmentation import Augmentation

__all__ = ["IMAGENET", "Preprocessing"]

# A longer image is cut to what the central crop can see before it is resized: scaling a strip of 1 x 10,000 pixels to
# a short side of 256 would make two and a half million columns.
LARGEST_ASPECT = 8
# The most pixels of a network's input: as many as Pillow allows an image.
MOST_PIXELS = 89_478_485


@dataclass(frozen=True)
class Preprocessing:
    """Resizing, cropping and normalisation as the weights require.

    Parameters
    ----------
    crop : int
        Side of the square that the network sees, in pixels.
    resize : int
        Length of the shorter side before the central crop, in pixels.
    interpolation : {"bilinear", "bicubic"}
        Always with antialiasing.
    mean, std : tuple of 3 floats
        Of each channel, on a scale from 0 to 1.
    mode : {"crop", "squash"}, default="crop"
        "crop" keeps the aspect ratio and cuts out the central square; "squash" resizes the whole image to the square,
        so that nothing is cut off.
    augmentation : Augmentation, default=None
        Random changes between the resize and the central crop.
    seed : int, default=0
        Seed of the augmentation.
    draw : int, default=0
        Number of the augmented copy; 0 is the image itself, which is never augmented.
    """

    crop: int
    resize: int
    interpolation: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    mode: Resize = "crop"
    augmentation: Augmentation | None = None
    seed: int = 0
    draw: int = 0

    @property
    def text(self) -> str:
        """The canonical text for the spec."""
        scale = f"mean={_numbers(self.mean)};std={_numbers(self.std)}"
        resize = f"resize={self.resize};" if self.mode == "crop" else ""
        plain = f"mode={self.mode};{resize}crop={self.crop};{self.interpolation};antialias;{scale}"
        if self.augmentation is None or not self.draw:
            return plain
        # The key of cached rows says "view", which rows of earlier versions have.
        return f"{plain};augment={self.augmentation.text};seed={self.seed};view={self.draw}"

    @classmethod
    def from_preset(cls, preset: Any) -> Preprocessing:
        """Return the preprocessing of torchvision's ``weights.transforms()``."""
        return cls(
            crop=preset.crop_size[0],
            resize=preset.resize_size[0],
            interpolation=preset.interpolation.value,
            mean=tuple(preset.mean),
            std=tuple(preset.std),
        )

    def adapted(self, image_size: int | None, mode: Resize) -> Preprocessing:
        """Return the same for another input size and mode; the ratio of resize to crop is kept.

        Raises
        ------
        ParameterError
        """
        RESIZE.check("resize", mode)
        mode = plain(mode)
        if image_size is None:
            return dataclasses.replace(self, mode=mode)
        whole = isinstance(image_size, int | np.integer) and not isinstance(image_size, bool)
        if not whole or image_size < 1:
            raise ParameterError(f"got image_size={image_size!r}; expected a positive integer (pixels)")
        if int(image_size) ** 2 > MOST_PIXELS:
            raise ParameterError(f"got image_size={image_size}; expected at most {math.isqrt(MOST_PIXELS)} (pixels)")
        resize = round(int(image_size) * self.resize / self.crop)
        return dataclasses.replace(self, crop=int(image_size), resize=resize, mode=mode)

    def with_draw(self, augmentation: Augmentation | None, *, seed: int, draw: int) -> Preprocessing:
        """Return the same with one augmented copy of each image, or without augmentation for draw 0 or None.

        Parameters
        ----------
        augmentation : Augmentation or None
        seed : int
            Not negative. Another seed gives other draws.
        draw : int
            Not negative.
        """
        if augmentation is None or not draw:
            return dataclasses.replace(self, augmentation=None, seed=0, draw=0)
        return dataclasses.replace(self, augmentation=augmentation, seed=int(seed), draw=int(draw))

    def apply(self, pixels: np.ndarray, *, key: bytes = b"") -> torch.Tensor:
        """Resize, augment and crop one image.

        Parameters
        ----------
        pixels : ndarray of uint8, shape (height, width, 3)
        key : bytes, default=b""
            The image's digest, so that its draws are the same whatever its name or place in a batch.

        Returns
        -------
        Tensor of uint8, shape (3, crop, crop)
        """
        import torch

        if self.mode == "crop":
            pixels = self._cut(pixels)
        image = torch.from_numpy(np.require(pixels, requirements=["C", "W"])).permute(2, 0, 1)
        image = resized(image, self.resize if self.mode == "crop" else (self.crop, self.crop), self.interpolation)
        if self.augmentation is not None and self.draw:
            drawn = hashlib.sha256(key + f";seed={self.seed};view={self.draw}".encode()).digest()
            image = self.augmentation.apply(image, seed=int.from_bytes(drawn), size=self.crop)
        return center_cropped(image, self.crop)

    def normalise(self, batch: torch.Tensor) -> torch.Tensor:
        """Return uint8 (n, 3, h, w) as normalised float32 on the same device, channels last."""
        import torch

        n, channels, height, width = batch.shape
        # Values that are copied to a GPU, as those of torch.tensor, would have to wait for all that it computes.
        mean, std = (
            255 * torch.cat([torch.full((1,), value, device=batch.device) for value in values])
            for values in (self.mean, self.std)
        )
        # Whole lines at a time: torch has no fast path for the three values of a pixel.
        lines = batch.permute(0, 2, 3, 1).reshape(n, height, width * channels).float()
        lines.sub_(mean.repeat(width)).div_(std.repeat(width))
        return lines.view(n, height, width, channels).permute(0, 3, 1, 2)

    def _cut(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        short, long = min(height, width), max(height, width)
        if long <= LARGEST_ASPECT * short:
            return pixels
        keep = LARGEST_ASPECT * short
        start = (long - keep) // 2
        return pixels[:, start : start + keep] if width > height else pixels[start : start + keep]


IMAGENET = Preprocessing(
    crop=224, resize=256, interpolation="bilinear", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)


def _numbers(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:.6g}" for value in values)
