"""Promised: each cell of X is read like its file, in whatever form it holds the image."""

import io

import numpy as np
import pytest
from PIL import Image

from cells import CELLS, ENCODED, PICTURES, content
from featx import as_sources, read_image
from featx.exceptions import ImageDecodeError
from featx.images.cells import cell_kind


@pytest.mark.parametrize("kind", ENCODED)
def test_what_is_encoded_has_the_digest_of_its_file(files, kind):
    for path in files:
        source, file = as_sources([ENCODED[kind](path), path])
        assert source.digest() == source.load()[0] == file.digest()
        assert np.array_equal(source.load()[1], file.load()[1])


def test_a_value_range_applies_to_contents_as_to_their_files(tmp_path):
    path = tmp_path / "deep.png"
    Image.fromarray(np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)).save(path)
    of_file, of_bytes = as_sources([path, path.read_bytes()], value_range=(0, 4095))
    assert of_bytes.digest() == of_bytes.load()[0] == of_file.load()[0] != as_sources([path])[0].digest()
    assert of_bytes.depends_on_value_range()
    assert np.array_equal(of_bytes.load()[1], of_file.load()[1])


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"a/b.png", "path"),
        (b"P5/a.png", "path"),
        (b"BMW/GIF89a.jpg", "path"),
        (b"https://example.org/a.png", "path"),
        ("ä/写真.png".encode(), "path"),
        (b"\xe9t\xe9.jpg", "path"),
        (b"a" * 4096, "path"),
        (b"a" * 4097, "file's bytes"),
        (b"P5 1 1 255\n\x40", "file's bytes"),
        (b"P2\n1 1\n255\n7\n", "file's bytes"),
        (b"\xff\xd8\xff", "file's bytes"),
        (b"a\0b", "file's bytes"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "file's bytes"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "file's bytes"),
        (b'{"error": "not found"}', "file's bytes"),
        (b"", "missing"),
    ],
)
def test_bytes_are_a_path_or_a_file(data, kind):
    assert cell_kind(data) == kind


def test_what_may_be_written_to_is_read_as_it_was(files):
    data = bytearray(content(files[0]))
    sources = as_sources([data, memoryview(data)])
    data[:] = bytes(len(data))
    assert all(np.array_equal(source.load()[1], PICTURES[0]) for source in sources)


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "BytesIO", "record without a path"])
def test_damaged_contents_are_refused_by_their_index_and_not_shown(files, kind):
    cell = CELLS[kind](files[0])
    data = content(files[0])[:-400]
    cell = {"bytes": data, "path": None} if isinstance(cell, dict) else io.BytesIO(data) if kind == "BytesIO" else data
    with pytest.raises(ImageDecodeError, match="image 1: ") as caught:
        as_sources([files[0], cell])[1].load()
    assert "PNG" not in str(caught.value)
    assert "\\x" not in str(caught.value)


def test_a_record_is_called_by_its_path():
    with pytest.raises(ImageDecodeError, match=r"image cat\.png: the file is empty"):
        read_image({"bytes": b"", "path": "cat.png"})
