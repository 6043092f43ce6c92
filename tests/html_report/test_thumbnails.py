"""Promised: thumbnails are small, turned as their EXIF says, and end where the budget does."""

import base64
import io

import numpy as np
from PIL import Image

from featx.html_report.thumbnails import SIDE, make_thumbnails
from featx.images.sources import as_sources


def opened(text):
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_large_images_are_scaled_and_turned_small_ones_kept(tmp_path):
    image = Image.new("RGB", (400, 200), "red")
    exif = image.getexif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.jpg", exif=exif)
    small = np.arange(64, dtype=np.uint8).reshape(8, 8) * 4
    found = make_thumbnails(as_sources([str(tmp_path / "turned.jpg"), small]), [0, 1], budget=10**6)
    assert opened(found[0]).size == (SIDE // 2, SIDE)
    assert (np.asarray(opened(found[1])) == small).all()


def test_the_budget_ends_them_and_what_cannot_be_read_is_left_out(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"no image")
    images = [
        np.zeros((8, 8), np.uint8),
        str(tmp_path / "bad.jpg"),
        None,
        "https://example.org/a.png",
        np.ones((8, 8), np.uint8),
    ]
    sources = as_sources(images)
    assert list(make_thumbnails(sources, [4, 3, 2, 1, 0], budget=10**6)) == [4, 0]
    one = len(make_thumbnails(sources, [4], budget=10**6)[4])
    assert list(make_thumbnails(sources, [4, 1, 0], budget=one + 20)) == [4]
