"""Promised: a header says where the rows are and what is around them, and a forged one costs no more than a reader."""

import hashlib
import io
import json

import numpy as np
import pytest

from cache_files import filled, only_segment
from featx.cache.segment_header import MAGIC, MOST_BYTES, checksum_outside, data_places, header_bytes, stored_dtype

PARTS = [(100, 50), (10, 20)]


@pytest.mark.parametrize(
    ("given", "stored"),
    [("<f4", "<f4"), (">f4", "<f4"), ("<f2", "<f2"), (">f2", "<f2"), ("<i2", "<i2"), (">i2", "<i2"), ("<f8", "<f4"),
     ("<i8", "<f4"), ("<u2", "<f4"), ("?", "<f4")],
)  # fmt: skip
def test_half_precision_is_kept_and_all_else_is_float32(given, stored):
    assert stored_dtype(np.dtype(given)) == np.dtype(stored)


def test_a_header_begins_with_magic_a_checksum_and_its_length():
    header = {"format": 1, "shape": [3, 8], "name": "é"}
    content = header_bytes(header)
    assert content.startswith(MAGIC)
    checksum, length, text = content.removeprefix(MAGIC).split(b" ", 2)
    assert json.loads(text) == header
    assert int(length) == len(text)
    assert checksum.decode() == hashlib.sha256(text).hexdigest()


def test_places_are_those_of_the_rows_in_the_file(cache):
    path = only_segment(filled(cache, range(5)))
    content = path.read_bytes()
    start = content.index(MAGIC)
    header = json.loads(content[start:].removeprefix(MAGIC).split(b" ", 2)[2].split(b"\0", 1)[0])
    (digests, n_digests), (embeddings, n_embeddings) = data_places(header, 4)
    assert (n_digests, n_embeddings) == (5 * 32, 5 * 8 * 4)
    stored = np.frombuffer(content[embeddings : embeddings + n_embeddings], "<f4").reshape(5, 8)
    keys = np.frombuffer(content[digests : digests + n_digests], np.uint8).reshape(5, 32)
    assert np.array_equal(stored, np.float32(1) / (keys[:, :8] + np.float32(1)))


@pytest.fixture
def file(tmp_path):
    """A file of two hundred different bytes, open for reading and writing."""
    (tmp_path / "file").write_bytes(bytes(range(200)))
    with open(tmp_path / "file", "r+b") as file:
        yield file


def test_the_checksum_is_that_of_all_bytes_outside_the_parts(file):
    content = bytes(range(200))
    expected = hashlib.sha256(content[:10] + content[30:100] + content[150:]).hexdigest()
    assert checksum_outside(file, PARTS) == expected
    assert checksum_outside(file, PARTS[::-1]) == expected
    assert checksum_outside(file, [*PARTS, (20, 5)]) == expected  # within another part
    assert checksum_outside(file, []) == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize(("place", "told"), [(0, True), (9, True), (30, True), (199, True), (10, False), (120, False)])
def test_a_byte_that_changes_is_told_where_it_is_not_of_the_rows(place, told, file):
    before = checksum_outside(file, PARTS)
    file.seek(place)
    file.write(b"\xff")
    file.flush()
    assert (checksum_outside(file, PARTS) != before) == told


def test_a_cut_file_has_another_checksum_and_parts_beyond_its_end_are_no_error(file):
    before = checksum_outside(file, PARTS)
    file.truncate(120)
    assert checksum_outside(file, PARTS) != before
    assert checksum_outside(file, [(0, 10**6)]) == hashlib.sha256(b"").hexdigest()


def test_a_header_that_leaves_gigabytes_outside_is_refused_before_they_are_read(tmp_path):
    class Counting(io.FileIO):
        read_bytes = 0

        def read(self, size=-1):
            data = super().read(size)
            self.read_bytes += len(data)
            return data

    with Counting(tmp_path / "file", "w+") as file:
        file.truncate(10**10)  # sparse
        with pytest.raises(ValueError, match="more than 1,048,576 bytes beside the rows"):
            checksum_outside(file, [(MOST_BYTES // 2, 100)])
        assert file.read_bytes <= MOST_BYTES
        assert checksum_outside(file, [(100, 10**10)]) == hashlib.sha256(bytes(100)).hexdigest()
