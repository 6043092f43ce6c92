"""Promised: any image becomes RGB uint8 pixels; a bad one raises ImageDecodeError and nothing else."""

import hashlib
import io
import os
import pickle
import re
import struct
import threading
import zlib

import fsspec
import numpy as np
import pytest
from PIL import EpsImagePlugin, Image, ImageFile

from encoded_images import refusal
from featx.exceptions import ImageDecodeError, ParameterError
from featx.images.sources import as_sources, read_image

LEFT, TOP = np.meshgrid(np.linspace(0, 255, 12), np.linspace(0, 255, 8))
PICTURE = np.stack([LEFT, TOP, 255 - LEFT / 2], axis=2).astype(np.uint8)
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
FLIPS = [(1, 1), (1, 1), (1, -1), (-1, -1), (-1, 1), (1, 1), (-1, 1), (-1, -1), (1, -1)]
PLAIN_AND_URL = pytest.mark.parametrize("kind", [str, lambda p: p, lambda p: np.str_(p), lambda p: f"file://{p}"])


def encode(image, format, **options):
    file = io.BytesIO()
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    quality = {"quality": 95, "subsampling": 0} if format == "jpeg" else {}
    image.save(file, format, **{"lossless": True, **quality, **options})
    return file.getvalue()


def write(path, image, format="png", **options):
    path.write_bytes(image if isinstance(image, bytes) else encode(image, format, **options))
    return path


def orientation(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif.tobytes()


def claimed_png(width, height):
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [header, b"IDAT" + zlib.compress(b"")]
    framed = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


@pytest.mark.parametrize("format", ["png", "webp", "gif", "bmp", "dib", "tiff"])
@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}])
def test_lossless_formats_are_read_exactly(tmp_path, format, options):
    pixels = read_image(write(tmp_path / "a.png", PICTURE, format, **options))
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, PICTURE)


@pytest.mark.parametrize(
    ("format", "options"), [("jpeg", {}), ("jpeg", {"progressive": True}), ("webp", {"lossless": False})]
)
def test_lossy_formats_are_read_closely(tmp_path, format, options):
    pixels = read_image(write(tmp_path / "a.jpg", PICTURE, format, **options))
    assert np.abs(pixels.astype(int) - PICTURE).mean() < 8


@pytest.mark.parametrize("format", ["png", "tiff", "webp", "jpeg"])
@pytest.mark.parametrize("number", range(9))
def test_exif_orientation_is_applied(tmp_path, number, format):
    rows, columns = FLIPS[number]
    upright = PICTURE[::rows, ::columns].transpose((1, 0, 2) if number >= 5 else (0, 1, 2))
    path = write(tmp_path / "a.jpg", PICTURE, format, exif=orientation(number))
    np.testing.assert_allclose(read_image(path).astype(int), upright, atol=16 if format == "jpeg" else 0)


@pytest.mark.parametrize("format", ["jpeg", "tiff"])
@pytest.mark.parametrize("colour", [RED, GREEN, WHITE, (40, 90, 160)])
def test_cmyk_is_converted(tmp_path, colour, format):
    image = Image.new("RGB", (8, 8), colour).convert("CMYK")
    np.testing.assert_allclose(read_image(write(tmp_path / "a.jpg", image, format))[4, 4], colour, atol=6)


@pytest.mark.parametrize(
    ("mode", "colours", "transparent", "expected"),
    [
        ("P", (0, 1), 0, [WHITE, RED]),
        ("P", (0, 1), bytes([255, 128]), [BLUE, (255, 127, 127)]),
        ("L", (10, 200), 10, [WHITE, (200, 200, 200)]),
        ("1", (0, 255), 0, [WHITE, WHITE]),
        ("RGB", (RED, BLUE), RED, [WHITE, BLUE]),
        ("I;16", (257, 51400), 257, [WHITE, (200, 200, 200)]),
    ],
)
def test_transparent_colour_of_a_png_becomes_white(tmp_path, mode, colours, transparent, expected):
    image = Image.new(mode, (2, 1))
    if mode == "P":
        image.putpalette([*BLUE, *RED])
    for x, colour in enumerate(colours):
        image.putpixel((x, 0), colour)
    pixels = read_image(write(tmp_path / "a.png", image, transparency=transparent))
    np.testing.assert_array_equal(pixels, [expected])


@pytest.mark.parametrize("alpha", [0, 128, 255])
@pytest.mark.parametrize(("mode", "colour"), [("RGBA", RED), ("LA", (0,))])
def test_alpha_is_blended_with_white(tmp_path, mode, colour, alpha):
    image = Image.new(mode, (3, 2), (*colour, alpha))
    inputs = [image, write(tmp_path / "a.png", image), write(tmp_path / "a.tif", image, "tiff")]
    inputs += [np.asarray(image)] if mode == "RGBA" else []
    expected = [c + (255 - c) * (255 - alpha) // 255 for c in colour]
    for image in inputs:
        assert (read_image(image) == expected).all()


@pytest.mark.parametrize(
    ("values", "formats", "expected"),
    [
        (np.array([[0, 257, 51400, 65535]], np.uint16), ["png", "tiff"], [0, 1, 200, 255]),
        (np.array([[True, False]]), ["png", "tiff", "bmp"], [255, 0]),
        (np.array([[0, 0.4, 1]], np.float32), ["tiff"], [0, 102, 255]),
        (np.array([[0, 257, 65535]], np.int32), ["tiff"], [0, 1, 255]),
    ],
)
def test_other_depths_are_scaled_and_not_clipped(tmp_path, values, formats, expected):
    for format in formats:
        assert read_image(write(tmp_path / "a", values, format)).tolist() == [[[v] * 3 for v in expected]]


@pytest.mark.parametrize("value", [-1.0, 1.5, 255.0, 70_000.0, np.nan, np.inf])
def test_float_tiff_without_a_known_scale_is_refused(tmp_path, value):
    path = write(tmp_path / "a.tif", np.array([[0, value]], np.float32), "tiff")
    assert "value_range" in str(refusal(path))


@pytest.mark.parametrize("format", ["gif", "webp", "png", "tiff", "mpo"])
def test_first_frame_is_taken(tmp_path, format):
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, BLUE)]
    path = write(tmp_path / "a.gif", frames[0], format, save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(read_image(path)[8, 8], RED, atol=4)


@pytest.mark.parametrize(
    "name",
    ["A.PNG", "a.jpg", "a", "a b.png", "a\nb.png", "a%20#[1]*?.png"]
    + [pytest.param("ä-写真-🐈.png", marks=pytest.mark.any_file_name)],
)
@PLAIN_AND_URL
def test_any_name_is_read(tmp_path, name, kind):
    np.testing.assert_array_equal(read_image(kind(write(tmp_path / name, PICTURE))), PICTURE)


def test_a_path_like_of_bytes_is_read(tmp_path):
    write(tmp_path / "a.png", PICTURE)
    with os.scandir(os.fsencode(tmp_path)) as entries:
        np.testing.assert_array_equal(read_image(next(entries)), PICTURE)


def test_memory_url_is_read():
    files = fsspec.filesystem("memory")
    files.pipe("/featx-test.png", encode(PICTURE, "png"))
    try:
        np.testing.assert_array_equal(read_image("memory://featx-test.png"), PICTURE)
    finally:
        files.rm("/featx-test.png")


def test_pil_image_gives_the_pixels_and_digest_of_its_array():
    of_image, of_array = as_sources([Image.fromarray(PICTURE), PICTURE])
    assert of_image.load()[0] == of_array.load()[0] == of_array.digest()
    np.testing.assert_array_equal(of_image.load()[1], PICTURE)


@pytest.mark.parametrize("image", [3, 2.5, [[1, 2], [3, 4]], {}, np.array(3), object()])
def test_wrong_type_is_a_parameter_error(image):
    with pytest.raises(ParameterError, match="image 1 of type") as caught:
        as_sources([PICTURE, image])
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


@pytest.mark.parametrize("side", [60_000, 10_000])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path, side, monkeypatch):
    monkeypatch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("the bomb was decoded"))
    assert "exceed" in refusal(write(tmp_path / "a.png", claimed_png(side, side))).reason


def test_max_pixels_lowers_the_limit(tmp_path):
    for image in write(tmp_path / "a.png", claimed_png(12, 8)), Image.fromarray(PICTURE):
        assert "12 x 8 pixels exceed the limit of 95" in refusal(image, max_pixels=95).reason


@pytest.mark.parametrize("keep", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "bmp", "tiff"])
def test_truncated_file_is_refused(tmp_path, format, keep):
    data = encode(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), format)
    refusal(write(tmp_path / "a.jpg", data[: int(len(data) * keep)]))


def test_file_that_is_not_an_image_is_refused(tmp_path):
    assert "empty" in refusal(write(tmp_path / "a.jpg", b"")).reason
    assert "not an image" in refusal(write(tmp_path / "a.jpg", b"text\n" * 50)).reason
    assert "not an image" in refusal(write(tmp_path / "a.jpg", bytes(999))).reason


def test_postscript_is_never_interpreted(tmp_path, monkeypatch):
    interpreted = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *args, **_: interpreted.append(args))
    refusal(write(tmp_path / "a.jpg", PICTURE, "eps"))
    assert not interpreted


def test_what_cannot_be_opened_is_refused(tmp_path):
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "file.jpg").touch()
    (tmp_path / "dangling.jpg").symlink_to("gone.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    assert "regular" in refusal(tmp_path / "folder.jpg").reason
    assert "No such file" in refusal(tmp_path / "missing.jpg").reason
    assert "No such file" in refusal(tmp_path / "dangling.jpg").reason
    assert "symbolic links" in refusal(tmp_path / "loop.jpg").reason
    assert "Not a directory" in refusal(tmp_path / "file.jpg" / "a.jpg").reason
    assert "too long" in refusal(str(tmp_path / ("a" * 300))).reason
    assert "null" in refusal("a\0b.jpg").reason
    assert "No such file" in refusal("").reason
    if os.path.exists("/proc/self/mem"):
        assert "error" in refusal("/proc/self/mem").reason


@pytest.mark.parametrize("prefix", ["", "file://"])
def test_fifo_is_refused_without_waiting(tmp_path, prefix):
    path = tmp_path / "a.jpg"
    os.mkfifo(path)
    reader = threading.Thread(target=refusal, args=[f"{prefix}{path}"], daemon=True)
    reader.start()
    reader.join(1)
    if waiting := reader.is_alive():
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
        reader.join(1)
    assert not waiting


@pytest.mark.parametrize("url", ["memory://featx-missing.png", "file:///featx-missing.png", "nosuch://a.png"])
def test_url_that_cannot_be_opened_is_refused_with_the_reason(url):
    assert re.search("no such file|not found|no protocol 'nosuch'", refusal(url).reason, re.IGNORECASE)


def test_each_bad_image_of_a_batch_is_called_by_its_name():
    source = as_sources([PICTURE, np.zeros(3)], names=["first", "second"])[1]
    with pytest.raises(ImageDecodeError, match="image second: "):
        source.load()


@PLAIN_AND_URL
def test_file_digest_is_the_sha256_of_the_bytes_that_are_decoded(tmp_path, kind):
    path = write(tmp_path / "a.png", PICTURE)
    source = as_sources([kind(path)])[0]
    before = source.digest()
    assert before == source.load()[0] == hashlib.sha256(path.read_bytes()).digest()
    write(path, PICTURE[::-1])
    digest, pixels = source.load()
    assert digest == hashlib.sha256(path.read_bytes()).digest() != before
    np.testing.assert_array_equal(pixels, PICTURE[::-1])


def test_array_digest_depends_on_shape_dtype_bytes_and_value_range():
    zeros = np.zeros((4, 6), np.uint8)
    arrays = [zeros, zeros.reshape(6, 4), zeros.view(bool), zeros.view(np.uint16), zeros + np.uint8(1)]
    digests = [source.digest() for source in as_sources(arrays)]
    digests += [as_sources([zeros], value_range=r)[0].digest() for r in [(0, 1), (0, 2), "minmax"]]
    assert len(set(digests)) == len(digests)
    assert as_sources([np.asfortranarray(PICTURE)])[0].digest() == as_sources([PICTURE])[0].digest()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("format", ["jpeg", "png", "webp", "gif", "tiff", "bmp"])
def test_damaged_bytes_raise_nothing_but_image_decode_error(tmp_path, format):
    original = np.frombuffer(encode(PICTURE, format, exif=orientation(6)), np.uint8)
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(100):
        data = original.copy()
        positions = rng.integers(0, rng.choice([40, len(data)]), rng.integers(1, 6))
        data[positions] = rng.integers(0, 256, len(positions))
        end = rng.choice([len(data), rng.integers(len(data))])
        path = write(tmp_path / "a.jpg", data[:end].tobytes())
        try:
            assert read_image(path, max_pixels=10**6).dtype == np.uint8
        except ImageDecodeError:
            refused += 1
    assert refused
