"""Promised: whatever the files are, a run ends, each bad one is listed with its reason, good ones are unaffected."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import stat
import struct
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from encoded_images import (
    PHOTO,
    PNG,
    chunk,
    claiming,
    encode,
    encoded,
    extract,
    mixed,
    odd,
    of_mode,
    write,
    write_all,
)
from featx import CNNFeatureTransformer
from featx.cache import EmbeddingCache
from featx.cache.digests import FileDigests
from featx.cli import main
from featx.datasets.load import load_dataset
from featx.exceptions import ImageDecodeError
from featx.extraction.digests import image_keys
from featx.images.sources import as_sources, read_image
from processes import interruptible

# Pillow warns of damaged metadata; the images are what counts here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


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


@functools.cache
def bad():
    """Return files that are not images, each with a word of the reason."""
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


@pytest.mark.any_file_name
@pytest.mark.parametrize("caching", [True, False])
def test_hostile_files_are_all_among_the_failures_and_their_neighbours_unaffected(tmp_path, caching):
    good = write_all(tmp_path / "good", encoded() | odd()) + write_all(tmp_path / "named", dict.fromkeys(NAMES, PNG))
    words = spoil_folder(tmp_path / "bad")
    images, positions = mixed(good, list(words))
    # Each run has its own cache; none shares what another computed.
    caches = [EmbeddingCache(tmp_path / f"cache{n}") if caching else None for n in range(2)]
    expected = extract(good, cache=caches[0])
    assert not expected.failures
    result = extract(images, cache=caches[1])
    assert {failure.name for failure in result.failures} == set(words)
    assert [images[failure.index] for failure in result.failures] == [failure.name for failure in result.failures]
    assert [f.reason for f in result.failures if not f.reason.strip() or words[f.name] not in f.reason] == []
    assert np.array_equal(result.embeddings[0][positions], expected.embeddings[0])
    assert np.isnan(result.embeddings[0]).all(axis=1).sum() == len(words)


@pytest.mark.any_file_name
def test_the_transformer_lists_the_same_failures(tmp_path, tiny):
    words = spoil_folder(tmp_path / "bad")
    images = [write(tmp_path, "good.png", PNG), *words]
    transformer = CNNFeatureTransformer(**tiny, on_error="skip", cache=None)
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
def test_mutated_files_are_read_or_among_the_failures_and_their_neighbours_unaffected(tmp_path, count):
    good = write_all(tmp_path / "good", encoded())
    damaged = write_all(tmp_path / "bad", {f"{n}.jpg": data for n, data in enumerate(mutations(count))})
    images, positions = mixed(good, damaged)
    expected = extract(good)
    with memory_grown() as grown:
        result = extract(images, batch_size=32, n_jobs=2)
    print(f"{grown[0]:,} bytes more")
    assert grown[0] < MOST
    assert np.array_equal(result.embeddings[0][positions], expected.embeddings[0])
    failed = [failure.index for failure in result.failures]
    assert np.isnan(result.embeddings[0]).any(axis=1).nonzero()[0].tolist() == failed
    assert not set(failed) & set(positions)
    assert count / 5 < len(failed) < count
    assert all(failure.reason.strip() for failure in result.failures)
    assert not [failure for failure in result.failures if "not read within" in failure.reason]


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
    process = interruptible(
        """
        import json
        from pathlib import Path
        from featx.extraction.extract import extract_embeddings
        from featx.images.sources import as_sources
        from featx.networks.resolve import resolve_backbone
        source = resolve_backbone("squeezenet1_1", weights=None, image_size=32)
        options = dict(views=[("features.12", "avg")], cache=None, n_jobs=2, batch_size=2, on_error="skip")
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


def test_a_file_of_more_than_a_gigabyte_is_refused_undigested(tmp_path, monkeypatch):
    monkeypatch.setattr("featx.cache.digests._read_digest", lambda path: pytest.fail("it was read"))
    with open(tmp_path / "sparse.png", "wb") as file:
        file.truncate(60 << 30)
    (error,) = image_keys(as_sources([str(tmp_path / "sparse.png")]), FileDigests(None), threads=1)
    assert error.reason == "more than 1,073,741,824 bytes are not a single image"


def test_a_file_that_says_it_is_empty_is_digested_as_far_as_an_image_may_go(tmp_path, monkeypatch):
    path = "/proc/self/environ"
    if not os.path.exists(path):
        pytest.skip("reads /proc")
    whole = FileDigests(None).digest([path])[0]
    assert isinstance(whole, bytes)
    monkeypatch.setattr("featx.cache.digests.MAX_BYTES", 10)
    (error,) = image_keys(as_sources([path]), FileDigests(None), threads=1)
    assert "are not a single image" in error.reason
    with pytest.raises(ImageDecodeError, match="more than 10 bytes"):
        monkeypatch.setattr("featx.images.sources.MAX_BYTES", 10)
        read_image(path)
