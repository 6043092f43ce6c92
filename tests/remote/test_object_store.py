"""Promised: a store that cannot be opened, read or written is named with the reason, and no credentials."""

import io
import os

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from featx import CacheError, MissingDependencyError
from featx.remote.object_store import ObjectStore


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "https://me:secret@host/x",
            r"cannot write to https://\*\*\*@host/x: https can be read, not written\. N",
        ),
        ("zip://a::memory://b.zip", "zip can be read, not written"),
        ("data:text/plain://x", "data:text/plain://x is no URL"),
        ("reference://a", "reference is no store"),
        ("simplecache::memory://a", "simplecache is no store"),
        ("nonsense://x", "there is no protocol 'nonsense'"),
        ("s3:/bucket/x", "s3:/bucket/x is no URL. Write s3://bucket/x"),
        ("file://host/x", "cannot write to file://host/x: it is on the host 'host'"),
    ],
)
def test_what_is_no_place_to_write_to_is_refused(url, words):
    with pytest.raises(CacheError, match=words) as caught:
        ObjectStore(url, writing=True)
    assert "secret" not in str(caught.value)


def test_a_file_is_no_store(tmp_path):
    (tmp_path / "a").touch()
    for url in (str(tmp_path / "a"), f"file://{tmp_path}/a"):
        with pytest.raises(CacheError, match=r"it is a file\. Name a folder"):
            ObjectStore(url)


def test_a_folder_may_have_any_name(tmp_path):
    for name in ("a::b", "a#b?c", "a*[b]", "ä b", "a%20b"):
        store = ObjectStore(str(tmp_path / name), writing=True)
        store.write("a/b", b"content")
        assert (tmp_path / name / "a" / "b").read_bytes() == b"content"
        assert ObjectStore(str(tmp_path / name)).sizes("a") == {"b": 7}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_are_not_listed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    os.symlink(tmp_path / "pipe", tmp_path / "link")
    os.symlink(tmp_path / "nowhere", tmp_path / "dangling")
    assert ObjectStore(str(tmp_path)).sizes() == {"file": 0}


def test_a_missing_package_is_named(monkeypatch):
    def missing(protocol):
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "get_filesystem_class", missing)
    with pytest.raises(MissingDependencyError, match=r"writing to s3:// URLs needs s3fs\. Install it with"):
        ObjectStore("s3://bucket/x", writing=True)


@pytest.mark.parametrize("kind", ["memory", "folder", "other"])
def test_what_is_written_is_read(kind, tmp_path, monkeypatch):
    url = str(tmp_path / "a b") if kind == "folder" else "memory://bucket/x"
    store = ObjectStore(url, writing=True)
    if kind == "other":  # where a temporary name comes first
        store._atomic = False
    (tmp_path / "source").write_bytes(b"content" * 1000)
    told = []
    store.send("a/b.h5", tmp_path / "source", progress=told.append)
    store.write("a/c.json", b"{}")
    assert store.sizes("a") == {"b.h5": 7000, "c.json": 2}
    assert set(store.sizes()) == {"a"}
    assert store.sizes("none") == {}
    assert sum(told) == 7000
    assert store.read("a/c.json", most=100) == b"{}"
    assert store.read("a/b.h5", most=9) == b"contentcon"
    assert store.read_part("a/b.h5", 7, 3) == b"con"
    copied = io.BytesIO()
    size, _ = store.copy("a/b.h5", copied, size=7000, progress=told.append)
    assert (size, copied.getvalue()) == (7000, b"content" * 1000)
    assert store.copy("a/b.h5", io.BytesIO(), size=10, progress=told.append)[0] == 11


def test_listings_are_not_remembered(monkeypatch):
    asked = []
    monkeypatch.setattr(MemoryFileSystem, "invalidate_cache", lambda *_: asked.append(1))
    ObjectStore("memory://bucket/x").sizes()
    assert asked


def test_nothing_is_left_of_an_upload_that_fails(tmp_path, monkeypatch):
    (tmp_path / "source").write_bytes(b"content")
    store = ObjectStore("memory://bucket/x", writing=True)
    store._atomic = False
    with monkeypatch.context() as patched:
        patched.setattr(MemoryFileSystem, "mv", _refuse)
        with pytest.raises(CacheError, match="cannot write to memory://bucket/x: access is denied"):
            store.send("a/b.h5", tmp_path / "source", progress=id)
    assert store.sizes("a") == {}


def _refuse(*_, **__):
    raise PermissionError("no")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions hold for users other than root")
def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(CacheError, match=r"cannot write to .*closed: access is denied"):
        ObjectStore(str(tmp_path / "closed"), writing=True).write("a/b", b"")


@pytest.mark.parametrize("url", ["{}", "file://{}"])
def test_a_full_disk_there_is_said_in_a_few_words(url, tmp_path, monkeypatch):
    from fsspec.implementations.local import LocalFileSystem

    def full(*_, **__):
        raise OSError(28, "No space left on device", "source.h5", None, "tmp-97eac620")

    (tmp_path / "source.h5").write_bytes(b"content")
    monkeypatch.setattr(LocalFileSystem, "put_file", full)
    with pytest.raises(CacheError) as caught:
        ObjectStore(url.format(tmp_path), writing=True).send("a/b.h5", tmp_path / "source.h5", progress=id)
    assert caught.value.message.endswith(f"{tmp_path}: No space left on device")
    assert "network" not in caught.value.next_step


def test_a_source_that_disappears_is_not_the_fault_of_the_store(tmp_path):
    with pytest.raises(FileNotFoundError):
        ObjectStore("memory://x", writing=True).send("a", tmp_path / "gone", progress=id)


def test_a_full_disk_here_is_not_the_fault_of_the_store():
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

    store = ObjectStore("memory://x", writing=True)
    store.write("a", b"content")
    with pytest.raises(OSError, match="No space") as caught:
        store.copy("a", Full(), size=7, progress=id)
    assert not isinstance(caught.value, CacheError)


def test_what_killed_writers_left_in_a_folder_is_swept(tmp_path):
    from featx.cache.files import temporary_name
    from featx.cache.machine import process_space

    (tmp_path / "a").mkdir()
    name = temporary_name(".h5").replace(f"-{os.getpid()}-", "-999999999-")
    (tmp_path / "a" / name).write_bytes(b"half")
    ObjectStore(str(tmp_path), writing=True).write("a/b.json", b"{}")
    assert [path.name for path in (tmp_path / "a").iterdir()] == (["b.json"] if process_space() else [name, "b.json"])
