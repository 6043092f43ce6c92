"""Promised: an image is read once, and what is kept of it are its size, format, brightness, colour and hashes."""

import sys

import numpy as np
import pytest
from PIL import Image

from featx import MissingDependencyError, as_sources
from featx.audit.pictures import read_pictures, shrunk


def test_facts_of_files_and_arrays_and_the_reason_of_those_that_cannot_be_read(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    Image.fromarray(pixels[:, ::-1]).convert("L").save(tmp_path / "b.jpg")
    (tmp_path / "c.png").write_bytes(b"none")
    found = read_pictures(as_sources([*(str(tmp_path / name) for name in ("a.png", "b.jpg", "c.png")), pixels]))
    assert found.kinds.tolist() == ["PNG", "JPEG", "", "in memory"]
    assert found.modes.tolist() == ["RGB", "L", "", "RGB"]
    assert found.size.tolist() == [[60, 40], [60, 40], [0, 0], [60, 40]]
    assert found.file_bytes[0] == (tmp_path / "a.png").stat().st_size
    assert list(found.unreadable) == [2]
    assert found.colour[0] == pytest.approx(pixels.mean(axis=(0, 1)))
    assert found.thumbnails.shape == (4, 64, 64)
    # The mirror image of one is the other, up to JPEG.
    assert np.bitwise_count(found.hashes[0, 1] ^ found.hashes[1, 0]) <= 12
    assert found.take(np.array([3, 0])).kinds.tolist() == ["in memory", "PNG"]


def test_a_shrunk_image_has_no_more_detail_than_asked():
    stripes = np.repeat(np.tile([0, 255], 32)[None, :, None], 64, axis=0).repeat(3, axis=2).astype(np.uint8)
    assert shrunk(stripes, 64, 64).std() > 100
    assert shrunk(stripes, 16, 64).std() < 5


def test_without_imagehash_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(MissingDependencyError, match=r"featx\[audit\]"):
        read_pictures(as_sources([np.zeros((8, 8, 3), np.uint8)]))
