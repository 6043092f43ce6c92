"""Promised: verify, repair, prune, compact and export do what they say and lose no row that is to stay."""

import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

import featx.cache.folder
from cache_files import (
    assert_holds,
    assert_same_bits,
    filled,
    filled_as,
    found_as,
    only_segment,
    patterns,
    segments,
    snapshot,
    spoil,
    spoiled,
)
from featx.cache import CacheError, EmbeddingCache
from featx.cache.digests import digest_bytes
from specs import OTHER, SPEC, found_of, rows

DTYPES = [np.float32, np.float16, np.int16]


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
        assert_same_bits(reader.get(SPEC, digests[::-1])[0], values[::-1])


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
        assert_same_bits(exported, expected)
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


@pytest.mark.parametrize("damage", [Path.unlink, lambda p: p.write_text(OTHER.to_json()), lambda p: p.write_text("{")])
def test_repair_restores_spec_json(tmp_path, damage):
    filled(tmp_path, range(5))
    damage(tmp_path / SPEC.digest / "spec.json")
    cache = EmbeddingCache(tmp_path)
    assert found_of(cache, range(5)).all()
    assert [path.name for path, _ in cache.verify().problems] == ["spec.json"]
    cache.repair()
    assert cache.specs() == [SPEC]
    assert cache.verify().clean


@pytest.mark.parametrize("dtype", DTYPES)
def test_repair_restores_spec_json_of_half_precision_rows(tmp_path, dtype):
    filled_as(tmp_path, dtype, range(5))
    (tmp_path / SPEC.digest / "spec.json").unlink()
    assert [path.name for path, _ in EmbeddingCache(tmp_path).repair().problems] == ["spec.json"]
    cache = EmbeddingCache(tmp_path)
    assert cache.specs() == [SPEC]
    assert cache.verify().clean
    assert found_as(cache, dtype, range(5)).all()


def test_verify_tells_path_and_reason_and_changes_nothing_repair_mends(tmp_path):
    path = spoil(only_segment(filled(tmp_path, range(5)).root))
    filled(tmp_path, range(5, 9))
    before = snapshot(tmp_path)
    cache = EmbeddingCache(tmp_path)
    for _ in range(2):
        report = cache.verify()
        ((where, reason),) = report.problems
        assert (where, report.rows, report.segments) == (path, 4, 1)
        assert "checksum" in reason
    assert snapshot(tmp_path) == before
    assert cache.repair().set_aside == [path.with_suffix(".damaged")]
    assert cache.verify().clean
    assert found_of(cache, range(9)).tolist() == [False] * 5 + [True] * 4


def test_what_was_set_aside_is_told_and_goes_by_nothing_but_a_pruning(tmp_path):
    cache, path = spoiled(tmp_path)
    content = path.read_bytes()
    cache.put(SPEC, *rows(range(5)))
    cache.repair()
    cache.compact()
    assert EmbeddingCache(tmp_path).verify().set_aside == [path]
    (info,) = EmbeddingCache(tmp_path).info()
    assert (info.rows, info.damaged, info.damaged_bytes) == (5, 1, len(content))
    assert cache.prune(max_bytes=info.bytes + len(content), max_age=1000) == 0
    assert path.read_bytes() == content
    # It goes before any row does.
    assert cache.prune(max_bytes=info.bytes) == len(content)
    assert not path.exists()
    assert found_of(EmbeddingCache(tmp_path), range(5)).all()
    assert EmbeddingCache(tmp_path).info()[0].damaged == 0


def test_what_was_set_aside_goes_by_its_age(tmp_path):
    cache, path = spoiled(tmp_path)
    cache.put(SPEC, *rows(range(5)))
    os.utime(path, (1, 1))  # written long ago, set aside just now
    assert cache.prune(max_age=1000) == 0
    assert cache.prune(max_age=0) > 0
    assert not path.exists()


def test_a_folder_that_was_set_aside_is_never_removed(tmp_path):
    folder = only_segment(filled(tmp_path, range(5)).root).with_name("0.h5")
    folder.mkdir()
    (folder / "precious").touch()
    cache = EmbeddingCache(tmp_path)
    assert found_of(cache, range(5)).all()
    assert cache.prune(max_bytes=0) > 0
    assert (folder.with_suffix(".damaged") / "precious").exists()


def while_exporting(monkeypatch, change):
    """Have something happen after an export has seen what there is and before it reads the rows."""
    get = featx.cache.folder.SpecFolder.get

    def late(self, digests):
        monkeypatch.setattr(featx.cache.folder.SpecFolder, "get", get)
        change()
        return get(self, digests)

    monkeypatch.setattr(featx.cache.folder.SpecFolder, "get", late)


def test_an_export_tells_damage_from_a_pruning_beside_it(tmp_path, monkeypatch):
    cache = filled(tmp_path / "cache", range(5))
    while_exporting(monkeypatch, lambda: EmbeddingCache(cache.root).prune(max_bytes=0))
    with pytest.raises(CacheError, match=r"embeddings were removed in .* during the export"):
        cache.export(tmp_path / "out.h5")
    cache.put(SPEC, *rows(range(5)))
    while_exporting(monkeypatch, lambda: spoil(only_segment(cache.root)))
    with pytest.raises(CacheError, match=r"a damaged segment was set aside in .* during the export"):
        cache.export(tmp_path / "out.h5")
    cache.put(SPEC, *rows(range(5)))
    while_exporting(monkeypatch, lambda: EmbeddingCache(cache.root).compact())
    assert cache.export(tmp_path / "out.h5") == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "out.h5"]


def test_info_bears_a_segment_that_another_process_merged(tmp_path, monkeypatch):
    cache = filled(tmp_path, [1])
    names = featx.cache.folder.SpecFolder.names
    monkeypatch.setattr(featx.cache.folder.SpecFolder, "names", lambda self: names(self) | {"gone.h5"})
    assert cache.info()[0].rows == 1
