"""A PIL image or an array goes in, RGB uint8 pixels come out.

EXIF orientation is applied; palettes, grey, 16-bit and CMYK are converted; transparency is laid on white. Colour
profiles are not applied.
"""

from __future__ import annotations

import contextlib

import numpy as np
from PIL import Image, ImageOps

__all__ = ["Refused", "ValueRange", "array_to_rgb", "check_kind", "check_size", "pil_to_rgb"]

# What an integer or boolean array spans when nothing else is said; floats are expected between 0 and 1.
FULL_SCALE = {"u1": (0.0, 255.0), "u2": (0.0, 65535.0), "b1": (0.0, 1.0)}

ValueRange = tuple[float, float] | str | None


class Refused(Exception):
    """A reason, and perhaps a next step, that become an ImageDecodeError with the image's name."""


def check_size(image: Image.Image, max_pixels: int | None) -> None:
    """Refuse an image beyond the limit, or Pillow's own, before anything is decoded."""
    limit = max_pixels if max_pixels is not None else Image.MAX_IMAGE_PIXELS
    width, height = image.size
    if limit is not None and width * height > limit:
        raise Refused(
            f"{width} x {height} pixels exceed the limit of {limit:,}",
            "Shrink the image, or raise the limit (PIL.Image.MAX_IMAGE_PIXELS) if you trust it.",
        )


def pil_to_rgb(image: Image.Image, max_pixels: int | None) -> np.ndarray:
    """Return uint8 (h, w, 3); the pixel limit is checked before anything is decoded."""
    check_size(image, max_pixels)
    image.load()
    # EXIF that is none says nothing of the orientation: Pillow overlooks it in a JPEG and raises for a PNG or WebP.
    with contextlib.suppress(SyntaxError):
        image = ImageOps.exif_transpose(image)
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.array(image)
    if image.mode.startswith("I") or image.mode == "F":
        pixels = _high_depth_to_rgb(np.asarray(image))
        if isinstance(clear := image.info.get("transparency"), int):
            pixels[np.asarray(image) == clear] = 255
        return pixels
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return np.asarray(Image.alpha_composite(white, image).convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _high_depth_to_rgb(values: np.ndarray) -> np.ndarray:
    """Scale 16-bit grey to 8 bits, and floats by the smallest of the usual scales that holds them."""
    grey = values.astype(np.float64)
    if not np.isfinite(grey).all() or grey.min() < 0 or grey.max() > 65535:
        raise Refused(
            f"pixel values from {grey.min():g} to {grey.max():g} have no known scale",
            "Convert it to 8 or 16 bits, or pass an array with value_range=(low, high).",
        )
    if values.dtype.kind == "f":
        top = next(top for top in (1.0, 255.0, 65535.0) if grey.max() <= top)
    else:
        top = 65535.0
    # In place: an image of the largest size allowed takes 0.7 GB as float64.
    grey *= 255 / top
    return _grey_to_rgb(np.rint(grey, out=grey).astype(np.uint8))


def array_to_rgb(array: np.ndarray, value_range: ValueRange) -> np.ndarray:
    """Return uint8 (h, w, 3) of a grey, RGB or RGBA array."""
    if array.ndim == 3 and array.shape[2] not in (1, 3, 4) and array.shape[0] in (1, 3, 4):
        raise Refused(
            f"an array of shape {array.shape} has its channels first",
            "Pass (h, w, channels): x.transpose(1, 2, 0).",
        )
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or not array.size:
        raise Refused(f"an array of shape {array.shape} is no image; expected (h, w) or (h, w, 1, 3 or 4)")
    pixels = _to_uint8(check_kind(array), value_range)
    if pixels.ndim == 2 or pixels.shape[2] == 1:
        return _grey_to_rgb(pixels.reshape(pixels.shape[:2]))
    if pixels.shape[2] == 4:
        rgba = Image.fromarray(np.ascontiguousarray(pixels))
        return np.asarray(Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB"))
    return np.ascontiguousarray(pixels)


def check_kind(array: np.ndarray) -> np.ndarray:
    """Return the array if it holds numbers."""
    if array.dtype.kind not in "buif":
        raise Refused(f"an array of {array.dtype} is no image")
    return array


def _to_uint8(array: np.ndarray, value_range: ValueRange) -> np.ndarray:
    if array.dtype == np.uint8 and value_range is None:
        return array
    values = array.astype(np.float64)
    if not np.isfinite(values).all():
        raise Refused("contains NaN or infinity")
    if value_range is None:
        low, high = FULL_SCALE.get(array.dtype.str[1:], (0.0, 1.0))
    elif isinstance(value_range, str):
        low, high = values.min(), values.max()
        high = high if high > low else low + 1
    else:
        low, high = value_range
    if values.min() < low or values.max() > high:
        raise Refused(
            f"values from {values.min():g} to {values.max():g} lie outside {low:g} to {high:g}",
            "Say which values mean black and white: value_range=(low, high).",
        )
    values -= low
    values *= 255 / (high - low)
    return np.rint(values, out=values).astype(np.uint8)


def _grey_to_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[:, :, None], 3, axis=2)
