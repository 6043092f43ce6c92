"""Promised: a small file that would take all the memory or hours is refused before it is decoded."""

import io
import struct
from pathlib import Path

import fsspec
import numpy as np
import pytest
from PIL import Image

from encoded_images import PHOTO, PNG, RGB, chunk, encode, write
from featx.exceptions import ImageDecodeError
from featx.images.sources import read_image

# Pillow warns of damaged metadata; the images are what counts here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def with_scans(data, count):
    """Return a progressive JPEG whose last scan comes so many more times."""
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * count + data[-2:]


@pytest.fixture
def progressive(monkeypatch):
    """A progressive JPEG of ten scans, of which 100 are all that its pixels justify."""
    monkeypatch.setattr("featx.images.limits.MOST_PASSES", 64 * 48 * 100)
    return encode(PHOTO, "jpeg", progressive=True)


def test_a_jpeg_of_far_more_scans_than_any_encoder_writes_is_refused_undecoded(tmp_path, monkeypatch, progressive):
    path = write(tmp_path, "many.jpg", with_scans(progressive, 90))
    expected = np.asarray(Image.open(path))
    for image in (path, Image.open(io.BytesIO(Path(path).read_bytes()))):
        assert np.array_equal(read_image(image), expected)
    monkeypatch.setattr("featx.images.decoding.decode_jpeg", lambda *_: pytest.fail("the bomb was decoded"))
    path = write(tmp_path, "bomb.jpg", with_scans(progressive, 91))
    monkeypatch.setattr("featx.images.sources.pil_to_rgb", lambda *_: pytest.fail("the bomb was decoded"))
    for image in (path, Image.open(io.BytesIO(Path(path).read_bytes()))):
        with pytest.raises(ImageDecodeError, match="a JPEG of 101 scans, each of them a pass over 3,072 pixels"):
            read_image(image)


def test_more_scans_are_no_matter_where_there_are_few_pixels(tmp_path):
    path = write(tmp_path, "small.jpg", with_scans(encode(PHOTO, "jpeg", progressive=True), 300))
    assert np.array_equal(read_image(path), np.asarray(Image.open(path)))


@pytest.mark.parametrize("kind", ["behind", "before", "between"])
def test_what_looks_like_scans_in_metadata_and_behind_the_image_is_not_counted(tmp_path, progressive, kind):
    scans, last = b"\xff\xda" * 200, progressive.rindex(b"\xff\xda")
    place = {"behind": len(progressive), "before": 2, "between": last}[kind]
    extra = scans if kind == "behind" else b"\xff\xe9" + struct.pack(">H", len(scans) + 2) + scans
    path = write(tmp_path, "a.jpg", progressive[:place] + extra + progressive[place:])
    assert np.array_equal(read_image(path), np.asarray(Image.open(path)))


@pytest.mark.parametrize(
    "filler",
    [b"\xff\xfe\0\4\xff\xd9", b"\xff\xe9\0\3\xff", b"\xff\xd3\xff", b"\xff\0\xff\x01"],
    ids=["end in a comment", "end of a segment", "restart", "no marker"],
)
def test_no_scan_is_hidden_by_what_precedes_it(tmp_path, progressive, filler):
    last = progressive.rindex(b"\xff\xda")
    path = write(tmp_path, "bomb.jpg", progressive[:-2] + (filler + progressive[last:-2]) * 91 + progressive[-2:])
    with pytest.raises(ImageDecodeError, match="a JPEG of 101 scans"):
        read_image(path)


def strips(order, big, n):
    """Return a TIFF of one pixel a strip."""
    longs, entry = ("Q", "HHQQ") if big else ("I", "HHII")
    tags = [(256, 1), (257, n), (258, 8), (259, 1), (262, 1), (273, n), (277, 1), (278, 1), (279, n)]
    first = 16 if big else 8
    end = first + struct.calcsize(order + longs) * 2 + struct.calcsize(order + entry) * len(tags)
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    head += struct.pack(order + ("HHQ" if big else "I"), *((8, 0, 16) if big else (8,)))
    head += struct.pack(order + ("Q" if big else "H"), len(tags))
    size = struct.calcsize(order + longs)
    positions = {273: end, 279: end + n * size}
    for tag, value in tags:
        kind, count = (16 if big else 4), n if tag in positions else 1
        head += struct.pack(order + entry, tag, kind, count, positions.get(tag, value))
    head = head.ljust(end, b"\0")
    offsets = np.arange(end + 2 * n * size, end + 2 * n * size + n, dtype=f"{order}u{size}")
    return head + offsets.tobytes() + np.ones(n, offsets.dtype).tobytes() + bytes(n)


@pytest.mark.parametrize(("order", "big"), [("<", False), (">", False), ("<", True)])
def test_a_tiff_in_absurdly_many_strips_is_refused_before_they_are_listed(tmp_path, monkeypatch, order, big):
    assert read_image(write(tmp_path, "few.tif", strips(order, big, 9))).shape == (9, 1, 3)
    path = write(tmp_path, "many.tif", strips(order, big, 200_001))
    monkeypatch.setattr("featx.images.decoding.open_image", lambda file: pytest.fail("it was opened"))
    with pytest.raises(ImageDecodeError, match="a TIFF in 200,001 parts"):
        read_image(path)


def parts(kind, n):
    """Return an image in the smallest parts of its format."""
    jpeg, gif = encode(PHOTO, "jpeg"), encode(PHOTO.quantize(4), "gif")
    start = 13 + 3 * 2 ** ((gif[10] & 7) + 1)
    return {
        "texts.png": lambda: PNG[:33] + b"".join(chunk(b"tEXt", b"%d\0v" % i) for i in range(n)) + PNG[33:],
        "unknown.png": lambda: PNG[:33] + chunk(b"prVt", b"") * n + PNG[33:],
        "empty.png": lambda: PNG[:-12] + chunk(b"IDAT", b"") * n + PNG[-12:],
        "segments.jpg": lambda: jpeg[:2] + b"\xff\xe9\0\2" * n + jpeg[2:],
        "comments.gif": lambda: gif[:start] + b"!\xfe\1a\0" * n + gif[start:],
        "comment.pgm": lambda: b"P5\n#" + b"#" * n + b"\n1 1\n255\n9",
    }[kind]()


@pytest.mark.parametrize(
    "kind", ["texts.png", "unknown.png", "empty.png", "segments.jpg", "comments.gif", "comment.pgm"]
)
def test_a_file_in_far_more_parts_than_an_image_has_is_refused(tmp_path, monkeypatch, kind):
    monkeypatch.setattr("featx.images.limits.MOST_READS", 1000)
    monkeypatch.setattr("featx.images.limits.SMALL_FILE", 0)
    assert read_image(write(tmp_path, f"few.{kind}", parts(kind, 50))).ndim == 3
    with pytest.raises(ImageDecodeError, match="a file in far more parts than an image has"):
        read_image(write(tmp_path, f"many.{kind}", parts(kind, 3000)))


def test_more_bytes_than_an_image_can_have_are_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "endless.png"
    with open(path, "wb") as file:
        file.write(PNG)
        file.truncate(1 << 40)
    with pytest.raises(ImageDecodeError, match=r"more than 1,073,741,824 bytes .* Save one image"):
        read_image(path)
    monkeypatch.setattr("featx.images.sources.MAX_BYTES", len(PNG))
    memory = fsspec.filesystem("memory")
    memory.pipe({"/featx-whole.png": PNG, "/featx-endless.png": PNG + b"\0"})
    try:
        assert np.array_equal(read_image("memory://featx-whole.png"), RGB)
        with pytest.raises(ImageDecodeError, match="more than"):
            read_image("memory://featx-endless.png")
    finally:
        memory.rm(["/featx-whole.png", "/featx-endless.png"])
