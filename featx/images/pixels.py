"""Convert PIL images and arrays to RGB uint8 pixels: grey, palette, CMYK, transparency, EXIF; 16 bits scaled to 8.

Transparent pixels are blended with white; colour profiles are not applied. The type or `value_range` says which values
mean black and white, never the image's own values, unless "minmax" asks for that: images of one data set would get
different scales.
"""

from __future__ import annotations

import contextlib
import math
from numbers import Real
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from ..exceptions import ParameterError
from .bit_depth import DTYPE_SCALES, WHITE_16_BIT, full_scale, is_deep_colour
from .limits import Refused, check_size

__all__ = ["ValueRange", "array_to_rgb", "check_numeric", "checked_value_range", "pil_to_rgb"]

# How far rounding may take a float beyond its range, as a fraction of the range; a grey level is 0.004 of it.
ROUNDING_SLACK = {"f2": 1e-3, "f4": 1e-5, "f8": 1e-5}

ValueRange = tuple[float, float] | str | None


def pil_to_rgb(
    image: Image.Image, max_pixels: int | None, value_range: ValueRange = None, *, white: int | None = None
) -> tuple[np.ndarray, int | None]:
    """Return uint8 (h, w, 3), and the largest value of an image that was read on the scale of 16 bits.

    The pixel limit is checked before anything is decoded. The value range is for more than 8 bits a channel; `white` is
    the value that means white, if it differs from that of the image's mode.
    """
    check_size(image, max_pixels)
    deep_colour, scale = is_deep_colour(image), full_scale(image) if white is None else (0.0, float(white))
    if deep_colour and value_range is not None and value_range != (0, WHITE_16_BIT):
        raise Refused(
            f"value_range={value_range!r} cannot be applied: 16-bit colour is read with 8 bits a channel",
            "Convert it to 8 bits, or pass an array of its values.",
        )
    image.load()
    # Malformed EXIF says nothing about the orientation: Pillow ignores it in a JPEG but raises for a PNG or WebP.
    with contextlib.suppress(SyntaxError):
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        pixels = _grey_to_rgb(_scaled(values, scale if value_range is None else value_range, f"mode {image.mode}"))
        peak = int(values.max()) if value_range is None and scale == (0.0, WHITE_16_BIT) else None
        if isinstance(clear := image.info.get("transparency"), int):
            pixels[values == clear] = 255
        return pixels, peak
    if white is not None:
        image = image.point([min(255, round(255 * value / white)) for value in range(256)] * len(image.getbands()))
    if image.mode == "RGB" and "transparency" not in image.info:
        pixels = np.array(image)
    elif image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        background = Image.new("RGBA", image.size, "white")
        pixels = np.asarray(Image.alpha_composite(background, image).convert("RGB"))
    else:
        pixels = np.asarray(image.convert("RGB"))
    return pixels, 256 * int(pixels.max()) + 255 if deep_colour else None


def array_to_rgb(array: np.ndarray, value_range: ValueRange) -> tuple[np.ndarray, int | None]:
    """Return uint8 (h, w, 3) of a grey, RGB or RGBA array, and the largest value if it was on the scale of 16 bits."""
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        raise Refused(
            f"an array of shape {array.shape} has its channels first",
            "Pass (h, w, channels): x.transpose(1, 2, 0), of a tensor x.permute(1, 2, 0).",
        )
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or not array.size:
        raise Refused(f"an array of shape {array.shape} is not an image; expected (h, w) or (h, w, 1, 3 or 4)")
    kind = check_numeric(array).dtype.str[1:]
    peak = int(np.atleast_3d(array)[..., :3].max()) if kind == "u2" and value_range is None else None
    if kind == "u1" and value_range is None:
        pixels = array
    else:
        pixels = _scaled(array, DTYPE_SCALES.get(kind) if value_range is None else value_range, str(array.dtype))
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return _grey_to_rgb(pixels.reshape(pixels.shape[:2])), peak
    if pixels.shape[2] == 4:
        rgba = Image.fromarray(np.ascontiguousarray(pixels))
        background = Image.new("RGBA", rgba.size, "white")
        return np.asarray(Image.alpha_composite(background, rgba).convert("RGB")), peak
    return np.ascontiguousarray(pixels), peak


def check_numeric(array: np.ndarray) -> np.ndarray:
    """Return the array if its type is one of numbers, else refuse it."""
    if array.dtype.kind in "buif":
        return array
    step = "Pass an array of numbers."
    if array.dtype.kind == "O" and all(isinstance(value, Real) for value in array.flat):
        step = "Convert it to numbers: x.astype(np.uint8) where 255 is white, x.astype(float) where 1 is."
    elif array.dtype.kind == "c":
        step = "Pass one real number for each value, such as np.abs(x)."
    raise Refused(f"an array of {array.dtype} is not an image", step)


def checked_value_range(value_range: Any) -> ValueRange:
    """Return a value range as two plain numbers in a tuple, "minmax" or None.

    Raises
    ------
    ParameterError
        If it is not a value range.
    """
    if value_range is None or (isinstance(value_range, str) and value_range == "minmax"):
        return value_range
    known = value_range.tolist() if isinstance(value_range, np.ndarray) else value_range
    if isinstance(known, tuple | list) and len(known) == 2:
        low, high = (v.item() if isinstance(v, np.generic) else v for v in known)
        if all(isinstance(v, Real) and math.isfinite(v) for v in (low, high)):
            if low < high:
                return low, high
            raise ParameterError(f"got value_range={value_range!r}; expected (low, high) with low below high")
    raise ParameterError(f"got value_range={value_range!r}; expected (low, high), 'minmax' or None")


def _scaled(array: np.ndarray, value_range: ValueRange, kind: str) -> np.ndarray:
    """Scale values to uint8, so that the range spans black to white; None means that the type has no scale."""
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        raise Refused("contains NaN or infinity", "Replace them, or say which values mean black: value_range.")
    least, most = values.min(), values.max()
    # As text of their own type: 1.00002, not 1.
    least_text, most_text = (str(array.dtype.type(value)).removesuffix(".0") for value in (least, most))
    span = f"values from {least_text} to {most_text}"
    step = "say which values mean black and white by value_range=(low, high)."
    if value_range is None:
        cast = " If 255 is white, pass x.astype(np.uint8)." if least >= 0 and 1 < most <= 255 else ""
        raise Refused(f"{span} of {kind} have no scale of their own", f"{step.capitalize()}{cast}")
    if isinstance(value_range, str):
        low, high = least, most
        high = high if high > low else low + 1
    else:
        low, high = value_range
        slack = ROUNDING_SLACK.get(array.dtype.str[1:], 0) * (high - low)
        if least < low - slack or most > high + slack:
            clip = f"Clip them, np.clip(x, {low:g}, {high:g}), or " if array.dtype.kind == "f" else ""
            raise Refused(f"{span} lie outside {low:g} to {high:g}", clip + (step if clip else step.capitalize()))
        if least < low or most > high:
            np.clip(values, low, high, out=values)
    # In place: an image of the largest size allowed takes 0.7 GB as float64.
    values -= low
    values *= 255 / (high - low)
    return np.rint(values, out=values).astype(np.uint8)


def _grey_to_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[:, :, None], 3, axis=2)
