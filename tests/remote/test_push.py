"""Promised: a push sends the rows that are not there, checked and once, and one that is interrupted goes on later."""

import hashlib
import json
import os

import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem

from failing_stores import counted
from featx import CacheError, ParameterError, pull_cache, push_cache
from featx.remote import push
from specs import OTHER, SPEC, found_of, rows

URL = "memory://bucket/shared"
PLACES = [URL, "file", "path"]


@pytest.fixture(params=PLACES)
def place(request, tmp_path):
    """Return a URL in memory, one of a folder that must be decoded, and a path."""
    return {"file": f"file://{tmp_path}/a%20b", "path": str(tmp_path / "shared")}.get(request.param, request.param)


@pytest.fixture
def cache(caches):
    """Return a cache with segments of 10 rows, 5 of which are in both, and 3 rows of another spec."""
    made = caches()
    made.put(SPEC, *rows(range(10)))
    made.put(SPEC, *rows(range(5, 15)))
    made.put(OTHER, *rows(range(3)))
    return made


def moved(result):
    """Return the segments that have travelled, their rows, and the segments that have not."""
    return result.segments, result.rows, result.segments_skipped


def objects(stored, kind):
    """Return the names of objects of one kind."""
    return sorted(path for path in stored if f"/{kind}/" in path)


def test_rows_travel_once(place, cache, caches):
    pushed = push_cache(place, cache=cache)
    assert (pushed.specs, *moved(pushed)) == (2, 3, 18, 0)
    assert pushed.bytes > 18 * (32 + 32)
    assert moved(push_cache(place, cache=cache)) == (0, 0, 3)
    other = caches()
    assert moved(pull_cache(place, cache=other)) == (3, 18, 0)
    assert found_of(other, range(15)).all()
    assert found_of(other, range(3), spec=OTHER).all()


def test_objects_are_named_by_their_content_and_never_written_again(cache, stored):
    push_cache(URL, cache=cache)
    for path, file in stored.items():
        assert path.rpartition("/")[2].partition(".")[0] == hashlib.sha256(file.getvalue()).hexdigest()
    before = {path: file.getvalue() for path, file in stored.items()}
    cache.put(SPEC, *rows([20]))
    cache.compact()
    assert moved(push_cache(URL, cache=cache)) == (1, 1, 1)
    assert {path: stored[path].getvalue() for path in before} == before
    assert len(stored) == len(before) + 2


def test_a_dry_run_counts_what_would_be_sent_and_writes_nothing(place, cache, stored, tmp_path):
    def there():
        files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*")]
        return {*stored, *(path for path in files if not path.parts[0].startswith("cache"))}

    expected = push_cache(place, cache=cache, dry_run=True)
    assert there() == set()
    assert push_cache(place, cache=cache) == expected
    cache.put(SPEC, *rows(range(30, 35)))
    cache.compact()
    cache.digests.remember_failures({bytes(32): "no image"})
    before = there()
    expected = push_cache(place, cache=cache, dry_run=True)
    assert moved(expected) == (1, 5, 1)
    assert there() == before
    assert push_cache(place, cache=cache) == expected
    assert there() > before


def test_rows_of_merged_segments_are_not_sent_again(cache):
    push_cache(URL, cache=cache)
    cache.compact()
    result = push_cache(URL, cache=cache)
    assert moved(result) == (0, 0, 2)
    assert result.bytes == 0


def test_new_rows_of_a_large_segment_are_sent_in_parts(cache, caches, monkeypatch):
    monkeypatch.setattr(push, "PART_BYTES", 2 * 8 * 4)
    push_cache(URL, cache=cache)
    cache.put(SPEC, *rows(range(30, 35)))
    cache.compact()
    assert moved(push_cache(URL, cache=cache)) == (3, 5, 1)
    other = caches()
    pull_cache(URL, cache=other)
    assert found_of(other, [*range(15), *range(30, 35)]).all()


def test_a_full_folder_for_temporary_files_is_named(cache, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    push_cache(URL, cache=cache)
    cache.put(SPEC, *rows(range(30, 35)))
    cache.compact()
    monkeypatch.setattr(push, "write_segment", full)
    with pytest.raises(CacheError, match=r"cannot write \d+ bytes to .*: No space left on device\. Let TMPDIR"):
        push_cache(URL, cache=cache)


def test_the_index_is_written_last(cache, monkeypatch):
    with counted(monkeypatch) as done:
        push_cache(URL, cache=cache, spec=SPEC.digest)
    assert [name for name in done if name in ("put_file", "pipe_file")] == ["put_file", "put_file", "pipe_file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ConnectionResetError], ids=["stopped", "network"])
def test_a_push_that_is_interrupted_at_any_step_is_continued(error, cache, caches, stored, monkeypatch):
    with counted(monkeypatch) as done:
        push_cache(URL, cache=cache)
    steps = len(done)
    segments = objects(stored, "segments")
    for allowed in range(steps):
        stored.clear()
        with (
            counted(monkeypatch, allowed=allowed, error=error),
            pytest.raises(CacheError if error is not KeyboardInterrupt else KeyboardInterrupt),
        ):
            push_cache(URL, cache=cache)
        there = len(objects(stored, "segments"))
        indexes = len(objects(stored, "index"))
        result = push_cache(URL, cache=cache)
        assert (result.segments, result.segments_skipped) == (3 - there, there)
        assert objects(stored, "segments") == segments
        assert len(objects(stored, "index")) == 2
        assert indexes <= 1
    other = caches()
    pull_cache(URL, cache=other)
    assert found_of(other, range(15)).all()


def test_what_no_index_names_is_not_read(cache, caches, stored, monkeypatch):
    with counted(monkeypatch, allowed=5), pytest.raises(KeyboardInterrupt):
        push_cache(URL, cache=cache)
    assert objects(stored, "segments")
    assert not objects(stored, "index")
    with pytest.raises(CacheError, match="there are no embeddings at memory://bucket/shared"):
        pull_cache(URL, cache=caches())


def test_a_torn_file_is_never_under_its_name(cache, tmp_path, monkeypatch):
    def torn(self, source, target, **options):
        with open(target, "wb") as file:
            file.write(b"featx")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LocalFileSystem, "put_file", torn)
        with pytest.raises(KeyboardInterrupt):
            push_cache(tmp_path / "shared", cache=cache)
    assert not list((tmp_path / "shared").rglob("*.h5"))
    assert moved(push_cache(tmp_path / "shared", cache=cache)) == (3, 18, 0)


def test_a_torn_object_is_sent_again(cache, caches, stored, monkeypatch):
    push_cache(URL, cache=cache)
    whole = {path: file.getvalue() for path, file in stored.items()}
    for kind in ("segments", "index"):
        path = objects(stored, kind)[0]
        stored[path].truncate(len(whole[path]) // 2)
    assert push_cache(URL, cache=cache).segments == 1
    assert {path: file.getvalue() for path, file in stored.items()} == whole
    pull_cache(URL, cache=caches())


def test_two_pushers_lose_nothing(cache, caches, stored, monkeypatch):
    other, third = caches(), caches()
    other.put(SPEC, *rows(range(10, 30)))
    write = push.ObjectStore.write

    def overtaken(store, path, content):
        monkeypatch.setattr(push.ObjectStore, "write", write)
        push_cache(URL, cache=other)
        write(store, path, content)

    monkeypatch.setattr(push.ObjectStore, "write", overtaken)
    push_cache(URL, cache=cache, layer="last")
    assert len(objects(stored, "index")) == 2
    assert pull_cache(URL, cache=third).rows == 30
    assert found_of(third, range(30)).all()
    assert {info.spec: info.rows for info in third.info()} == {SPEC: 30}


def test_segments_that_are_merged_meanwhile_lose_nothing(caches, monkeypatch):
    cache = caches()
    for start in range(0, 15, 5):
        cache.put(SPEC, *rows(range(start, start + 5)))
    send, calls = push.ObjectStore.send, []

    def merging(store, path, source, **options):
        calls.append(path)
        if len(calls) == 2:
            cache.compact()
        send(store, path, source, **options)

    monkeypatch.setattr(push.ObjectStore, "send", merging)
    result = push_cache(URL, cache=cache)
    other = caches()
    assert pull_cache(URL, cache=other).rows == result.rows == 15
    assert result.segments == 2
    assert found_of(other, range(15)).all()


def test_specs_are_chosen(cache, caches):
    assert push_cache(URL, cache=cache, layer="layer3").rows == 3
    assert push_cache(URL, cache=cache, spec=OTHER.digest[:8]).segments == 0
    with pytest.raises(CacheError, match=r"got layer='head'; the embeddings that there are have last, layer3"):
        push_cache(URL, cache=cache, layer="head")
    with pytest.raises(CacheError, match="there are no embeddings"):
        push_cache(URL, cache=caches())
    with pytest.raises(ParameterError, match="expected one of backbone"):
        push_cache(URL, cache=cache, size="1")
    with pytest.raises(ParameterError, match="expected a URL or the path of a folder"):
        push_cache("", cache=cache)


def test_a_damaged_segment_is_not_sent(cache, caches):
    (path, *_) = sorted(cache.root.glob(f"{SPEC.digest}/*.h5"))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CacheError, match=r"1 file of .* cannot be used, and the rest is done") as caught:
        push_cache(URL, cache=cache)
    assert f"{path.name}: the embeddings do not match their checksum" in str(caught.value)
    other = caches()
    assert pull_cache(URL, cache=other).rows == 13
    assert push_cache(URL, cache=cache).segments == 0


def test_a_folder_whose_spec_is_lost_is_named(cache, caches):
    (cache.root / OTHER.digest / "spec.json").write_text("{}")
    with pytest.raises(CacheError, match=r"1 file of .* cannot be used, and the rest is done") as caught:
        push_cache(URL, cache=cache)
    assert f"{OTHER.digest}/spec.json: it is damaged" in str(caught.value)
    assert pull_cache(URL, cache=caches()).rows == 15
    assert push_cache(URL, cache=cache, spec=SPEC.digest).segments == 0
    assert push_cache(URL, cache=cache, layer=SPEC.layer).segments == 0
    (cache.root / SPEC.digest / "spec.json").unlink()
    with pytest.raises(CacheError, match="2 files of"):
        push_cache(URL, cache=cache)


def test_the_outputs_of_a_network_travel_with_its_rows(cache, caches):
    outputs = np.arange(8, dtype=np.float32).reshape(2, 4)
    cache.reference_outputs(SPEC).keep(outputs)
    push_cache(URL, cache=cache)
    other, another = caches(), caches()
    pull_cache(URL, cache=other)
    assert np.array_equal(other.reference_outputs(SPEC).load(), outputs)
    another.put(SPEC, *rows(range(40, 50)))
    with pytest.raises(CacheError, match="the rows here have no outputs to compare its network by"):
        push_cache(URL, cache=another)
    another.reference_outputs(SPEC).keep(outputs + 1)
    with pytest.raises(CacheError, match=f"cannot add to {URL}: spec .* its rows are another network's"):
        push_cache(URL, cache=another)
    with pytest.raises(CacheError, match="its rows are another network's"):
        pull_cache(URL, cache=another)
    assert found_of(another, range(15)).sum() == 0


def test_a_cache_that_cannot_be_written_is_pushed(cache):
    for path in (cache.root, *cache.root.rglob("*")):
        os.chmod(path, 0o500)
    try:
        assert push_cache(URL, cache=cache).rows == 18
    finally:
        for path in (cache.root, *cache.root.rglob("*")):
            os.chmod(path, 0o700)


def test_an_index_of_a_later_version_is_not_added_to(cache, stored):
    push_cache(URL, cache=cache, layer="last")
    (path,) = objects(stored, "index")
    later = json.dumps(json.loads(stored[path].getvalue()) | {"format": 2}).encode()
    file = stored.pop(path)
    file.seek(0)
    file.truncate()
    file.write(later)
    stored[path.replace(path.rpartition("/")[2], f"{hashlib.sha256(later).hexdigest()}.json")] = file
    with pytest.raises(CacheError, match="it is an index of format 2, and this featx reads 1: update featx"):
        push_cache(URL, cache=cache)
