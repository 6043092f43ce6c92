"""Promised: every container gives the same pixels in every mode, and a damaged file is refused or complete."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
import torch
import torchvision.io  # noqa: F401
from PIL import Image

from encoded_images import (
    CONTAINERS,
    FORMS,
    RGB,
    encoded,
    form,
    odd,
    of_mode,
    write,
)
from featx.exceptions import ImageDecodeError
from featx.images import decoding
from featx.images.decoding import decode_jpeg
from featx.images.sources import as_sources, read_image

# Pillow warns of damaged metadata; the images are what counts here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


@pytest.mark.parametrize(("suffix", "mode"), FORMS)
def test_every_container_gives_the_same_picture_in_every_mode(tmp_path, suffix, mode):
    pixels = read_image(write(tmp_path, f"a.{suffix}", form(suffix, mode))).astype(int)
    difference = np.abs(pixels - of_mode(mode)[1])
    tolerance = CONTAINERS[suffix][3]
    assert difference.mean() <= tolerance
    assert difference.max() <= 2 or tolerance > 1


def test_hostile_metadata_further_pages_and_wrong_names_cost_no_image(tmp_path):
    for name, data in odd().items():
        difference = np.abs(read_image(write(tmp_path, name, data)).astype(int) - RGB).mean()
        assert difference < (8 if "gif" in name else 3 if "jpeg" in name else 0.01), name


@pytest.mark.parametrize("suffix", [*CONTAINERS, "pages.tiff", "frames.gif", "frames.webp"])
def test_a_truncated_file_is_refused_or_complete(tmp_path, suffix):
    for data in [data for name, data in encoded().items() if name.partition(".")[2] == suffix or name == suffix]:
        refused_or_complete(tmp_path, data)


def refused_or_complete(tmp_path, data):
    whole = read_image(write(tmp_path, "whole", data))
    for length in np.linspace(0, len(data) - 1, 20).astype(int):
        path = write(tmp_path, "part", data[:length])
        with contextlib.suppress(ImageDecodeError):
            assert np.array_equal(read_image(path), whole), length


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
