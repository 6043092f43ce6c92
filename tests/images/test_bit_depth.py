"""Promised: the depth of a file and the value that it calls white are found, whatever the format."""

import numpy as np
import pytest
from PIL import Image

from featx import as_sources, read_image
from featx.exceptions import ImageDecodeError

LEFT, TOP = np.meshgrid(np.linspace(0, 255, 24), np.linspace(0, 255, 16))
PICTURE = np.stack([LEFT, TOP, 255 - LEFT / 2], axis=2).astype(np.uint8)
GREY = np.repeat(LEFT.astype(np.uint8)[:, :, None], 3, axis=2)


def write(path, data):
    path.write_bytes(data)
    return path


def netpbm(magic, values, white, *, plain=False):
    header = f"{magic}\n# a comment\n{values.shape[1]} {values.shape[0]}\n{white}\n".encode()
    if plain:
        return header + b" ".join(str(value).encode() for value in values.ravel()) + b"\n"
    return header + values.astype(">u2" if white > 255 else "u1").tobytes()


@pytest.mark.parametrize("white", [1, 100, 255, 256, 1000, 4095, 65535])
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("magic", ["P5", "P6"])
def test_what_a_pgm_or_ppm_calls_white_is_white(tmp_path, magic, plain, white):
    values = np.rint((PICTURE if magic == "P6" else GREY[..., 0]) / 255 * white).astype(int)
    data = netpbm({"P5": "P2", "P6": "P3"}[magic] if plain else magic, values, white, plain=plain)
    pixels = read_image(write(tmp_path / "a.ppm", data)).astype(float)
    # Colour of 16 bits is read by its upper 8, as in PNG.
    tolerance = 1 if magic == "P6" and white == 65535 else 0.5 + 1e-9
    expected = values * (255 / white) if magic == "P6" else np.repeat((values * (255 / white))[:, :, None], 3, axis=2)
    assert np.abs(pixels - expected).max() <= tolerance


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize(("white", "kept"), [(4095, False), (65535, True), (1023, False)])
def test_a_pgm_of_16_bits_goes_by_the_depth_rules_of_png(tmp_path, white, kept, plain):
    values = np.rint(LEFT / 255 * 1000).astype(np.uint16)
    path = write(tmp_path / "a.pgm", netpbm("P2" if plain else "P5", values, white, plain=plain))
    png = tmp_path / "a.png"
    Image.fromarray(values).save(png)
    for value_range in ((0, 1000), (0, 2000), "minmax"):
        assert np.array_equal(read_image(path, value_range=value_range), read_image(png, value_range=value_range))
    expected = read_image(png, value_range=(0, white))
    assert np.array_equal(read_image(path), expected)
    with pytest.raises(ImageDecodeError, match=r"0 to 1000 lie outside 0 to 500.*value_range"):
        read_image(path, value_range=(0, 500))
    source, same = as_sources([path, path.read_bytes()], value_range=(0, 1000))
    source.load()
    assert source.digest() == same.digest() != as_sources([path])[0].digest()
    full = as_sources([path])[0]
    full.load()
    assert (full.peak == 1000) == (kept)


def test_colour_of_more_than_8_bits_in_a_ppm_takes_no_value_range(tmp_path):
    values = np.rint(PICTURE / 255 * 4095).astype(int)
    for plain in (False, True):
        path = write(tmp_path / "a.ppm", netpbm("P3" if plain else "P6", values, 4095, plain=plain))
        with pytest.raises(ImageDecodeError, match="16-bit colour is read with 8 bits"):
            read_image(path, value_range=(0, 4095))
