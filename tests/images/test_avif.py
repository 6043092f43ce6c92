"""The frames of an AVIF are measured before they are decoded, whatever its header and boxes claim."""

import contextlib
import struct
import time

import numpy as np
import pytest
from PIL import AvifImagePlugin

from encoded_images import (
    PHOTO,
    claiming,
    encode,
    of_mode,
    write,
    write_all,
)
from featx.exceptions import ImageDecodeError
from featx.images.avif import frame_sizes
from featx.images.limits import Refused
from featx.images.sources import read_image

# Pillow warns of damaged metadata; the images are what counts here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def test_an_avif_whose_frame_is_larger_than_its_header_says_is_refused_undecoded(tmp_path, monkeypatch):
    lying = {mode: claiming(encode(of_mode(mode)[0], "avif", speed=10), 8, 8) for mode in ("RGB", "RGBA", "L")}
    frames = {"save_all": True, "append_images": [PHOTO.rotate(90)] * 3}
    lying["sequence"] = claiming(encode(PHOTO, "avif", speed=10, **frames), 8, 8)
    paths = write_all(tmp_path / "lying", {f"{name}.avif": data for name, data in lying.items()})
    for path in paths:
        assert read_image(path).shape == (8, 8, 3)
    monkeypatch.setattr(AvifImagePlugin.AvifImageFile, "load", lambda self: pytest.fail("the bomb was decoded"))
    for path in paths:
        with pytest.raises(ImageDecodeError, match="64 x 48 pixels exceed the limit of 3,000"):
            read_image(path, max_pixels=3_000)


def boxes(*contents):
    return b"".join(struct.pack(">I4s", len(content) + 8, kind) + content for kind, content in contents)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(9999),
        boxes((b"meta", bytes(4) + boxes((b"iloc", b"\0\0\0\0\0\0\xff\xff" + bytes(4 * 65535))))),
        # Extents that all are the whole file
        boxes((b"meta", bytes(4) + boxes((b"iloc", bytes(6) + b"\0\1" + bytes(4) + b"\xff\xff")))) + bytes(1 << 20),
        boxes((b"moov", boxes((b"stco", b"\0\0\0\0\0\0\0\1\0\0\0\0")))) + b"\x12\0" * 500_000,
        boxes(*[(b"free", b"")] * 200_000),
        boxes((b"moov", boxes((b"stco", bytes(4))))),
        boxes((b"moov", boxes((b"co64", b"\0\0\0\0\0\0\0\1" + b"\xff" * 8)))),
    ],
)
def test_boxes_that_say_anything_are_looked_through_in_bounded_time(data):
    began = time.process_time()
    with pytest.raises(Refused, match="a damaged AVIF"):
        frame_sizes(data)
    assert time.process_time() - began < 5


@pytest.mark.parametrize("n_bytes", range(0, 1024, 16))
def test_an_avif_damaged_anywhere_is_refused_or_read(tmp_path, n_bytes):
    data = bytearray(encode(PHOTO.resize((16, 12)), "avif", speed=10))
    data[n_bytes % len(data)] ^= 0xFF
    path = write(tmp_path, "a.avif", bytes(data))
    with contextlib.suppress(ImageDecodeError):
        assert read_image(path).dtype == np.uint8
