"""The store gives back what was put, bit for bit, to every process, and stays small and exportable."""

import dataclasses
import hashlib
import json
import os
import pickle
import subprocess
import sys
import threading
import time

import h5py
import numpy as np
import pytest
from featx.cache import CacheError, EmbeddingCache, EmbeddingSpec, default_cache_dir
from featx.cache.digests import digest_array, digest_bytes
from featx.cache.memory import MemoryStore
from featx.cache.segment import Segment

SPEC = EmbeddingSpec(backbone="net", weights_digest="0", layer="last", pooling="avg", preprocessing="none")
OTHER = dataclasses.replace(SPEC, layer="layer3")
CHANGES = {
    "backbone": "net2",
    "weights_digest": "1",
    "layer": "layer3",
    "pooling": "max",
    "preprocessing": "resize",
    "precision": "bfloat16",
    "revision": 2,
}


def rows(numbers, width=8):
    """Digests of the numbers, and embeddings that follow from the digests."""
    raw = b"".join(hashlib.sha256(b"%d" % n).digest() for n in numbers)
    digests = np.frombuffer(raw, np.uint8).reshape(-1, 32)
    return digests, np.float32(1) / (digests[:, :width].astype(np.float32) + 1)


def segments(cache, spec=SPEC):
    return sorted((cache.root / spec.digest).glob("*.h5"))


def assert_holds(cache, numbers, spec=SPEC):
    digests, expected = rows(numbers)
    embeddings, found = cache.get(spec, digests)
    assert found.all()
    assert embeddings.dtype == np.float32
    assert embeddings.tobytes() == expected.tobytes()


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


def filled(cache, numbers, spec=SPEC):
    cache.put(spec, *rows(numbers))
    return cache


def test_rows_come_back_bit_for_bit_in_any_order_with_duplicates(cache):
    for batch in ([0], range(1, 40), range(40, 47), range(30, 60)):
        filled(cache, batch)
    order = np.random.default_rng(0).integers(0, 60, 300)
    assert_holds(cache, order)
    assert cache.contains(SPEC, rows(order)[0]).all()


def test_special_floats_keep_their_bits(cache):
    bits = np.array([[0x7FC00001, 0xFF800000, 0x80000000, 0x00000001]], dtype=np.uint32)
    cache.put(SPEC, rows([1])[0], bits.view(np.float32))
    assert cache.get(SPEC, rows([1])[0])[0].tobytes() == bits.tobytes()


DTYPES = [np.float32, np.float16, np.int16]


def patterns(dtype, width=64):
    """Digests, and rows that hold every pattern of 16 bits: NaN with payloads, infinities, subnormals and zeros."""
    bits = np.random.default_rng(0).permutation(np.arange(1 << 16, dtype=np.uint32))
    bits = bits << 16 | bits if dtype == np.float32 else bits.astype(np.uint16)
    values = bits.view(dtype).reshape(-1, width)
    return rows(range(len(values)))[0], values


def assert_same(got, expected):
    assert got.dtype == expected.dtype
    assert got.tobytes() == expected.tobytes()


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
            assert_same(got, values[order])
    assert (cache.width(SPEC), cache.info()[0].dtype) == (64, np.dtype(dtype).name)
    report = cache.verify()
    assert (report.clean, report.rows) == (True, 1024)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rows_kept_in_memory_keep_their_dtype_as_well(dtype):
    digests, values = patterns(dtype)
    store = MemoryStore()
    assert store.get(SPEC, digests[:0])[0].dtype == store.get(SPEC, digests)[0].dtype == np.float32
    store.put(SPEC, digests, values)
    assert_same(store.get(SPEC, digests[::-1])[0], values[::-1])


@pytest.mark.parametrize("block", [1, 1000, 1 << 20])
@pytest.mark.parametrize("dtype", DTYPES)
def test_compact_keeps_the_dtype_and_the_bits(cache, dtype, block, monkeypatch):
    monkeypatch.setattr("featx.cache.segment.BLOCK", block)
    digests, values = patterns(dtype)
    for start in range(0, 1024, 300):
        cache.put(SPEC, digests[start : start + 400], values[start : start + 400])
    assert cache.compact() == 3
    assert (cache.info()[0].rows, cache.info()[0].dtype) == (1024, np.dtype(dtype).name)
    assert cache.verify().clean
    for reader in (cache, EmbeddingCache(cache.root)):
        assert_same(reader.get(SPEC, digests[::-1])[0], values[::-1])


@pytest.mark.parametrize("dtype", DTYPES)
def test_small_segments_of_any_dtype_merge_by_themselves(cache, dtype):
    digests, values = patterns(dtype)
    for number in range(40):
        cache.put(SPEC, digests[[number]], values[[number]])
    assert len(segments(cache)) < 16
    assert_same(EmbeddingCache(cache.root).get(SPEC, digests[:40])[0], values[:40])


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_missing_is_zero_in_the_dtype_of_the_spec(cache, dtype):
    digests, values = patterns(dtype)
    cache.put(SPEC, digests[:1], values[:1])
    got, found = cache.get(SPEC, digests[:3])
    assert found.tolist() == [True, False, False]
    assert_same(got, np.concatenate([values[:1], np.zeros_like(values[1:3])]))
    assert cache.get(SPEC, digests[:3], all_or_none=True)[0].shape == (3, 0)
    cache.prune(max_bytes=0)
    assert cache.get(SPEC, digests)[0].dtype == np.float32


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
    assert_same(cache.get(SPEC, digests)[0], values)


@pytest.mark.parametrize("second", DTYPES)
@pytest.mark.parametrize("first", DTYPES)
def test_a_spec_has_one_dtype(cache, first, second):
    digests, values = patterns(first)
    cache.put(SPEC, digests[:5], values[:5])
    if first == second:
        return
    for writer in (cache, EmbeddingCache(cache.root)):
        with pytest.raises(ValueError, match=f"expected 64 columns of {np.dtype(first).name}"):
            writer.put(SPEC, *patterns(second))
    assert len(segments(cache)) == 1
    assert_same(cache.get(SPEC, digests[:5])[0], values[:5])


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
        assert_same(file["embeddings"][:], values)


def test_missing_rows_are_flagged_and_zero(cache):
    filled(cache, [1, 3])
    digests = rows([0, 1, 2, 3])[0]
    embeddings, found = cache.get(SPEC, digests)
    assert found.tolist() == cache.contains(SPEC, digests).tolist() == [False, True, False, True]
    assert not embeddings[~found].any()


def test_an_empty_cache_has_nothing_and_makes_nothing(cache):
    digests = rows(range(3))[0]
    embeddings, found = cache.get(SPEC, digests)
    assert embeddings.shape == (3, 0)
    assert not found.any()
    assert not cache.contains(SPEC, digests).any()
    assert cache.width(SPEC) is None
    assert cache.specs() == cache.info() == []
    assert cache.compact() == cache.prune(max_bytes=0) == 0
    report = cache.verify()
    assert (report.clean, report.segments, cache.repair().clean) == (True, 0, True)
    assert not cache.root.exists()


def test_no_rows_are_no_segment(cache):
    filled(cache, [])
    assert segments(cache) == []
    assert filled(cache, [1]).get(SPEC, rows([])[0])[0].shape == (0, 8)


def test_specs_do_not_mix(cache):
    filled(cache, [1])
    cache.put(OTHER, rows([1])[0], np.full((1, 3), 7))
    assert_holds(cache, [1])
    assert cache.get(OTHER, rows([1])[0])[0].tolist() == [[7, 7, 7]]
    assert cache.width(OTHER) == 3
    assert not filled(cache, [2]).contains(OTHER, rows([2])[0]).any()


@pytest.mark.parametrize("field", [f.name for f in dataclasses.fields(EmbeddingSpec)])
def test_a_change_of_any_field_changes_the_digest(field):
    changed = dataclasses.replace(SPEC, **{field: CHANGES[field]})
    assert changed.digest != SPEC.digest
    assert len(changed.digest) == 32
    assert dataclasses.replace(changed, **{field: getattr(SPEC, field)}).digest == SPEC.digest


def test_spec_survives_json():
    spec = dataclasses.replace(SPEC, backbone='né"t\n', revision=3)
    assert EmbeddingSpec.from_json(spec.to_json()) == spec


GARBAGE = {
    "empty": "",
    "cut": '{"backbone":',
    "null": "null",
    "list": "[]",
    "fields_missing": "{}",
    "unknown_field": SPEC.to_json()[:-1] + ',"x":1}',
    "wrong_type": json.dumps(SPEC.to_dict() | {"backbone": ["net"]}),
    "deep": "[" * 100_000,
}


@pytest.mark.parametrize("text", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_no_spec(text):
    with pytest.raises(CacheError, match="not an embedding spec"):
        EmbeddingSpec.from_json(text)


def test_spec_json_lies_beside_the_segments(cache):
    filled(cache, [1])
    assert json.loads((cache.root / SPEC.digest / "spec.json").read_text()) == SPEC.to_dict()
    assert cache.specs() == [SPEC]


def test_another_instance_and_another_process_see_committed_rows(cache):
    reader = EmbeddingCache(str(cache.root))
    assert not reader.contains(SPEC, rows([5])[0]).any()
    filled(cache, [5])
    assert_holds(reader, [5])
    code = f"from test_store import *; assert_holds(EmbeddingCache({str(cache.root)!r}), [5])"
    subprocess.run([sys.executable, "-c", code], cwd=os.path.dirname(__file__), check=True, timeout=60)


def test_pickling_keeps_only_the_path(cache):
    filled(cache, range(1000))
    assert_holds(cache, range(1000))
    data = pickle.dumps(cache)
    assert len(data) < 1000
    assert_holds(pickle.loads(data), range(1000))


def test_hundreds_of_one_row_puts_leave_few_segments(cache):
    for number in range(300):
        filled(cache, [number])
    assert len(segments(cache)) <= 40
    assert_holds(EmbeddingCache(cache.root), range(300))
    assert cache.info()[0].rows == 300


def test_segments_of_some_size_are_merged_by_compact_alone(cache, monkeypatch):
    monkeypatch.setattr("featx.cache.folder.LARGE_BYTES", 10 * 8 * 4)
    for start in range(0, 400, 10):
        filled(cache, range(start, start + 10))
    whole = set(segments(cache))
    assert len(whole) == 40
    for number in range(400, 440):
        filled(cache, [number])
        assert whole <= set(segments(cache))
    # Two of 16 rows, and what has not come together yet.
    assert len(segments(cache)) == 40 + 2 + 8
    for reader in (cache, EmbeddingCache(cache.root)):
        assert_holds(reader, np.random.default_rng(0).integers(0, 440, 1000))
        assert not reader.contains(SPEC, rows(range(440, 500))[0]).any()
    assert cache.compact() == 49
    assert_holds(cache, range(440))


def test_compact_leaves_one_segment_without_duplicates(cache):
    for start in range(0, 50, 10):
        filled(cache, range(start, start + 20))
    before = cache.info()[0]
    assert (before.rows, before.segments) == (100, 5)
    assert cache.compact() == 4
    after = cache.info()[0]
    assert (after.rows, after.segments) == (60, 1)
    assert_holds(cache, range(60))
    assert cache.compact() == 0


def test_compact_drops_duplicates_within_one_segment(cache):
    filled(cache, [1, 2, 1, 1]).compact()
    assert cache.info()[0].rows == 2
    assert_holds(cache, [1, 2])


def use_at(cache, spec, moment):
    os.utime(cache.root / spec.digest / "spec.json", (moment, moment))


def test_prune_by_bytes_removes_the_least_recently_used_first(cache):
    for number, spec in enumerate((SPEC, OTHER)):
        filled(cache, range(50), spec)
        use_at(cache, spec, 1_000_000 + number)
    cache.get(SPEC, rows([1])[0])
    sizes = {info.spec: info.bytes for info in cache.info()}
    assert cache.prune(max_bytes=sizes[SPEC]) == sizes[OTHER]
    assert_holds(cache, range(50))
    assert not cache.contains(OTHER, rows(range(50))[0]).any()


def test_prune_removes_the_older_segments_of_a_spec_first(cache):
    for number in range(3):
        filled(cache, [number])
        for path in segments(cache):
            os.utime(path, (path.stat().st_mtime - 100,) * 2)
    total = cache.info()[0].bytes
    assert cache.prune(max_bytes=total - 1) == total // 3
    assert cache.contains(SPEC, rows(range(3))[0]).tolist() == [False, True, True]


def test_prune_by_age_keeps_what_was_used_since(cache):
    for spec in (SPEC, OTHER):
        use_at(filled(cache, [1], spec), spec, time.time() - 1000)
    cache.get(OTHER, rows([1])[0])
    assert cache.prune(max_age=500) > 0
    assert not cache.contains(SPEC, rows([1])[0]).any()
    assert_holds(cache, [1], OTHER)
    assert cache.prune(max_age=500) == cache.prune() == 0


@pytest.mark.any_file_name
def test_export_is_plain_hdf5(cache, tmp_path, settled_files):
    image = tmp_path / "ä.png"
    image.write_bytes(b"5")
    cache.digests.digest([str(image)])
    filled(cache, [7, 5, 6, 5])
    target = tmp_path / "out.h5"
    assert cache.export(target) == 3
    with h5py.File(target) as file:
        assert dict(file.attrs) == SPEC.to_dict()
        assert file["embeddings"].dtype == np.float32
        exported = {bytes.fromhex(d.decode()): e for d, e in zip(file["digests"], file["embeddings"], strict=True)}
        paths = dict(zip(file["digests"].asstr(), file["paths"].asstr(), strict=True))
    digests, embeddings = rows([5, 6, 7])
    assert {d.tobytes(): e.tolist() for d, e in zip(digests, embeddings, strict=True)} == {
        d: e.tolist() for d, e in exported.items()
    }
    assert sorted(paths.values()) == ["", "", str(image)]
    assert paths[digest_bytes(b"5").hex()] == str(image)
    assert sorted(os.listdir(tmp_path)) == ["cache", "out.h5", "ä.png"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_export_widens_float16_and_says_that_int16_is_bfloat16(cache, tmp_path, dtype, monkeypatch):
    monkeypatch.setattr("featx.cache.maintenance.EXPORT_BYTES", 1000)
    digests, values = patterns(dtype)
    cache.put(SPEC, digests, values)
    assert cache.export(tmp_path / "out.h5") == 1024
    with h5py.File(tmp_path / "out.h5") as file:
        names, exported, attributes = file["digests"][:], file["embeddings"][:], dict(file["embeddings"].attrs)
    order = [bytes.fromhex(name.decode()) for name in names]
    expected = dict(zip([d.tobytes() for d in digests], values, strict=True))
    expected = np.array([expected[digest] for digest in order])
    if dtype == np.int16:
        assert attributes == {"dtype": "bfloat16"}
        assert_same(exported, expected)
    else:
        assert attributes == {}
        assert exported.dtype == np.float32
        np.testing.assert_array_equal(exported, expected.astype(np.float32))


def test_export_replaces_and_of_nothing_is_empty(cache, tmp_path):
    filled(cache, [1]).prune(max_bytes=0)
    (tmp_path / "out.h5").write_text("old")
    assert cache.export(tmp_path / "out.h5") == 0
    with h5py.File(tmp_path / "out.h5") as file:
        assert len(file["digests"]) == len(file["embeddings"]) == len(file["paths"]) == 0


def test_export_wants_a_spec_named_when_there_are_several(cache, tmp_path):
    filled(filled(cache, [1]), [1, 2], OTHER)
    with pytest.raises(CacheError) as caught:
        cache.export(tmp_path / "out.h5")
    assert all(spec.digest[:12] in str(caught.value) for spec in (SPEC, OTHER))
    with pytest.raises(CacheError, match="no embeddings whose digest begins with 'zzz'"):
        cache.export(tmp_path / "out.h5", spec="zzz")
    assert cache.export(tmp_path / "out.h5", spec=OTHER.digest[:8]) == 2


def test_export_to_where_no_file_can_be_names_the_target(cache, tmp_path):
    with pytest.raises(CacheError, match="nowhere"):
        filled(cache, [1]).export(tmp_path / "nowhere" / "out.h5")


def test_info_counts_rows_bytes_and_segments(cache):
    filled(filled(filled(cache, range(10)), range(5, 15)), [1], OTHER)
    found = {info.spec: info for info in cache.info()}
    assert set(found) == {SPEC, OTHER}
    info = found[SPEC]
    assert (info.rows, info.width, info.segments) == (20, 8, 2)
    assert info.bytes == sum(path.stat().st_size for path in segments(cache))
    assert abs(info.last_used - time.time()) < 60


def test_verify_counts_what_is_sound(cache):
    report = filled(filled(cache, range(10)), [1], OTHER).verify()
    assert (report.clean, report.segments, report.rows) == (True, 2, 11)
    assert report.problems == report.leftovers == report.set_aside == []


@pytest.mark.any_file_name
def test_default_root_is_featx_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "här e"))
    assert default_cache_dir() == EmbeddingCache().root == tmp_path / "här e"
    assert_holds(filled(EmbeddingCache(), [1]), [1])
    monkeypatch.delenv("FEATX_CACHE")
    assert EmbeddingCache().root.name == "featx"


@pytest.mark.parametrize(
    ("digests", "embeddings"),
    [
        ((2, 32), (3, 4)),
        ((2, 32), (2,)),
        ((2, 32), (2, 4, 1)),
        ((2, 31), (2, 4)),
        ((32,), (32, 4)),
        ((2, 32), (2, 0)),
    ],
)
def test_wrong_shapes_are_refused(cache, digests, embeddings):
    with pytest.raises(ValueError, match="shape"):
        cache.put(SPEC, np.zeros(digests, np.uint8), np.zeros(embeddings, np.float32))
    assert segments(cache) == []


def test_a_spec_has_one_width(cache):
    filled(cache, [1])
    with pytest.raises(ValueError):
        cache.put(SPEC, *rows([2], width=5))
    assert_holds(cache, [1])


def test_reading_with_digests_of_a_wrong_shape_is_refused(cache):
    for read in (cache.get, cache.contains):
        with pytest.raises(ValueError, match="expected"):
            read(SPEC, np.zeros((2, 31), np.uint8))


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.int32, np.uint16, np.int8, bool, object, ">f4"])
def test_any_other_number_is_stored_as_float32(cache, dtype):
    values = np.arange(12).reshape(4, 3).astype(dtype)[:, ::-1]
    cache.put(SPEC, rows(range(4))[0], values)
    embeddings, _ = cache.get(SPEC, rows(range(4))[0])
    assert embeddings.dtype == np.float32
    assert embeddings.tolist() == values.tolist()


def test_array_digest_depends_on_shape_dtype_and_bytes():
    array = np.arange(6, dtype=np.int32)
    others = [array.reshape(2, 3), array.astype(np.int64), array.view(np.uint32), array[::-1], array[:0]]
    assert len({digest_array(a) for a in (array, *others)}) == 6
    assert digest_array(np.arange(12, dtype=np.int32)[::2]) == digest_array(np.arange(0, 12, 2, dtype=np.int32))


def test_threads_share_the_reading_of_what_is_large(cache, monkeypatch):
    monkeypatch.setattr("featx.cache.segment.READ_THREADS", 3)
    monkeypatch.setattr("featx.cache.segment.BYTES_PER_THREAD", 1000)
    monkeypatch.setattr("featx.cache.segment.BLOCK", 320)
    threads = set()
    fill = Segment._fill
    monkeypatch.setattr(Segment, "_fill", lambda *args: threads.add(threading.current_thread()) or fill(*args))
    filled(cache, range(400))
    for numbers in (range(400), range(100, 333), range(0, 400, 2)):
        threads.clear()
        assert_holds(cache, numbers)
        assert threading.main_thread() not in threads
    for numbers in (range(399, -1, -1), np.random.default_rng(0).permutation(400), range(31)):
        threads.clear()
        assert_holds(cache, numbers)
        assert threads == {threading.main_thread()}


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
