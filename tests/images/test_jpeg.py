"""torchvision's decoder gives what Pillow's gives, for sound and for damaged files, or is not used."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
import torchvision.io  # noqa: F401
from PIL import Image

from featx.exceptions import ImageDecodeError
from featx.images import decoding
from featx.images.decoding import decode_jpeg
from featx.images.sources import as_sources

KINDS = [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 2, "quality": 30}, {"optimize": True}]


def _jpeg(photos: dict[str, str], mode: str, options: dict[str, object]) -> bytes:
    file = io.BytesIO()
    Image.open(photos["chelsea"]).resize((200, 133)).convert(mode).save(file, "JPEG", **options)
    return file.getvalue()


def _pixels(data: bytes, tmp_path, monkeypatch: pytest.MonkeyPatch, *, by_pillow: bool) -> np.ndarray | None:
    path = tmp_path / "image.jpg"
    path.write_bytes(data)
    with monkeypatch.context() as patch:
        if by_pillow:
            patch.setattr(decoding, "decode_jpeg", lambda image, data: None)
        try:
            return as_sources([str(path)])[0].load()[1]
        except ImageDecodeError:
            return None


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", KINDS)
def test_pixels_are_pillows(photos, tmp_path, monkeypatch, mode, options):
    sound = _jpeg(photos, mode, options)
    rng = np.random.default_rng(0)
    for number in range(20):
        data = bytearray(sound)
        if number:
            data[rng.integers(len(data))] = rng.integers(256)
        if number % 5 == 4:
            del data[rng.integers(len(data)) :]
        own, pillows = (_pixels(bytes(data), tmp_path, monkeypatch, by_pillow=p) for p in (False, True))
        assert (own is None) == (pillows is None)
        assert own is None or np.array_equal(own, pillows)


def test_what_needs_more_than_decoding_is_left_to_pillow(photos, monkeypatch):
    def decoded(data: bytes) -> np.ndarray | None:
        return decode_jpeg(Image.open(io.BytesIO(data)), data)

    assert decoded(_jpeg(photos, "RGB", {})) is not None
    assert decoded(_jpeg(photos, "L", {})).shape == (133, 200, 3)
    assert decoded(_jpeg(photos, "CMYK", {})) is None
    exif = Image.Exif()
    exif[0x0112] = 6
    assert decoded(_jpeg(photos, "RGB", {"exif": exif.tobytes()})) is None
    monkeypatch.setattr(torch.ops, "image", object())
    assert decoded(_jpeg(photos, "RGB", {})) is None
