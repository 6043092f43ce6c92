"""Promised: a segment keeps every bit in its dtype, and a file that is not a whole segment is set aside."""

import contextlib
import hashlib
import json
import os
import pickle
import tempfile
import threading

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import featx.cache.segment
from cache_files import assert_holds, assert_same_bits, filled, filled_as, only_segment, patterns, segments
from featx.cache import EmbeddingCache
from featx.cache.segment import Segment
from specs import OTHER, SPEC, found_of, rows

DTYPES = [np.float32, np.float16, np.int16]


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_keep_their_dtype_and_every_pattern_of_bits(cache, dtype):
    digests, values = patterns(dtype)
    cache.put(SPEC, digests[:1000], values[:1000])
    cache.put(SPEC, digests[1000:], values[1000:])
    rng = np.random.default_rng(0)
    scattered = rng.choice(len(digests), 40, replace=False)
    for reader in (cache, EmbeddingCache(cache.root), pickle.loads(pickle.dumps(cache))):
        for order in (np.arange(len(digests)), scattered, np.sort(scattered), rng.integers(0, 1024, 3000), [7]):
            got, found = reader.get(SPEC, digests[order])
            assert found.all()
            assert_same_bits(got, values[order])
    assert (cache.width(SPEC), cache.info()[0].dtype) == (64, np.dtype(dtype).name)
    report = cache.verify()
    assert (report.clean, report.rows) == (True, 1024)


def test_digests_are_read_and_not_kept(cache, monkeypatch):
    digests, values = patterns(np.float16)
    cache.put(SPEC, digests, values)
    segment = Segment(only_segment(cache))
    assert np.array_equal(segment.digests, digests)
    for few in (2, 10**9):  # one by one, and with what lies between
        monkeypatch.setattr(featx.cache.segment, "SEEK_BYTES", few)
        for wanted in ([5], [0, 7, 7, 900], np.arange(3, 500), [], np.arange(0, 1024, 3)):
            assert np.array_equal(segment.digests_of(np.asarray(wanted, int)), digests[np.asarray(wanted, int)])
    assert not any(isinstance(kept, np.ndarray) for kept in vars(segment).values())


def test_half_precision_takes_half_the_room(cache):
    digests, values = patterns(np.float16)
    cache.put(SPEC, digests, values)
    cache.put(OTHER, digests, values.astype(np.float32))
    sizes = {info.spec: info.bytes for info in cache.info()}
    assert sizes[OTHER] - sizes[SPEC] == values.nbytes
    assert cache.prune(max_bytes=0) == sum(sizes.values())


@pytest.mark.parametrize("dtype", ["<f2", "<i2"])
def test_rows_of_the_other_byte_order_keep_their_values(cache, dtype):
    digests, values = patterns(np.dtype(dtype).type)
    cache.put(SPEC, digests, np.asfortranarray(values.astype(np.dtype(dtype).newbyteorder(">"))))
    assert_same_bits(cache.get(SPEC, digests)[0], values)


def test_float32_segments_are_written_as_before_there_were_other_dtypes(cache):
    filled(cache, range(5))
    (path,) = segments(cache)
    data = path.read_bytes()
    assert b'"dtype"' not in data
    header = json.loads(data[data.index(b'{"format"') :].split(b"\0", 1)[0])
    assert (set(header), header["format"]) == ({"format", "spec", "shape", "digests", "embeddings", "rest"}, 1)
    start = header["embeddings"][0]
    assert data[start:][: 5 * 8 * 4] == rows(range(5))[1].tobytes()
    assert_holds(EmbeddingCache(cache.root), range(5))


@pytest.mark.parametrize("dtype", DTYPES)
def test_segments_are_plain_hdf5_in_their_dtype(cache, dtype):
    digests, values = patterns(dtype)
    cache.put(SPEC, digests, values)
    with h5py.File(segments(cache)[0]) as file:
        assert_same_bits(file["embeddings"][:], values)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.int32, np.uint16, np.int8, bool, object, ">f4"])
def test_any_other_number_is_stored_as_float32(cache, dtype):
    values = np.arange(12).reshape(4, 3).astype(dtype)[:, ::-1]
    cache.put(SPEC, rows(range(4))[0], values)
    embeddings, _ = cache.get(SPEC, rows(range(4))[0])
    assert embeddings.dtype == np.float32
    assert embeddings.tolist() == values.tolist()


def test_threads_share_the_reading_of_what_is_large(cache, monkeypatch):
    monkeypatch.setattr("featx.cache.segment.READ_THREADS", 3)
    monkeypatch.setattr("featx.cache.segment.BYTES_PER_THREAD", 1000)
    monkeypatch.setattr("featx.cache.segment.BLOCK", 320)
    threads = set()
    fill = Segment._fill

    def noted(self, file, start, block):
        if block.dtype == np.float32:  # no digests
            threads.add(threading.current_thread())
        return fill(self, file, start, block)

    monkeypatch.setattr(Segment, "_fill", noted)
    filled(cache, range(400))
    for numbers in (range(400), range(100, 333), range(0, 400, 2)):
        threads.clear()
        assert_holds(cache, numbers)
        assert threading.main_thread() not in threads
    monkeypatch.setattr("featx.cache.scattered_rows.MOST_PLACES", 0)
    for numbers in (range(399, -1, -1), np.random.default_rng(0).permutation(400), range(31)):
        threads.clear()
        assert_holds(cache, numbers)
        assert threads == {threading.main_thread()}


@pytest.mark.parametrize("by_system", [True, False], ids=["system", "numpy"])
@pytest.mark.parametrize("threads", [1, 4])
def test_scattered_rows_come_to_their_places(cache, monkeypatch, by_system, threads):
    monkeypatch.setattr("featx.cache.segment.READ_THREADS", threads)
    monkeypatch.setattr("featx.cache.segment.BYTES_PER_THREAD", 1 << 16)
    if not by_system:
        monkeypatch.setattr("featx.cache.scattered_rows.MOST_PLACES", 0)
    elif not hasattr(os, "preadv"):
        pytest.skip("this system does not scatter what it reads")
    digests, values = rows(range(800), width=1280)
    cache.put(SPEC, digests, values)
    rng = np.random.default_rng(0)
    for order in (rng.permutation(800), rng.choice(800, 500, replace=False), rng.integers(0, 800, 900)):
        got, found = EmbeddingCache(cache.root).get(SPEC, digests[order])
        assert found.all()
        assert_same_bits(got, values[order])


def test_a_thread_that_finds_the_file_cut_off_sets_it_aside(cache, monkeypatch):
    monkeypatch.setattr("featx.cache.segment.READ_THREADS", 3)
    monkeypatch.setattr("featx.cache.segment.BYTES_PER_THREAD", 1000)
    assert_holds(filled(cache, range(400)), range(10))
    (path,) = segments(cache)
    os.truncate(path, path.stat().st_size - 32)
    embeddings, found = cache.get(SPEC, rows(range(400))[0])
    assert not found.any()
    assert not embeddings.any()
    assert [reason for _, reason in cache.damaged] == ["truncated"]


def with_header(path, **changes):
    """Change fields of a segment's header and make its checksum fit; the other bytes have none, as in old segments."""
    data = bytearray(path.read_bytes())
    start = data.index(b'{"format"')
    header = json.loads(data[start:].split(b"\0", 1)[0])
    del header["rest"]
    text = json.dumps(header | changes).encode()
    head = b"featx segment " + hashlib.sha256(text).hexdigest().encode() + b" %08d " % len(text) + text
    data[: len(head)] = head
    path.write_bytes(data)


@pytest.mark.parametrize("dtype", ["<f8", ">f2", "bfloat16", "", None, 2, ["<f2"], {}])
def test_a_segment_of_an_unknown_dtype_is_set_aside(tmp_path, dtype):
    path = only_segment(filled_as(tmp_path, np.float16, range(5)).root)
    with_header(path, dtype=dtype)
    cache = EmbeddingCache(tmp_path)
    ((where, reason),) = cache.verify().problems
    assert where == path
    assert "dtype" in reason
    assert not found_of(cache, range(5)).any()
    assert path.with_suffix(".damaged").exists()
    assert found_of(filled(tmp_path, range(5)), range(5)).all()


def test_a_header_that_tells_float32_is_read_like_one_that_tells_nothing(tmp_path):
    with_header(only_segment(filled(tmp_path, range(5)).root), dtype="<f4")
    assert found_of(EmbeddingCache(tmp_path), range(5)).all()


def foreign(file, digests, embeddings):
    file["x"] = 1


def other_dtype(file, digests, embeddings):
    file["digests"], file["embeddings"] = digests, embeddings.astype(">f4")


def chunked(file, digests, embeddings):
    file["digests"] = digests
    file.create_dataset("embeddings", data=embeddings, chunks=True)


def no_checksum(file, digests, embeddings):
    file["digests"], file["embeddings"] = digests, embeddings
    file.attrs.pop("embeddings_sha256", None)


def linked_digests(file, digests, embeddings):
    with h5py.File(file.filename + ".outside", "w") as outside:
        outside["digests"] = digests
    file["digests"], file["embeddings"] = h5py.ExternalLink(file.filename + ".outside", "digests"), embeddings


def linked_embeddings(file, digests, embeddings):
    with h5py.File(file.filename + ".outside", "w") as outside:
        outside["embeddings"] = embeddings
    file["digests"], file["embeddings"] = digests, h5py.ExternalLink(file.filename + ".outside", "embeddings")


@pytest.mark.parametrize("build", [foreign, other_dtype, chunked, no_checksum, linked_digests, linked_embeddings])
def test_a_file_that_is_no_whole_segment_is_set_aside(tmp_path, build):
    path = only_segment(filled(tmp_path, range(5)).root)
    with h5py.File(path) as file:
        attributes = dict(file.attrs)
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        build(file, *rows(range(5)))
    cache = EmbeddingCache(tmp_path)
    assert [where for where, _ in cache.verify().problems] == [path]
    assert not found_of(cache, range(5)).any()
    assert path.with_suffix(".damaged").exists()
    cache.put(SPEC, *rows(range(5)))
    assert found_of(cache, range(5)).all()


@settings(max_examples=100, deadline=None, database=None, derandomize=True)
@given(st.binary(max_size=300))
def test_any_bytes_in_place_of_a_segment_are_set_aside(content):
    with tempfile.TemporaryDirectory() as root:
        path = only_segment(filled(root, [1]))
        with contextlib.suppress(FileNotFoundError):
            path.write_bytes(content if len(content) % 2 else path.read_bytes()[:120] + content)
        cache = EmbeddingCache(root)
        assert not found_of(cache, [1]).any()
        assert [name for name, _ in cache.damaged] == [path.name]
