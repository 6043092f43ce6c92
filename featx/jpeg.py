"""An opened JPEG and its bytes go in; RGB pixels come out, by torchvision's decoder where it gives what Pillow's would.

Both are libjpeg-turbo with the same settings, but Pillow copies an image twice on its way to an array, one thread at a
time.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["decode_jpeg"]

# The tag of EXIF that says how the image is to be turned.
ORIENTATION = 0x0112
# torchvision's number of that mode.
RGB = 3


def decode_jpeg(image: Image.Image, data: bytes) -> np.ndarray | None:
    """Return uint8 (h, w, 3), or None where it is left to Pillow.

    Parameters
    ----------
    image : PIL.Image.Image
        Opened, so that its size is known and can be refused before; not loaded.
    data : bytes
        Of the same file.
    """
    # Whoever reads an image or two without a network need not wait for torch.
    if "torchvision.io" not in sys.modules or image.format != "JPEG" or image.mode not in ("RGB", "L"):
        return None
    if image.getexif().get(ORIENTATION, 1) != 1:
        return None
    torch: Any = sys.modules["torch"]
    try:
        # The operation takes bytes that could be written to, though it never does. Its wrapper is to go one day.
        pixels = torch.ops.image.decode_jpeg(torch.frombuffer(bytearray(data), dtype=torch.uint8), RGB, False)
    except (RuntimeError, AttributeError):
        # Pillow says what is wrong, or decodes what this decoder does not know or no longer offers.
        return None
    return np.asarray(pixels.permute(1, 2, 0))
