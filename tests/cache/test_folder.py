"""Promised: segments are merged, listed and refused so that no committed row is lost or mixed with others."""

import itertools
import os

import numpy as np
import pytest

import featx.cache.folder
from cache_files import (
    assert_holds,
    assert_same_bits,
    clutter,
    filled,
    no_space,
    only_segment,
    patterns,
    segments,
    spoil,
)
from featx.cache import CacheError, EmbeddingCache
from specs import SPEC, found_of, rows

DTYPES = [np.float32, np.float16, np.int16]


@pytest.mark.parametrize("dtype", DTYPES)
def test_small_segments_of_any_dtype_merge_by_themselves(cache, dtype):
    digests, values = patterns(dtype)
    for number in range(40):
        cache.put(SPEC, digests[[number]], values[[number]])
    assert len(segments(cache)) < 16
    assert_same_bits(EmbeddingCache(cache.root).get(SPEC, digests[:40])[0], values[:40])


@pytest.mark.parametrize("dtype", DTYPES)
def test_what_is_missing_is_zero_in_the_dtype_of_the_spec(cache, dtype):
    digests, values = patterns(dtype)
    cache.put(SPEC, digests[:1], values[:1])
    got, found = cache.get(SPEC, digests[:3])
    assert found.tolist() == [True, False, False]
    assert_same_bits(got, np.concatenate([values[:1], np.zeros_like(values[1:3])]))
    assert cache.get(SPEC, digests[:3], all_or_none=True)[0].shape == (3, 0)
    cache.prune(max_bytes=0)
    assert cache.get(SPEC, digests)[0].dtype == np.float32


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
    assert_same_bits(cache.get(SPEC, digests[:5])[0], values[:5])


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


def test_a_spec_has_one_width(cache):
    filled(cache, [1])
    with pytest.raises(ValueError):
        cache.put(SPEC, *rows([2], width=5))
    assert_holds(cache, [1])


def test_damage_after_the_first_reading_is_not_merged_in(tmp_path):
    cache = filled(tmp_path, range(5))
    path = only_segment(tmp_path)
    assert found_of(cache, range(5)).all()
    cache.put(SPEC, *rows(range(5, 9)))
    spoil(path)
    cache.compact()
    assert found_of(EmbeddingCache(tmp_path), range(9)).tolist() == [False] * 5 + [True] * 4


def test_rows_merged_while_their_segments_are_being_opened_are_found(tmp_path, monkeypatch):
    for number in range(3):
        filled(tmp_path, [number])
    reader, other = EmbeddingCache(tmp_path), EmbeddingCache(tmp_path)
    original = featx.cache.folder.Segment

    def slow(*args):
        monkeypatch.setattr(featx.cache.folder, "Segment", original)
        other.compact()
        return original(*args)

    monkeypatch.setattr(featx.cache.folder, "Segment", slow)
    assert found_of(reader, range(3)).all()


def test_a_put_is_done_even_if_there_is_no_room_to_merge(tmp_path, monkeypatch):
    for number in range(15):
        filled(tmp_path, [number])
    cache = EmbeddingCache(tmp_path)
    replace, calls = os.replace, []

    def fails_later(*args):
        calls.append(args)
        return replace(*args) if len(calls) == 1 else no_space()

    monkeypatch.setattr(os, "replace", fails_later)
    cache.put(SPEC, *rows([15]))
    assert len(calls) == 2
    assert found_of(cache, range(16)).all()
    assert not clutter(tmp_path)


def test_a_listing_that_goes_on_naming_what_is_gone_is_no_endless_look_up(tmp_path, monkeypatch):
    """As that of a network file system does for some time."""
    cache = filled(tmp_path, range(5))
    assert found_of(cache, range(5)).all()
    name = only_segment(tmp_path).name
    monkeypatch.setattr(featx.cache.folder.SpecFolder, "names", lambda self: {name})
    only_segment(tmp_path).unlink()
    assert not found_of(cache, range(5)).any()
    assert not cache.contains(SPEC, rows(range(5))[0]).any()


def test_listings_that_never_rest_are_no_endless_look_up(tmp_path, monkeypatch):
    cache, names, numbers = filled(tmp_path, range(5)), featx.cache.folder.SpecFolder.names, itertools.count()
    monkeypatch.setattr(featx.cache.folder.SpecFolder, "names", lambda self: {*names(self), f"{next(numbers)}.h5"})
    assert found_of(cache, range(5)).all()


@pytest.mark.parametrize(
    "read", [lambda cache: cache.contains(SPEC, rows(range(6))[0]), lambda cache: found_of(cache, range(6))]
)
def test_rows_merged_while_they_are_looked_up_are_found(tmp_path, monkeypatch, read):
    cache = filled(filled(tmp_path, range(3)), range(3, 6))
    assert read(cache).all()
    real = featx.cache.folder.Segment.digests_of

    def overtaken(*args):
        monkeypatch.setattr(featx.cache.folder.Segment, "digests_of", real)
        EmbeddingCache(tmp_path).compact()
        return real(*args)

    monkeypatch.setattr(featx.cache.folder.Segment, "digests_of", overtaken)
    assert read(cache).all()
    assert read(cache).all()


def test_files_that_go_faster_than_they_are_read_are_an_error(tmp_path, monkeypatch):
    def gone(*args):
        raise FileNotFoundError

    cache = filled(tmp_path, range(5))
    monkeypatch.setattr(featx.cache.folder.Segment, "read", gone)
    with pytest.raises(CacheError, match="faster than they can be read"):
        cache.get(SPEC, rows(range(5))[0])


def test_a_merge_whose_segments_another_process_has_merged_meanwhile_is_done(tmp_path, monkeypatch):
    cache = filled(tmp_path, [1])
    filled(tmp_path, [2])
    real = featx.cache.folder.write_segment

    def stopped(*args):  # and overtaken before it has read a row
        monkeypatch.setattr(featx.cache.folder, "write_segment", real)
        EmbeddingCache(tmp_path)._folder(SPEC).merge(EmbeddingCache(tmp_path)._folder(SPEC).segments())
        return real(*args)

    monkeypatch.setattr(featx.cache.folder, "write_segment", stopped)
    cache.compact()
    assert found_of(EmbeddingCache(tmp_path), [1, 2]).all()
    assert EmbeddingCache(tmp_path).verify().clean
    assert [path.name for path in only_segment(cache.root).parent.glob("tmp-*")] == []
