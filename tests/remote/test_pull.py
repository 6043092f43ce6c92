"""Promised: a pull commits whole, checked segments and nothing else, whatever the store holds and wherever it stops."""

import hashlib
import json
import os
import zipfile
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from failing_stores import counted
from featx import CacheError, EmbeddingCache, pull_cache, push_cache
from specs import OTHER, SPEC, found_of, rows

URL = "memory://bucket/shared"
INDEX = f"/bucket/shared/spec-{SPEC.digest}/index/"


@pytest.fixture
def pushed(caches):
    """Push 10 rows and 5 others, and 3 of another spec; return the cache that they came from."""
    made = caches()
    made.put(SPEC, *rows(range(10)))
    made.put(SPEC, *rows(range(10, 15)))
    made.put(OTHER, *rows(range(3)))
    push_cache(URL, cache=made)
    return made


def moved(result):
    """Return the segments that have travelled, their new rows, and the segments that have not."""
    return result.segments, result.rows, result.segments_skipped


def files(root):
    """Return the files of a cache that are not a lock's."""
    return sorted(path for path in Path(root).rglob("*") if path.is_file() and not path.name.startswith("."))


def put_object(path, content):
    """Write an object as it is."""
    MemoryFileSystem().pipe_file(path, content)


def forge(stored, change):
    """Replace the index of the first spec by one that was changed, under the name of its new content."""
    (path,) = [name for name in stored if name.startswith(INDEX)]
    index = json.loads(stored.pop(path).getvalue())
    change(index)
    content = json.dumps(index).encode()
    put_object(f"{INDEX}{hashlib.sha256(content).hexdigest()}.json", content)


def test_rows_that_are_here_do_not_travel(pushed, caches):
    other = caches()
    other.put(SPEC, *rows(range(10, 15)))
    assert moved(pull_cache(URL, cache=other)) == (2, 13, 1)
    assert {info.spec: info.rows for info in other.info()} == {SPEC: 15, OTHER: 3}
    other.compact()
    result = pull_cache(URL, cache=other)
    assert (*moved(result), result.bytes) == (0, 0, 3, 0)
    assert other.verify().clean


def test_rows_that_are_there_twice_are_kept_once(pushed, caches):
    second, third = caches(), caches()
    second.put(SPEC, *rows(range(8, 20)))
    third.put(SPEC, *rows([19, 50]))
    push_cache(URL, cache=second)
    pull_cache(URL, cache=third)
    assert {info.spec: info.rows for info in third.info()} == {SPEC: 21, OTHER: 3}
    assert found_of(third, [*range(20), 50]).all()


def test_the_folder_of_the_cache_is_made(pushed, tmp_path):
    assert pull_cache(URL, cache=tmp_path / "new" / "cache").rows == 18
    assert EmbeddingCache(tmp_path / "new" / "cache").verify().clean


@pytest.mark.parametrize("error", [KeyboardInterrupt, ConnectionResetError], ids=["stopped", "network"])
def test_a_pull_that_is_interrupted_at_any_step_is_continued(error, pushed, caches, monkeypatch):
    with counted(monkeypatch) as done:
        pull_cache(URL, cache=caches())
    assert len(done) > 6
    for allowed in range(len(done)):
        other = caches()
        with (
            counted(monkeypatch, allowed=allowed, error=error),
            pytest.raises(CacheError if error is not KeyboardInterrupt else KeyboardInterrupt),
        ):
            pull_cache(URL, cache=other)
        here = len(list(other.root.glob("*/*.h5")))
        assert all(path.suffix == ".h5" or path.name == "spec.json" for path in files(other.root))
        assert moved(pull_cache(URL, cache=other))[::2] == (3 - here, here)
        assert other.verify().clean
        assert found_of(other, range(15)).all()


def test_damage_is_named_and_the_rest_arrives(pushed, caches, stored):
    path = next(name for name in sorted(stored) if "/segments/" in name and SPEC.digest in name)
    content = bytearray(stored[path].getvalue())
    content[-1] ^= 1
    put_object(path, bytes(content))
    other = caches()
    for _ in range(2):
        with pytest.raises(
            CacheError, match="1 file of memory://bucket/shared cannot be used, and the rest is"
        ) as caught:
            pull_cache(URL, cache=other)
        assert f"{path.removeprefix('/bucket/shared/')}: it does not match its checksum" in caught.value.next_step
    assert other.verify().clean
    assert found_of(other, range(3), spec=OTHER).all()
    assert found_of(other, range(15)).sum() in (5, 10)
    stored.pop(path)
    assert push_cache(URL, cache=pushed).segments == 1
    pull_cache(URL, cache=other)
    assert found_of(other, range(15)).all()


def test_a_missing_and_a_cut_segment_are_named(pushed, caches, stored):
    missing, cut = (name for name in sorted(stored) if "/segments/" in name and SPEC.digest in name)
    stored.pop(missing)
    size = len(stored[cut].getvalue())
    put_object(cut, stored[cut].getvalue()[:-5])
    with pytest.raises(CacheError, match="2 files of") as caught:
        pull_cache(URL, cache=caches())
    assert ": it is missing\n" in caught.value.next_step
    assert f": it has {size - 5:,} bytes, and {size:,} were pushed" in caught.value.next_step


HOSTILE = {
    "a name above": (lambda i: i["segments"][0].update(name="../../x.h5"), "a name in it is not a segment's"),
    "an absolute name": (lambda i: i["segments"][0].update(name="/etc/x.h5"), "a name in it is not a segment's"),
    "a temporary name": (lambda i: i["segments"][0].update(name="tmp-0.h5"), "a name in it is not a segment's"),
    "a name that is no text": (lambda i: i["segments"][0].update(name=["a.h5"]), "it is not an index that featx wrote"),
    "a path for a checksum": (lambda i: i["segments"][0].update(sha256="../../x"), "a checksum in it is impossible"),
    "no checksum": (lambda i: i["segments"][0].pop("sha256"), "it is not an index that featx wrote"),
    "a negative size": (lambda i: i["segments"][0].update(size=-1), "a size in it is impossible"),
    "an endless size": (lambda i: i["segments"][0].update(size=10**30), "a size in it is impossible"),
    "a size that is true": (lambda i: i["segments"][0].update(rows=True), "a size in it is impossible"),
    "more rows than bytes": (lambda i: i["segments"][0].update(rows=10**12), "a size in it is impossible"),
    "a far offset": (lambda i: i["segments"][0].update(digests_offset=10**12), "a size in it is impossible"),
    "an unknown field": (lambda i: i["segments"][0].update(code="x"), "it is not an index that featx wrote"),
    "segments that are none": (lambda i: i.update(segments=[3]), "it is not an index that featx wrote"),
    "another spec": (lambda i: i["spec"].update(layer="layer9"), "it belongs to another spec"),
    "no spec": (lambda i: i.update(spec=None), "it is not an index that featx wrote"),
    "a later version": (lambda i: i.update(format=2), "it is an index of format 2, and this featx reads 1: update"),
    "outputs that are none": (lambda i: i.update(outputs={"shape": [1 << 40], "data": ""}), "it is not an index"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_index_is_refused_and_nothing_of_it_fetched(kind, pushed, caches, stored, tmp_path):
    change, reason = HOSTILE[kind]
    forge(stored, change)
    other = caches()
    before = set(files(tmp_path))
    with pytest.raises(CacheError) as caught:
        pull_cache(URL, cache=other)
    assert f": {reason}" in str(caught.value)
    new = set(files(tmp_path)) - before
    assert {path.parent for path in new} == {other.root / OTHER.digest}
    assert found_of(other, range(3), spec=OTHER).all()


@pytest.mark.parametrize("content", [b"", b"null", b"[" * 100_000, b"\xff\xfe", b'{"format": 1}'], ids=range(5))
def test_what_is_no_index_is_refused(content, pushed, caches, stored):
    put_object(f"{INDEX}{hashlib.sha256(content).hexdigest()}.json", content)
    put_object(f"{INDEX}tmp-1.json", b"half")
    other = caches()
    with pytest.raises(CacheError, match="1 file of memory://bucket/shared cannot be used"):
        pull_cache(URL, cache=other)
    assert found_of(other, range(15)).all()


def test_an_index_under_another_name_is_not_believed(pushed, caches, stored):
    (path,) = [name for name in stored if name.startswith(INDEX)]
    put_object(path, stored[path].getvalue().replace(b'"rows": 10', b'"rows": 11'))
    with pytest.raises(CacheError, match="it is damaged, or not whole"):
        pull_cache(URL, cache=caches())


def _object(stored, content):
    """Put content in place of the first segment, with an index that describes it."""

    def change(index):
        entry = index["segments"][0]
        sha256 = hashlib.sha256(content).hexdigest()
        entry.update(size=len(content), sha256=sha256, rows=0, digests_offset=0)
        put_object(f"/bucket/shared/spec-{SPEC.digest}/segments/{sha256}.h5", content)

    forge(stored, change)


def test_an_object_that_is_no_segment_is_refused(pushed, caches, stored):
    _object(stored, b"\x89HDF\r\n\x1a\n" + bytes(1000))
    other = caches()
    with pytest.raises(CacheError, match="is damaged: not a segment, or its header does not match its checksum"):
        pull_cache(URL, cache=other)
    assert other.verify().clean


def test_a_segment_of_another_spec_is_refused(pushed, caches, stored):
    (path,) = [name for name in stored if "/segments/" in name and OTHER.digest in name]
    _object(stored, stored[path].getvalue())
    with pytest.raises(CacheError, match="is damaged: belongs to another spec"):
        pull_cache(URL, cache=caches())


def test_rows_of_another_width_are_refused(pushed, caches):
    other = caches()
    other.put(SPEC, *rows([99], width=4))
    with pytest.raises(CacheError, match=r"has rows of 4 float32, and .* of 8 float32"):
        pull_cache(URL, cache=other)
    assert found_of(other, [99], width=4).all()


def test_an_object_that_is_larger_than_it_says_is_not_read_to_its_end(pushed, caches, stored, monkeypatch):
    path = next(name for name in sorted(stored) if "/segments/" in name and SPEC.digest in name)
    put_object(path, stored[path].getvalue() + bytes(64 << 20))
    listed = MemoryFileSystem.ls

    def without_sizes(self, *arguments, **options):
        return [{**entry, "size": None} for entry in listed(self, *arguments, **options)]

    monkeypatch.setattr(MemoryFileSystem, "ls", without_sizes)
    seen = []
    monkeypatch.setattr("featx.remote.pull.transfer_bar", _counting(seen))
    other = caches()
    with pytest.raises(CacheError, match="it does not match its checksum"):
        pull_cache(URL, cache=other, layer="last")
    assert max(seen) < 1 << 20
    assert other.verify().clean


def _counting(seen):
    import contextlib

    @contextlib.contextmanager
    def bar(total, **options):
        yield seen.append

    return bar


def test_a_full_disk_ends_it(pushed, caches, monkeypatch):
    import errno

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    other = caches()
    with monkeypatch.context() as patched:
        patched.setattr("featx.cache.adoption.os.replace", full)
        with pytest.raises(CacheError, match=r"no space in the cache .* for \d"):
            pull_cache(URL, cache=other)
    assert pull_cache(URL, cache=other).rows == 18


def test_a_file_that_cannot_fit_is_not_begun(pushed, caches, stored, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 5})())
    with pytest.raises(CacheError, match=r"no space in the cache .*: 5 bytes are free, and a file has \d"):
        pull_cache(URL, cache=caches())


def test_a_link_in_place_of_a_folder_is_not_followed(pushed, caches, tmp_path):
    other = caches()
    other.root.mkdir()
    (tmp_path / "elsewhere").mkdir()
    os.symlink(tmp_path / "elsewhere", other.root / SPEC.digest)
    with pytest.raises(CacheError, match="is a link, which is not followed"):
        pull_cache(URL, cache=other)
    assert not files(tmp_path / "elsewhere")


def test_a_zip_archive_can_be_pulled_from_and_not_pushed_to(pushed, caches, tmp_path):
    push_cache(tmp_path / "shared", cache=pushed)
    archive = tmp_path / "shared.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in files(tmp_path / "shared"):
            file.write(path, path.relative_to(tmp_path))
    assert pull_cache(f"zip://shared::{archive}", cache=caches()).rows == 18
    with pytest.raises(CacheError, match=r"cannot write to zip://.*: zip can be read, not written\. Name a folder"):
        push_cache(f"zip://shared::{archive}", cache=pushed)
    with pytest.raises(CacheError, match=r"cannot read .*shared\.zip: it is a file\. Name a folder"):
        pull_cache(archive, cache=caches())


def test_a_cache_is_not_taken_for_what_was_pushed(pushed, caches):
    pushed.digests.remember_failures({bytes(32): "none"})
    for transfer in (push_cache, pull_cache):
        with pytest.raises(CacheError, match=r"is a cache itself.*`featx cache merge`"):
            transfer(pushed.root, cache=pushed)


def test_specs_are_chosen(pushed, caches):
    other = caches()
    assert moved(pull_cache(URL, cache=other, layer="layer3")) == (1, 3, 0)
    assert [info.spec for info in other.info()] == [OTHER]
    with pytest.raises(CacheError, match=r"got layer='head'; the embeddings that there are have last, layer3"):
        pull_cache(URL, cache=other, layer="head")
    with pytest.raises(CacheError, match=r"no embeddings whose digest begins with 'ffff'. memory://bucket/shared has"):
        pull_cache(URL, cache=other, spec="ffff")
    with pytest.raises(CacheError, match=r"there are no embeddings at memory://bucket/other"):
        pull_cache("memory://bucket/other", cache=other)


def test_a_cache_that_cannot_be_written_is_said(pushed, caches):
    other = caches()
    other.root.mkdir()
    (other.root / SPEC.digest).write_text("a file in place of its folder")
    with pytest.raises(CacheError, match="cannot use the cache"):
        pull_cache(URL, cache=other, layer="last")
