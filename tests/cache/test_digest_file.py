"""Promised: a database of digests that is damaged, locked or of another version is never believed."""

import contextlib
import os
import random
import sqlite3
import time

import pytest

import featx.cache.digest_file as digest_file
import featx.cache.digests as module
from digested_files import fields_of, sha, write
from featx.cache import EmbeddingCache, FileDigests
from featx.process import forget


@pytest.fixture(autouse=True)
def _settled(settled_files):
    """Tests of fresh files set the time themselves."""


def other_table(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE files (name TEXT)")
    connection.commit()
    connection.close()


BROKEN = {
    "garbage": lambda path: path.write_bytes(b"garbage" * 1000),
    "empty": lambda path: path.write_bytes(b""),
    "folder": lambda path: path.mkdir(),
    "another table": other_table,
    "dangling": lambda path: path.symlink_to("/nowhere/at/all"),
}


@pytest.mark.parametrize("break_it", BROKEN.values(), ids=BROKEN)
def test_a_broken_memory_breaks_nothing(memory, folder, break_it):
    memory.path.parent.mkdir()
    break_it(memory.path)
    path = write(folder / "a", b"a")
    assert memory.digest([path]) == memory.digest([path]) == [sha(b"a")]
    assert memory.names() in ({}, {sha(b"a"): path})


def test_a_memory_that_cannot_exist_breaks_nothing(tmp_path, folder):
    path = write(folder / "a", b"a")
    for place in (tmp_path / ("x" * 300) / "digests.sqlite", folder / "a" / "digests.sqlite"):
        assert FileDigests(place).digest([path]) == [sha(b"a")]
        assert FileDigests(place).names() == {}


@pytest.mark.parametrize("value", ["'text'", "NULL", "7", "x'00'", "x''"])
def test_an_entry_that_is_no_digest_is_not_believed(memory, folder, value):
    path = write(folder / "a", b"a")
    memory.digest([path])
    connection = sqlite3.connect(memory.path)
    connection.execute(f"UPDATE files SET digest = {value}")
    connection.commit()
    connection.close()
    assert memory.digest([path]) == [sha(b"a")]


def test_damaged_bytes_in_the_memory_raise_nothing(memory, folder):
    paths = [write(folder / str(n), b"%d" % n) for n in range(30)]
    memory.digest(paths)
    data = memory.path.read_bytes()
    chance = random.Random(0)
    for _ in range(60):
        damaged = bytearray(data)
        for _ in range(8):
            damaged[chance.randrange(len(data))] ^= chance.randrange(1, 256)
        memory.path.write_bytes(damaged)
        digests = memory.digest(paths)
        assert [isinstance(digest, bytes) and len(digest) == 32 for digest in digests] == [True] * 30
        memory.names()
        memory.path.unlink()


@pytest.fixture
def untold(monkeypatch):
    """As in a process that has waited for nothing and said nothing so far."""
    forget("remarks")


def altered(path, statement, *values):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute(statement, values)
        connection.commit()


# A statement that changes one of three rows, and how many it makes wrong.
ALTERED = {
    "digest of another row": ("digest = (SELECT digest FROM files ORDER BY path DESC)", 1),
    "digest": ("digest = x'" + "00" * 32 + "'", 1),
    "text": ("digest = 'text'", 1),
    "size": ("size = size + 1", 1),
    "inode": ("inode = 'x'", 1),
    "boot": ("boot = 'another'", 1),
    "host": ("host = 7", 1),
    "checksum": ("checksum = checksum + 1", 1),
    "no checksum": ("checksum = NULL", 1),
    "path": ("path = CAST(path || 'x' AS BLOB)", 1),
}


@pytest.mark.parametrize(("change", "wrong"), ALTERED.values(), ids=ALTERED)
def test_a_row_that_does_not_match_its_checksum_is_read_again_reported_and_removed(
    memory, folder, reads, change, wrong, untold
):
    paths = [write(folder / name, name.encode()) for name in "abc"]
    memory.digest(paths)
    altered(memory.path, f"UPDATE files SET {change} WHERE path = ?", os.fsencode(paths[0]))
    cache = EmbeddingCache(memory.path.parent)
    expected = [(memory.path, f"{wrong} of 3 rows do not match their checksum")]
    assert cache.verify().problems == expected
    assert FileDigests(memory.path).names() == {sha(b"b"): paths[1], sha(b"c"): paths[2]}
    del reads[:]
    assert cache.repair().problems == expected
    assert cache.verify().clean
    assert FileDigests(memory.path).digest(paths) == [sha(b"a"), sha(b"b"), sha(b"c")]
    assert reads == paths[:1]


def test_flipped_bits_of_the_memory_are_never_believed(memory, folder, untold):
    """Every digest in the file, a bit at a time; the pages around them are SQLite's."""
    paths = [write(folder / name, name.encode()) for name in "abc"]
    expected = memory.digest(paths)
    data = memory.path.read_bytes()
    for digest in expected:
        for place in range(data.index(digest), data.index(digest) + 32):
            flipped = bytearray(data)
            flipped[place] ^= 1 << place % 8
            memory.path.write_bytes(flipped)
            found = FileDigests(memory.path)._recall({(p, module.file_version(os.stat(p))) for p in paths})
            assert len(found) == 2
            assert set(found.values()) == set(expected) - {digest}
            assert not EmbeddingCache(memory.path.parent).verify().clean


def test_a_damaged_depth_is_looked_up_again_reported_and_removed(memory, untold):
    memory.remember_depths({sha(b"a"): True, sha(b"b"): False})
    assert FileDigests(memory.path).depths([sha(b"a"), sha(b"b")]) == {sha(b"a"): True, sha(b"b"): False}
    altered(memory.path, "UPDATE depths SET high = 0 WHERE high = 1")
    assert FileDigests(memory.path).depths([sha(b"a"), sha(b"b")]) == {sha(b"b"): False}
    cache = EmbeddingCache(memory.path.parent)
    assert [reason for _, reason in cache.repair().problems] == ["1 of 2 rows do not match their checksum"]
    assert cache.verify().clean
    assert FileDigests(memory.path).depths([sha(b"b")]) == {sha(b"b"): False}


@pytest.mark.parametrize("content", [b"garbage" * 1000, "half"], ids=["garbage", "half"])
def test_a_memory_that_is_no_database_is_named_reported_and_removed(memory, folder, content, untold, caplog):
    paths = [write(folder / str(n), b"%d" % n) for n in range(200)]
    expected = memory.digest(paths)
    data = memory.path.read_bytes()
    memory.path.write_bytes(data[: len(data) // 2] if content == "half" else content)
    assert FileDigests(memory.path).digest(paths) == FileDigests(memory.path).digest(paths) == expected
    assert [record.message.count("is damaged; `featx cache repair`") for record in caplog.records] == [1]
    cache = EmbeddingCache(memory.path.parent)
    assert cache.verify().problems == [(memory.path, "not a sound database")]
    cache.repair()
    assert not memory.path.exists()
    assert cache.verify().clean


def test_rows_of_the_version_before_are_read_again_and_replaced(memory, folder, reads, untold):
    path = write(folder / "a", b"a")
    memory.digest([path])
    with contextlib.closing(sqlite3.connect(memory.path)) as connection:
        for table in ("files", "depths"):
            connection.execute(f"DROP TABLE IF EXISTS {table}")
        columns = ", ".join(digest_file.COLUMNS[:-1])
        connection.execute(f"CREATE TABLE files ({columns}, PRIMARY KEY (path, host)) WITHOUT ROWID")
        connection.execute("CREATE TABLE depths (digest BLOB PRIMARY KEY, high INTEGER) WITHOUT ROWID")
        version = module.file_version(os.stat(path))
        row = (
            os.fsencode(path),
            *digest_file._host_and_boot()[:1],
            *version,
            digest_file._host_and_boot()[1],
            sha(b"wrong"),
        )
        connection.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("INSERT INTO depths VALUES (?, 1)", [sha(b"a")])
        connection.commit()
    assert EmbeddingCache(memory.path.parent).verify().clean
    del reads[:]
    for _ in range(2):
        other = FileDigests(memory.path)
        assert other.names() in ({}, {sha(b"a"): path})
        assert other.digest([path]) == [sha(b"a")]
        assert other.depths([sha(b"a")]) in ({}, {sha(b"a"): False})
        other.remember_depths({sha(b"a"): False})
    assert reads == [path]
    assert FileDigests(memory.path).depths([sha(b"a")]) == {sha(b"a"): False}


def test_a_locked_memory_is_waited_for_once_and_named_once(memory, folder, untold, caplog, monkeypatch):
    monkeypatch.setattr(digest_file, "LOCK_TIMEOUT", 0.5)
    paths = [write(folder / name, name.encode()) for name in "abc"]
    expected = memory.digest(paths)
    cache = EmbeddingCache(memory.path.parent)
    with contextlib.closing(sqlite3.connect(memory.path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        assert FileDigests(memory.path).digest(paths) == expected
        assert 0.4 < time.monotonic() - began < 2
        began = time.monotonic()
        for _ in range(20):
            other = FileDigests(memory.path)
            assert other.digest(paths) == expected
            assert other.names() == other.depths(expected) == {}
            other.remember_depths({expected[0]: True})
        report = cache.verify()
        assert time.monotonic() - began < 0.4
    assert report.clean
    assert [path for path, _ in report.unread] == [memory.path]
    (record,) = caplog.records
    assert f"{memory.path} is locked by another process" in record.message
    # It is used again as soon as it can be.
    assert set(FileDigests(memory.path).names()) == set(expected)
    assert cache.verify().unread == []


def test_many_paths_are_looked_up_in_portions(memory, folder, reads, monkeypatch):
    monkeypatch.setattr(digest_file, "VALUES_PER_QUERY", 7)
    paths = [write(folder / str(n), b"%d" % n) for n in range(100)]
    expected = [sha(b"%d" % n) for n in range(100)]
    assert memory.digest(paths) == memory.digest(paths[::-1])[::-1] == expected
    assert len(reads) == 100


def test_more_names_than_sqlite_takes_variables(memory, folder, reads):
    path = write(folder / "a", b"a")
    links = [os.path.join(folder, str(n)) for n in range(33_000)]
    for link in links[:3]:
        os.symlink(path, link)
    for _ in range(2):
        digests = memory.digest([path, *links])
        assert digests[:4] == [sha(b"a")] * 4
        assert all(isinstance(error, FileNotFoundError) for error in digests[4:])
    assert len(reads) == 4


def test_hosts_with_files_of_their_own_at_one_path_do_not_evict_each_other(memory, folder, reads, monkeypatch):
    path = write(folder / "a", b"a")
    for _ in range(3):
        for host, inode in (("first", 1), ("second", 2)):
            with monkeypatch.context() as patch:
                fields_of(patch, folder, st_ino=inode)
                patch.setattr(digest_file, "_host_and_boot", lambda host=host: (host, host))
                assert FileDigests(memory.path).digest([path]) == [sha(b"a")]
    assert len(reads) == 2


def test_hosts_that_disagree_about_one_version_are_both_distrusted(memory, folder, reads, monkeypatch):
    path = write(folder / "a", b"a")
    for host in ("first", "second"):
        monkeypatch.setattr(digest_file, "_host_and_boot", lambda host=host: (host, host))
        version = module.file_version(os.stat(path))
        digest_file.DigestFile(memory.path).remember({path: (version, sha(host.encode()))})
    monkeypatch.setattr(digest_file, "_host_and_boot", lambda: ("third", "third"))
    assert FileDigests(memory.path).digest([path]) == [sha(b"a")]
    assert len(reads) == 1


def test_entries_of_versions_without_the_change_time_are_not_served(memory, folder, reads):
    path = write(folder / "a", b"a")
    memory.path.parent.mkdir()
    status = os.stat(path)
    connection = sqlite3.connect(memory.path)
    connection.execute(
        "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, inode INTEGER, digest BLOB)"
    )
    row = (os.fsencode(path), status.st_size, status.st_mtime_ns, status.st_ino, sha(b"another"))
    connection.execute("INSERT INTO files VALUES (?, ?, ?, ?, ?)", row)
    connection.commit()
    connection.close()
    for remembering in (memory, FileDigests(memory.path)):
        assert remembering.digest([path]) == [sha(b"a")]
    assert len(reads) == 1
    assert memory.names() == {sha(b"a"): path}
