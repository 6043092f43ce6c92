"""Data augmentation: change an image at random, reproducibly by a seed, so that training sees variants of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exceptions import ParameterError, nearest
from .transforms import LARGEST_MAGNITUDE, OPERATIONS, adjust_contrast, randaugment_operation, rotate

if TYPE_CHECKING:
    import torch

__all__ = ["PRESETS", "Augmentation", "resolve_augmentation"]

ASPECT = (3 / 4, 4 / 3)
CROP_ATTEMPTS = 10
# The largest value that each field takes; the smallest is zero.
LIMITS = {
    "rotation": 180.0,
    "shift": 1.0,
    "brightness": math.inf,
    "contrast": math.inf,
    "saturation": math.inf,
    "hue": 0.5,
    "randaugment": math.inf,
    "magnitude": LARGEST_MAGNITUDE,
}
FLAGS = ("quarter_turns", "horizontal_flip", "vertical_flip")
COUNTS = ("randaugment", "magnitude")


def _check_number(name: str, value: Any, limit: float) -> None:
    kinds = (int, np.integer) if name in COUNTS else Real
    good = isinstance(value, kinds) and not isinstance(value, bool | np.bool_)
    if good and math.isfinite(value) and 0 <= value <= limit:
        return
    what = "an integer" if name in COUNTS else "a number"
    between = f"between 0 and {limit:g}" if math.isfinite(limit) else "that is not negative"
    raise ParameterError(f"got {name}={value!r}; expected {what} {between}", f"0 leaves out {name}.")


def _checked_scale(value: Any) -> tuple[float, float]:
    if isinstance(value, tuple | list) and len(value) == 2:
        numbers = all(isinstance(v, Real) and not isinstance(v, bool) for v in value)
        if numbers and 0 < value[0] <= value[1] <= 1:
            return float(value[0]), float(value[1])
    raise ParameterError(
        f"got crop_scale={value!r}; expected (low, high) with 0 < low <= high <= 1", "(0.5, 1.0) is a mild choice."
    )


@dataclass(frozen=True)
class Augmentation:
    """Random changes of an image that leave its class as it is, for training.

    They are made in this order: crop, quarter turns, flips, rotation and shift (in one resampling), colours,
    RandAugment. Resampling is bilinear. Pixels from outside the image repeat its edge pixels, as with Keras'
    ``fill_mode="nearest"``: no colour has to be chosen, and shifts of any length work.

    Parameters
    ----------
    rotation : float, default=0.0
        The angle is drawn uniformly from -rotation to rotation; degrees, at most 180.
    quarter_turns : bool, default=False
        Turn by 0, 90, 180 or 270 degrees; an image that is not square by 0 or 180, so that it keeps its shape.
    shift : float, default=0.0
        The distance along either axis is drawn uniformly from -shift to shift: a fraction of the shorter side, because
        that is what the central crop sees of a long image; at most 1.
    crop_scale : (low, high), default=None
        Cut a random rectangle and resize it to a square: its share of the area is drawn uniformly between these
        fractions, its aspect ratio from 3/4 to 4/3 on a logarithmic scale (Szegedy et al. 2015, arXiv 1409.4842,
        sec. 6; after ten rectangles that do not fit, the largest central one that does, as in torchvision's
        ``RandomResizedCrop``).
    horizontal_flip, vertical_flip : bool, default=False
        Each with probability 1/2.
    brightness, contrast, saturation : float, default=0.0
        The factor is drawn uniformly from ``max(0, 1 - value)`` to ``1 + value``, as in torchvision's ``ColorJitter``.
    hue : float, default=0.0
        The rotation of the colour circle is drawn uniformly from -hue to hue, at most 0.5; 1 would be a full turn. The
        four changes of colour are made in random order.
    randaugment : int, default=0
        How many of RandAugment's 14 operations are drawn and applied (Cubuk et al. 2019, arXiv 1909.13719, sec. 3).
    magnitude : int, default=9
        Magnitude of these operations, from 0 to 30 on torchvision's scale. Lengths are fractions of the shorter side,
        and shears are about the centre, so that the central crop of a long image keeps what it sees.

    Raises
    ------
    ParameterError
        If a field holds a value that it does not accept.
    """

    # Saved models name this place, wherever the module is.
    __module__ = "featx"

    rotation: float = 0.0
    quarter_turns: bool = False
    shift: float = 0.0
    crop_scale: tuple[float, float] | None = None
    horizontal_flip: bool = False
    vertical_flip: bool = False
    brightness: float = 0.0
    contrast: float = 0.0
    saturation: float = 0.0
    hue: float = 0.0
    randaugment: int = 0
    magnitude: int = 9

    def __post_init__(self) -> None:
        for name in FLAGS:
            if not isinstance(getattr(self, name), bool | np.bool_):
                raise ParameterError(
                    f"got {name}={getattr(self, name)!r}; expected True or False", f"False leaves out {name}."
                )
        for name, limit in LIMITS.items():
            _check_number(name, getattr(self, name), limit)
        if self.crop_scale is not None:
            object.__setattr__(self, "crop_scale", _checked_scale(self.crop_scale))

    @property
    def text(self) -> str:
        """The canonical text for the spec: equal for two augmentations that do the same, empty for no change."""
        changes = []
        for name, value in vars(self).items():
            if self.randaugment if name == "magnitude" else value:
                numbers = value if isinstance(value, tuple | list) else [value]
                changes.append(f"{name}={':'.join(repr(float(v)).removesuffix('.0') for v in numbers)}")
        return ",".join(changes)

    def apply(self, image: torch.Tensor, *, seed: int, size: int) -> torch.Tensor:
        """Change one image at random.

        Everything is drawn from a generator of this call, so that a seed gives the same bytes in any thread.

        Parameters
        ----------
        image : Tensor of uint8, shape (3, h, w)
            After the resize of the preprocessing and before its central crop. It is not modified.
        seed : int
            Not negative, of any length.
        size : int
            Side of the square that `crop_scale` makes, in pixels.

        Returns
        -------
        Tensor of uint8, shape (3, size, size) with `crop_scale`, else (3, h, w)
            Contiguous.
        """
        from torchvision.transforms.v2 import functional as F

        rng = np.random.default_rng(seed)
        if self.crop_scale is not None:
            image = _random_resized_crop(image, self.crop_scale, size, rng)
        if self.quarter_turns:
            turns = int(rng.integers(4)) if image.shape[1] == image.shape[2] else 2 * int(rng.integers(2))
            image = image.rot90(turns, (1, 2))
        if self.horizontal_flip and rng.random() < 0.5:
            image = F.horizontal_flip(image)
        if self.vertical_flip and rng.random() < 0.5:
            image = F.vertical_flip(image)
        if self.rotation or self.shift:
            angle, right, down = (float(share) for share in rng.uniform(-1, 1, 3))
            reach = self.shift * min(image.shape[1:])
            image = rotate(image, angle=angle * self.rotation, right=right * reach, down=down * reach)
        image = self._jitter(image, rng)
        for _ in range(self.randaugment):
            operation = OPERATIONS[rng.integers(len(OPERATIONS))]
            sign = -1 if rng.random() < 0.5 else 1
            image = randaugment_operation(image, operation, magnitude=self.magnitude, sign=sign)
        return image.contiguous()

    def _jitter(self, image: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        from torchvision.transforms.v2 import functional as F

        changes = {
            "brightness": F.adjust_brightness,
            "contrast": adjust_contrast,
            "saturation": F.adjust_saturation,
            "hue": F.adjust_hue,
        }
        names = [name for name in changes if getattr(self, name)]
        for number in rng.permutation(len(names)):
            name = names[number]
            reach = getattr(self, name)
            low, high = (-reach, reach) if name == "hue" else (max(0.0, 1 - reach), 1 + reach)
            image = changes[name](image, float(rng.uniform(low, high)))
        return image


PRESETS: dict[str, Augmentation | None] = {
    "none": None,
    # Safe for any image, digits and text included: no mirroring, no large rotation, no change of hue.
    "light": Augmentation(rotation=5.0, shift=0.05, brightness=0.1, contrast=0.1),
    "flips": Augmentation(horizontal_flip=True, vertical_flip=True),
    "keras": Augmentation(rotation=20.0, shift=0.2, horizontal_flip=True),
    "dihedral": Augmentation(quarter_turns=True, horizontal_flip=True, vertical_flip=True),
    "crops": Augmentation(crop_scale=(0.5, 1.0), horizontal_flip=True),
    "randaugment": Augmentation(horizontal_flip=True, randaugment=2, magnitude=9),
}


def resolve_augmentation(value: str | Augmentation | None) -> Augmentation | None:
    """Return the augmentation of a name, or the one that is passed.

    Parameters
    ----------
    value : str, Augmentation or None
        A name in `PRESETS`; "dihedral" stands for the eight symmetries of the square.

    Returns
    -------
    Augmentation or None
        None if nothing would be changed.

    Raises
    ------
    ParameterError
        If there is no such name.
    """
    if isinstance(value, str):
        if value not in PRESETS:
            hint = nearest(value, PRESETS) or "An Augmentation(...) of your own is accepted too."
            raise ParameterError(f"got augmentation={value!r}; expected one of {', '.join(PRESETS)}", hint)
        return PRESETS[value]
    if value is None:
        return None
    if not isinstance(value, Augmentation):
        raise ParameterError(
            f"got augmentation={value!r}; expected a name, an Augmentation or None",
            f"Names are {', '.join(PRESETS)}.",
        )
    return value if value.text else None


def _random_resized_crop(
    image: torch.Tensor, scale: tuple[float, float], size: int, rng: np.random.Generator
) -> torch.Tensor:
    from torchvision.transforms.v2 import functional as F

    top, left, height, width = _random_box(image.shape[1], image.shape[2], scale, rng)
    return F.resized_crop(image, top, left, height, width, [size, size], antialias=True)


def _random_box(
    height: int, width: int, scale: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Return top, left, height and width of a rectangle within the image."""
    for _ in range(CROP_ATTEMPTS):
        area = height * width * rng.uniform(*scale)
        aspect = math.exp(rng.uniform(*np.log(ASPECT)))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1)), h, w
    w = min(width, max(1, round(height * ASPECT[1])))
    h = min(height, max(1, round(width / ASPECT[0])))
    return (height - h) // 2, (width - w) // 2, h, w
