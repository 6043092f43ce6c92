"""Promised: whatever the files are, a run ends, each bad one is listed with its reason, good ones are unaffected."""

import contextlib
import functools
import hashlib
import io
import json
import os
import signal
import socket
import stat
import struct
import subprocess
import sys
import textwrap
import threading
import time
import zlib
from pathlib import Path

import fsspec
import numpy as np
import PIL
import pytest
from click.testing import CliRunner
from featx.cache import EmbeddingCache
from featx.cli import main
from PIL import AvifImagePlugin, Image, ImageCms
from sklearn.datasets import load_sample_images
from torch import nn

import featx.images.sources
from featx import CNNFeatureTransformer
from featx.datasets.load import load_dataset
from featx.exceptions import ImageDecodeError
from featx.extraction.extract import extract_embeddings
from featx.finetuning.feeds import FreshFeed, stream
from featx.images.avif import frame_sizes
from featx.images.limits import Refused
from featx.images.sources import as_sources, read_image
from featx.networks.resolve import resolve_backbone
from featx.runtime.deadlines import map_with_deadline

PHOTO = Image.fromarray(load_sample_images().images[0][100:148, 200:264])
RGB, GREY = np.asarray(PHOTO).astype(int), np.asarray(PHOTO.convert("L"))
ALPHA = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8), GREY.shape)
# Pillow warns of damaged metadata; the images are what counts here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def encode(image, format, **options):
    file = io.BytesIO()
    image.save(file, format, **({"quality": 95, "subsampling": 0} if format == "jpeg" else {}) | options)
    return file.getvalue()


def on_white(image, alpha=ALPHA):
    pixels = np.asarray(image.convert("RGB")).astype(float)
    return 255 - (255 - pixels) * (alpha[:, :, None] / 255)


def with_alpha(mode):
    image = PHOTO.convert(mode)
    image.putalpha(Image.fromarray(ALPHA.copy()))
    return image


def of_mode(mode):
    """Return the photograph in a mode, and what is to be read of it."""
    grey = np.repeat(GREY[:, :, None], 3, axis=2)
    if mode == "P+":
        image = PHOTO.quantize(16)
        return image, on_white(image, np.where(np.asarray(image) == 3, 0, 255))
    if mode in ("LA", "RGBA"):
        return with_alpha(mode[:-1]), on_white(PHOTO.convert(mode[:-1]))
    if mode in ("I;16", "I", "F"):
        dtype, scale = {"I;16": (np.uint16, 257), "I": (np.int32, 257), "F": (np.float32, 1 / 255)}[mode]
        return Image.fromarray((GREY.astype(float) * scale).astype(dtype)), grey
    image = PHOTO.quantize(16) if mode == "P" else PHOTO.convert(mode)
    return image, np.asarray(image.convert("RGB"))


# Pillow before 13 takes its own uncompressed TIFF in YCbCr for a truncated one.
YCBCR = ["YCbCr"] if int(PIL.__version__.partition(".")[0]) >= 13 else []
# Modes of each container, how it is written, and how far the mean of the pixels may be off.
CONTAINERS = {
    "jpg": ("jpeg", ["1", "L", "RGB", "CMYK", "YCbCr"], {}, 5),
    "progressive.jpg": ("jpeg", ["L", "RGB", "CMYK"], {"progressive": True}, 5),
    "png": ("png", ["1", "L", "LA", "P", "P+", "RGB", "RGBA", "I;16"], {}, 0.25),
    "webp": ("webp", ["L", "LA", "P", "P+", "RGB", "RGBA"], {"lossless": True, "exact": True}, 0.25),
    "gif": ("gif", ["1", "L", "P", "P+"], {}, 0),
    "bmp": ("bmp", ["1", "L", "P", "RGB"], {}, 0),
    "dib": ("dib", ["1", "L", "P", "RGB"], {}, 0),
    "tif": ("tiff", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", *YCBCR, "I;16", "I", "F"], {}, 0.25),
    "lzw.tif": ("tiff", ["L", "P", "RGB", "RGBA", "I;16", "F"], {"compression": "tiff_lzw"}, 0.25),
    "deflate.tiff": ("tiff", ["L", "RGB", "CMYK"], {"compression": "tiff_adobe_deflate"}, 0),
    "jpeg.tif": ("tiff", ["L", "RGB"], {"compression": "jpeg", "quality": 95}, 5),
    "fax.tif": ("tiff", ["1"], {"compression": "group4"}, 0),
    "avif": ("avif", ["L", "LA", "P", "P+", "RGB", "RGBA"], {"quality": 98, "subsampling": "4:4:4", "speed": 8}, 5),
    "ppm": ("ppm", ["1", "L", "RGB", "I;16", "I", "F"], {}, 0.25),
}
LOSSLESS = {"webp": {"lossless": True}}
FORMS = [(suffix, mode) for suffix, (_, modes, _, _) in CONTAINERS.items() for mode in modes]


def form(suffix, mode, **options):
    format, _, more, _ = CONTAINERS[suffix]
    extra = {"transparency": 3} if mode == "P+" and format not in ("webp", "avif") else {}
    image = of_mode(mode)[0]
    if mode == "P+" and format in ("webp", "avif"):
        image.info["transparency"] = 3
        image = image.convert("RGBA")
    return encode(image, format, **more, **extra, **options)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def exif(tag, kind, count, value):
    return b"Exif\0\0MM\0*\0\0\0\x08" + struct.pack(">HHHI", 1, tag, kind, count) + value + bytes(4)


def claiming(avif, width, height):
    """Return an AVIF whose header claims another size than its frame has."""
    place = avif.index(b"ispe") + 8
    claimed = avif[:place] + struct.pack(">II", width, height) + avif[place + 8 :]
    # A sequence has a header of its own, in numbers of 16 and 16 bits.
    return claimed.replace(struct.pack(">II", 64 << 16, 48 << 16), struct.pack(">II", width << 16, height << 16))


PNG = encode(PHOTO, "png")
NAMES = [
    "a b.png",
    "a\nb.png",
    b"\xff\xfe.png",
    "\u202egnp.\u05d0\u05d1.png",
    "<b onload=alert(1)>&.png",
    "-rf.png",
    "\x1b[2J.png",
    "%s{0}$HOME`id`.png",
]
EXIF = {
    "nine": exif(0x112, 3, 1, struct.pack(">HH", 9, 0)),
    "text": exif(0x112, 2, 4, b"six\0"),
    "beyond": exif(0x112, 5, 1, struct.pack(">I", 9999)),
    "huge": exif(0x112, 3, 2**32 - 1, bytes(4)),
    "loop": exif(0x8769, 4, 1, struct.pack(">I", 8)),
    "garbage": b"Exif\0\0" + bytes(range(1, 200)),
    "short": b"Exif\0\0MM",
}
PROFILES = {"srgb": None, "zeros": bytes(128), "text": b"profile"}


@functools.cache
def odd():
    """Return images with damaged or hostile metadata, more pages than one or a wrong name; all can be read."""
    files = {"png.jpg": PNG, "jpeg.tif": encode(PHOTO, "jpeg"), "gif.webp": encode(PHOTO.quantize(64), "gif")}
    files["trailing.png"] = PNG + b"<?php phpinfo();" * 999
    for name, data in EXIF.items():
        for format in ("jpeg", "png", "webp"):
            files[f"exif-{name}.{format}"] = encode(PHOTO, format, exif=data, **LOSSLESS.get(format, {}))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for name, profile in PROFILES.items():
        for format in ("jpeg", "png", "webp", "tiff"):
            more = {"icc_profile": profile or srgb, **LOSSLESS.get(format, {})}
            files[f"icc-{name}.{format}"] = encode(PHOTO, format, **more)
    frames = {"save_all": True, "append_images": [PHOTO.rotate(angle) for angle in range(20, 360, 20)]}
    files["frames.gif"] = encode(PHOTO.quantize(64), "gif", **frames)
    files["frames.webp"] = encode(PHOTO, "webp", lossless=True, **frames)
    files["pages.tiff"] = encode(PHOTO, "tiff", **frames | {"append_images": frames["append_images"] * 10})
    return files


@functools.cache
def bad():
    """Return files that are no image, each with a word of the reason."""
    bomb = zlib.compress(bytes(100 << 20))
    claim = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    avif = encode(PHOTO, "avif", speed=10)
    return {
        "bomb.avif": (claiming(avif, 12_000, 12_000), "exceed"),
        "larger-bomb.avif": (claiming(avif, 60_000, 60_000), "damaged or truncated AVIF"),
        "no-frame.avif": (avif[: avif.rindex(b"mdat") + 4] + bytes(len(avif) - avif.rindex(b"mdat") - 4), ""),
        "half.avif": (avif[: len(avif) // 2], "AVIF"),
        "bomb.ppm": (b"P6\n60000 60000\n255\n", "exceed"),
        "plain-bomb.pgm": (b"P2\n60000 60000\n65535\n", "exceed"),
        "negative.pgm": (b"P5\n-5 -5\n255\n" + bytes(25), ""),
        "endless.pbm": (b"P4 #" + bytes(9999), ""),
        "half.ppm": (encode(PHOTO, "ppm")[:5000], "truncated"),
        "half-12-bit.pgm": (b"P5\n64 48\n4095\n" + bytes(5000), "truncated"),
        "beyond-white.pgm": (b"P5\n2 1\n4095\n\x10\x00\x0f\xff", "lie outside 0 to 4095"),
        "telephone.jpg": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "HEIC"),
        "page.png": (b"<!DOCTYPE html>\n<html>gone</html>", "HTML"),
        "pointer.tif": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "Git LFS pointer"),
        "empty.jpg": (b"", "empty"),
        "text.jpg": (b"no image\n" * 99, "known format"),
        "zeros.png": (bytes(9999), "known format"),
        "signature.png": (PNG[:8], ""),
        "bomb.png": (PNG[:8] + claim + PNG[33:], "exceed"),
        "text-bomb.png": (PNG[:33] + chunk(b"zTXt", b"k\0\0" + bomb) + PNG[33:], "too large"),
        "late-bomb.png": (PNG[:-12] + chunk(b"iTXt", b"k\0\1\0\0\0" + bomb) + PNG[-12:], "too large"),
        "profile-bomb.png": (PNG[:33] + chunk(b"iCCP", b"k\0\0" + bomb) + PNG[33:], "too large"),
        "half.bmp": (encode(PHOTO, "bmp")[:5000], "truncated"),
        "half.tif": (encode(PHOTO, "tiff")[:1500], ""),
        "half.lzw.tif": (encode(PHOTO, "tiff", compression="tiff_lzw")[:1500], ""),
    }


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
def test_no_scan_is_hidden_by_what_stands_before_it(tmp_path, progressive, filler):
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
    places = {273: end, 279: end + n * size}
    for tag, value in tags:
        kind, count = (16 if big else 4), n if tag in places else 1
        head += struct.pack(order + entry, tag, kind, count, places.get(tag, value))
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


def boxes(*parts):
    return b"".join(struct.pack(">I4s", len(content) + 8, kind) + content for kind, content in parts)


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


@functools.cache
def encoded():
    """Return real images of every container and mode."""
    files = {f"{mode}.{suffix}": form(suffix, mode) for suffix, mode in FORMS}
    return files | {name: odd()[name] for name in ("pages.tiff", "frames.gif", "frames.webp", "icc-srgb.png")}


def write(folder, name, data):
    path = os.path.join(os.fsencode(folder), name if isinstance(name, bytes) else os.fsencode(name))
    with open(path, "wb") as file:
        file.write(data)
    return os.fsdecode(path)


def write_all(folder, files):
    folder.mkdir(exist_ok=True)
    return [write(folder, name, data) for name, data in files.items()]


def spoil_folder(folder):
    """Fill a folder with what cannot be read; return the word of each path's reason."""
    folder.mkdir()
    words = {write(folder, name, data): word for name, (data, word) in bad().items()}
    for name in NAMES:
        words[write(folder, name, PNG[: len(PNG) // 2])] = "truncated"
    (folder / "folder.jpg").mkdir()
    os.mkfifo(folder / "fifo.jpg")
    os.mknod(folder / "socket.jpg", stat.S_IFSOCK | 0o600)
    (folder / "dangling.jpg").symlink_to("gone.jpg")
    (folder / "loop.jpg").symlink_to("loop.jpg")
    words |= dict.fromkeys([str(folder / f"{name}.jpg") for name in ("folder", "fifo", "socket")], "regular")
    return words | {str(folder / "dangling.jpg"): "No such file", str(folder / "loop.jpg"): "symbolic links"}


@pytest.fixture(scope="module")
def source():
    """A network whose rows cannot depend on how images are batched: means of 8 x 8 pixels."""
    module = nn.Sequential(nn.AvgPool2d(8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return resolve_backbone(module, image_size=32, resize="squash")


@pytest.fixture
def extract(source, tmp_path):
    def call(images, *, cache=None, **options):
        options = {"views": [("0", "flatten")], "cache": cache, "batch_size": 8, "on_error": "nan", **options}
        return extract_embeddings(as_sources(images), source, **options)

    return call


@pytest.fixture
def stuck(monkeypatch):
    """Return bytes that a decoder never finishes, and have no image take longer than half a second.

    Images are decoded in this process: another one takes longer than that to start.
    """
    decode, end = featx.images.sources.decode_file, threading.Event()

    def looping(data, **options):
        if data.startswith(b"stuck"):
            end.wait()
        return decode(data, **options)

    monkeypatch.setattr("featx.images.sources.decode_file", looping)
    monkeypatch.setattr("featx.runtime.deadlines.DECODE_SECONDS", 0.5)
    monkeypatch.setattr("featx.images.decoder_process.LONG_SHARE", np.inf)
    yield lambda number: b"stuck %d" % number
    end.set()


def mixed(good, bad):
    """Return both in a random order, and the places of the good ones in theirs."""
    order = np.random.default_rng(0).permutation(len(good) + len(bad))
    places = {int(number): place for place, number in enumerate(order)}
    return [[*good, *bad][number] for number in order], [places[i] for i in range(len(good))]


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


@pytest.mark.any_file_name
@pytest.mark.parametrize("caching", [True, False])
def test_hostile_files_are_all_among_the_failures_and_their_neighbours_unaffected(tmp_path, extract, caching):
    good = write_all(tmp_path / "good", encoded() | odd()) + write_all(tmp_path / "named", dict.fromkeys(NAMES, PNG))
    words = spoil_folder(tmp_path / "bad")
    images, places = mixed(good, list(words))
    # Each run has its own cache; none shares what another computed.
    caches = [EmbeddingCache(tmp_path / f"cache{n}") if caching else None for n in range(2)]
    expected = extract(good, cache=caches[0])
    assert not expected.failures
    result = extract(images, cache=caches[1])
    assert {failure.name for failure in result.failures} == set(words)
    assert [images[failure.index] for failure in result.failures] == [failure.name for failure in result.failures]
    assert [f.reason for f in result.failures if not f.reason.strip() or words[f.name] not in f.reason] == []
    assert np.array_equal(result.embeddings[0][places], expected.embeddings[0])
    assert np.isnan(result.embeddings[0]).all(axis=1).sum() == len(words)


@pytest.mark.any_file_name
def test_the_transformer_lists_the_same_failures(tmp_path, tiny):
    words = spoil_folder(tmp_path / "bad")
    images = [write(tmp_path, "good.png", PNG), *words]
    transformer = CNNFeatureTransformer(**tiny, on_error="nan", cache=None)
    rows = transformer.fit_transform(images)
    assert [failure.name for failure in transformer.failures_] == list(words)
    assert np.isnan(rows).all(axis=1).tolist() == [False] + [True] * len(words)


@pytest.mark.any_file_name
def test_the_command_names_each_hostile_file_whatever_its_name(tmp_path):
    words = spoil_folder(tmp_path / "bad")
    write_all(tmp_path / "bad", {f"good {number}.png": PNG for number in range(2)})
    listed = tmp_path / "failures.json"
    options = ["--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32", "--on-error", "skip"]
    arguments = ["extract", str(tmp_path / "bad"), "-o", str(tmp_path / "o.h5"), "--failures", str(listed), *options]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    # A walk takes a folder for a folder, whatever it is called.
    named = set(words) - {str(tmp_path / "bad" / "folder.jpg")}
    assert {failure["path"] for failure in json.loads(listed.read_text())} == named


@pytest.mark.any_file_name
def test_a_walk_leaves_out_nothing_but_what_it_names(tmp_path):
    words = spoil_folder(tmp_path / "bad")
    dataset = load_dataset(tmp_path / "bad", labelled=False)
    assert set(dataset.images) == set(words) - {str(tmp_path / "bad" / "folder.jpg")}
    assert dataset.notes == ["1 class without images left out: folder.jpg"]


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


def test_an_address_that_gives_its_bytes_in_pieces_is_read_whole(monkeypatch):
    class Pieces(io.BytesIO):
        def read(self, size=-1):
            return super().read(min(size, 100) if size >= 0 else 100)

    monkeypatch.setattr(fsspec, "open", lambda url, mode: Pieces(PNG))
    assert np.array_equal(read_image("https://example.org/a.png"), RGB)


# What reading ten thousand damaged files of 64 x 48 pixels in two threads may take, whatever their headers claim.
MOST = 400_000_000


def mutations(count):
    """Yield damaged copies: bytes changed, runs zeroed, pieces cut out or repeated, ends lost."""
    rng = np.random.default_rng(0)
    originals = [np.frombuffer(data, np.uint8) for data in encoded().values()]
    for number in range(count):
        data = originals[number % len(originals)].copy()
        # Half of the damage is done to headers.
        end = len(data) if rng.random() < 0.5 else min(len(data), 200)
        for _ in range(rng.integers(1, 8)):
            place, length = rng.integers(end), rng.integers(1, 40)
            kind = rng.integers(5)
            if kind == 0:
                data[place] = rng.integers(256)
            elif kind == 1:
                data[place] ^= 1 << rng.integers(8)
            elif kind == 2:
                data[place : place + 4] = rng.choice([0, 1, 127, 128, 255])
            elif kind == 3:
                data = np.delete(data, slice(place, place + length))
            else:
                data = np.insert(data, place, data[place : place + length])
            end = min(end, len(data))
        yield data.tobytes()


@contextlib.contextmanager
def memory_grown():
    """A list that afterwards holds by how many bytes the memory in use has grown at most; 0 where nobody knows."""
    grown = []
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not reset.exists():
        yield grown
        grown.append(0)
        return

    def kilobytes(name):
        return int(status.read_text(encoding="utf-8").partition(f"{name}:")[2].split()[0])

    reset.write_text("5", encoding="utf-8")
    before = kilobytes("VmRSS")
    yield grown
    grown.append((kilobytes("VmHWM") - before) * 1024)


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.long)])
def test_mutated_files_are_read_or_among_the_failures_and_their_neighbours_unaffected(tmp_path, extract, count):
    good = write_all(tmp_path / "good", encoded())
    damaged = write_all(tmp_path / "bad", {f"{n}.jpg": data for n, data in enumerate(mutations(count))})
    images, places = mixed(good, damaged)
    expected = extract(good)
    with memory_grown() as grown:
        result = extract(images, batch_size=32, n_jobs=2)
    print(f"{grown[0]:,} bytes more")
    assert grown[0] < MOST
    assert np.array_equal(result.embeddings[0][places], expected.embeddings[0])
    failed = [failure.index for failure in result.failures]
    assert np.isnan(result.embeddings[0]).any(axis=1).nonzero()[0].tolist() == failed
    assert not set(failed) & set(places)
    assert count / 5 < len(failed) < count
    assert all(failure.reason.strip() for failure in result.failures)
    assert not [failure for failure in result.failures if "not read within" in failure.reason]


def python(code, *arguments, **options):
    """Start a script whose SIGINT works as in a terminal; a background job's is ignored."""
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", start + textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, **pipes, **options)


# What decoding one image takes at most for each pixel, whatever its mode, and what the first use of decoders takes.
BYTES_A_PIXEL = 30
ONCE = 50_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.long
def test_memory_stays_within_thirty_bytes_a_pixel_for_each_thread(tmp_path):
    words = spoil_folder(tmp_path / "bad")
    side, threads = 1200, 2
    for number, mode in enumerate(["RGB", "RGBA", "P", "I;16", "F", "CMYK", "LA", "1"] * threads):
        image = of_mode(mode)[0].resize((side, side), Image.Resampling.NEAREST)
        # Not two of them are the same
        image.putpixel((number, 0), image.getpixel((number + 9, 9)))
        image.save(tmp_path / f"{number}.tif")
    (tmp_path / "list.json").write_text(json.dumps([*words, *map(str, tmp_path.glob("*.tif"))]))
    (tmp_path / "first.png").write_bytes(PNG)
    process = python(
        """
        import json
        from pathlib import Path
        from featx.extraction.extract import extract_embeddings
        from featx.images.sources import as_sources
        from featx.networks.resolve import resolve_backbone
        source = resolve_backbone("squeezenet1_1", weights=None, image_size=32)
        options = dict(views=[("features.12", "avg")], cache=None, n_jobs=2, batch_size=2, on_error="nan")
        extract_embeddings(as_sources([sys.argv[1]]), source, **options)
        # The peak since exec; ru_maxrss would begin with that of pytest.
        peak = lambda: int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) * 1024
        before = peak()
        found = extract_embeddings(as_sources(json.load(open(sys.argv[2]))), source, **options)
        print(len(found.failures), peak() - before)
        """,
        tmp_path / "first.png",
        tmp_path / "list.json",
    )
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    failures, grown = map(int, output.split())
    assert failures == len(words)
    assert side**2 < grown < threads * BYTES_A_PIXEL * side**2 + ONCE


def test_an_image_that_takes_too_long_is_among_the_failures_and_delays_no_other(tmp_path, extract, stuck):
    good = write_all(tmp_path / "good", encoded())
    late = write_all(tmp_path / "late", {f"{n}.png": stuck(n) for n in range(2)})
    images, places = mixed(good, late)
    expected = extract(good).embeddings[0]
    # With one thread there are more of them than threads
    for n_jobs in (1, 2):
        result = extract(images, n_jobs=n_jobs)
        assert {failure.name: failure.reason for failure in result.failures} == dict.fromkeys(
            late, "not read within 0.5 s"
        )
        assert np.array_equal(result.embeddings[0][places], expected)


def test_an_image_that_takes_too_long_raises_its_name_and_what_was_before_is_kept(tmp_path, extract, stuck):
    good = write_all(tmp_path / "good", {f"{n}.png": encode(PHOTO.rotate(n), "png") for n in range(8)})
    late = write(tmp_path, "late.png", stuck(0))
    cache = EmbeddingCache(tmp_path / "cache")
    with pytest.raises(ImageDecodeError, match=r"cannot read image .*late\.png: not read within 0\.5 s"):
        extract([*good, late], cache=cache, on_error="raise", batch_size=4)
    assert extract(good, cache=cache).n_forwarded == 0


def test_a_training_that_decodes_anew_is_told_of_an_image_that_takes_too_long(tmp_path, source, stuck):
    paths = write_all(tmp_path / "good", {f"{n}.png": encode(PHOTO.rotate(n), "png") for n in range(8)})
    paths.append(write(tmp_path, "late.png", stuck(0)))
    options = {"lower": lambda batch: batch, "device": "cpu", "seed": 0}
    feed = FreshFeed(as_sources(paths), source.preprocessing, None, **options)
    batches = stream(feed, [np.array(rows) for rows in ([0, 5], [3, 1], [2, 8], [4, 7])], 0)
    for rows, batch in (next(batches), next(batches)):
        expected = [source.preprocessing.apply(read_image(paths[row])) for row in rows]
        assert all(map(np.array_equal, batch, expected))
    with pytest.raises(ImageDecodeError, match=r"cannot read image .*late\.png: not read within 0\.5 s"):
        next(batches)


def test_an_address_that_never_answers_is_given_up(tmp_path, extract, stuck):
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = f"ftp://127.0.0.1:{server.getsockname()[1]}/a.png"
        result = extract([write(tmp_path, "a.png", PNG), silent, write(tmp_path, "b.png", PNG)])
    assert [(f.index, f.name, f.reason) for f in result.failures] == [(1, silent, "not read within 0.5 s")]


def test_the_time_of_an_image_begins_with_its_own_decoding(monkeypatch):
    monkeypatch.setattr("featx.runtime.deadlines.DECODE_SECONDS", 0.6)

    def slowly(number):
        time.sleep(0.05)
        return number

    assert list(map_with_deadline(slowly, range(15), threads=1)) == list(range(15))


def test_the_time_of_an_image_does_not_run_while_the_network_works(monkeypatch):
    monkeypatch.setattr("featx.runtime.deadlines.DECODE_SECONDS", 0.4)
    results = map_with_deadline(time.sleep, [0, 0.6], threads=2)
    assert next(results) is None
    time.sleep(0.5)
    assert next(results) is None


def test_calls_keep_their_order_their_errors_and_their_distance():
    before, begun = set(threading.enumerate()), []

    def call(number):
        begun.append(number)
        if number == 7:
            raise ZeroDivisionError
        return -number

    results = map_with_deadline(call, range(20), threads=3, ahead=5)
    for number in range(7):
        assert next(results) == -number
        assert max(begun) <= number + 5
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(begun) < 20
    assert not set(threading.enumerate()) - before


def test_a_read_that_never_ends_delays_neither_the_others_nor_the_end_of_the_process(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    (tmp_path / "loop.png").write_bytes(b"loop")
    os.mkfifo(tmp_path / "fifo.png")
    process = python(
        """
        import functools
        import featx.cache.digests, featx.images.sources, featx.runtime.deadlines
        featx.runtime.deadlines.DECODE_SECONDS = 0.5
        # A FIFO that took the place of a file since it was looked at, and a decoder that loops
        versions, decode = featx.cache.digests._versions, featx.images.sources.decode_file
        featx.cache.digests._versions = lambda paths: (versions(paths)[0], {})

        def looping(data, **options):
            while data == b"loop":
                pass
            return decode(data, **options)

        featx.images.sources.decode_file = looping
        patient = functools.partial(featx.runtime.deadlines.map_with_deadline, threads=1)
        print([str(d)[:22] for d in featx.cache.digests.FileDigests(None).digest(["fifo.png", "a.png"], map=patient)])
        print([str(d)[:22] for d in patient(lambda i: i.load(), featx.as_sources(["loop.png", "a.png"]))])
        """,
        cwd=tmp_path,
    )
    output, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (0, "")
    digest = hashlib.sha256(PNG).digest()
    assert output.splitlines() == [str(["not read within 0.5 s", str(d)[:22]]) for d in (digest, (digest,))]


@pytest.mark.long
def test_ctrl_c_while_decoding_stops_at_once_and_keeps_what_was_computed(tmp_path, forwards):
    images = tmp_path / "images"
    write_all(images, {f"{n}.png": encode(PHOTO.rotate(n), "png") for n in range(9)})
    write(images, "6.png", encode(PHOTO, "bmp"))
    # In a process of its own, the seventh image never ends; once six have been through the network, it says so.
    began = time.monotonic()
    code = """
        import time
        import featx.images.sources
        from featx.networks.backbone import Backbone
        from featx.cli import main
        embed, decode, batches = Backbone.embed, featx.images.sources.decode_file, []

        def counting(*args, **options):
            batches.append(rows := embed(*args, **options))
            return rows

        def stuck(data, **options):
            while data.startswith(b"BM"):
                if len(batches) == 3:
                    print("decoding", flush=True)
                time.sleep(0.1)
            return decode(data, **options)

        Backbone.embed, featx.images.sources.decode_file = counting, stuck
        main()
        """
    network = ["--backbone", "squeezenet1_1", "--weights", "none", "--image-size", "32", "--batch-size", "2"]
    arguments = ["extract", str(images), "-o", str(tmp_path / "o.h5"), *network, "--precision", "float32"]
    process = python(code, *arguments)
    assert process.stdout.readline() == "decoding\n"
    started, began = time.monotonic() - began, time.monotonic()
    process.send_signal(signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    # Two seconds, or as long as the start took where a machine is busy
    assert time.monotonic() - began < max(2, started)
    assert process.returncode == 130, errors
    kept = "the embeddings computed so far are in the cache"
    assert errors.strip() == f"featx: stopped; {kept}; run the same command to go on"
    assert sorted(Path(tmp_path).glob("*o.h5*")) == []
    assert CliRunner().invoke(main, arguments).exit_code == 0
    assert forwards.since() == 3
