"""A file's digest is the SHA-256 of the bytes it holds now, read once while it stays as it is."""

import hashlib
import os
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import featx.cache.digests as module
import pytest
from featx.cache import FileDigests

LONG_AGO = 1_000_000_000


def sha(data):
    return hashlib.sha256(data).digest()


@pytest.fixture
def memory(tmp_path):
    return FileDigests(tmp_path / "cache" / "digests.sqlite")


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "images"
    path.mkdir()
    return path


@pytest.fixture
def reads(monkeypatch):
    seen = []
    read = module._read_digest

    def counted(path):
        seen.append(path)
        return read(path)

    monkeypatch.setattr(module, "_read_digest", counted)
    return seen


def write(path, data, mtime=LONG_AGO):
    with open(path, "wb") as file:
        file.write(data)
    os.utime(path, (mtime, mtime))
    return os.fspath(path)


def test_digest_is_the_sha256_of_the_bytes(memory, folder):
    contents = [b"", b"a", bytes(3_000_000), b"a"]
    paths = [write(folder / str(n), data) for n, data in enumerate(contents)]
    assert memory.digest(paths) == memory.digest(paths) == [sha(data) for data in contents]
    assert memory.digest([]) == []


def test_remembered_file_is_not_read_again(memory, folder, reads):
    path = write(folder / "a", b"a")
    for remembering in (memory, memory, FileDigests(memory.path)):
        assert remembering.digest([path, path]) == [sha(b"a")] * 2
    assert reads == [path]


def test_a_new_mtime_has_the_file_read_again(memory, folder, reads):
    path = write(folder / "a", b"old")
    memory.digest([path])
    write(path, b"new", LONG_AGO + 1)
    assert memory.digest([path]) == memory.digest([path]) == [sha(b"new")]
    assert len(reads) == 2


def test_a_new_size_or_inode_has_the_file_read_again(memory, folder):
    path = write(folder / "a", b"old")
    memory.digest([path])
    write(path, b"longer")
    assert memory.digest([path]) == [sha(b"longer")]
    os.replace(write(folder / "b", b"LONGER"), path)
    assert memory.digest([path]) == [sha(b"LONGER")]


def test_a_fresh_file_is_not_remembered(memory, folder, reads):
    path = write(folder / "a", b"old", time.time())
    stat = os.stat(path)
    memory.digest([path])
    write(path, b"new")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert memory.digest([path]) == [sha(b"new")]
    assert len(reads) == 2


def test_a_file_of_the_future_is_not_remembered(memory, folder, reads):
    path = write(folder / "a", b"a", time.time() + 1000)
    memory.digest([path])
    memory.digest([path])
    assert len(reads) == 2


def test_freshness_counts_from_the_reading_and_not_from_its_end(memory, folder, monkeypatch):
    monkeypatch.setattr(module, "FRESH_NS", 300_000_000)
    path = write(folder / "a", b"old", time.time())
    stat = os.stat(path)

    def slow_map(function, paths):
        results = [function(path) for path in paths]
        time.sleep(0.4)
        return results

    assert memory.digest([path], map=slow_map) == [sha(b"old")]
    write(path, b"new")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert memory.digest([path]) == [sha(b"new")]


def test_what_cannot_be_read_is_an_error_in_its_place(memory, folder):
    os.mkfifo(folder / "fifo")
    bad = [
        folder / "none",
        folder,
        folder / "fifo",
        "nul\0name",
        "sur\ud800rogate",
        folder / ("x" * 300),
        "/dev/zero",
    ]
    good = write(folder / "good", b"good")
    paths = [good, *map(os.fspath, bad), good]
    for _ in range(2):
        first, *middle, last = memory.digest(paths)
        assert first == last == sha(b"good")
        assert [isinstance(error, OSError) for error in middle] == [True] * len(bad)
    assert isinstance(middle[0], FileNotFoundError)


def test_a_file_that_vanishes_before_it_is_read_is_an_error(memory, folder):
    def late_map(function, paths):
        os.unlink(folder / "a")
        return map(function, paths)

    paths = [write(folder / name, b"") for name in "ab"]
    error, digest = memory.digest(paths, map=late_map)
    assert isinstance(error, FileNotFoundError)
    assert digest == sha(b"")


def test_names_that_are_not_utf8(memory, folder, reads):
    path = os.fsdecode(os.fsencode(folder) + b"/\xff\xe9.png")
    write(path, b"x")
    assert memory.digest([path]) == memory.digest([path]) == [sha(b"x")]
    assert len(reads) == 1
    assert memory.names() == {sha(b"x"): path}


def watch_stat(monkeypatch, folder, change=lambda status: status):
    """Return a list that fills with the files of the folder that are looked at; change what is seen of them."""
    looked, stat = [], os.stat

    def watched(path, *args, **options):
        if not isinstance(path, str) or os.path.dirname(path) != os.fspath(folder):
            return stat(path, *args, **options)
        looked.append(path)
        return change(stat(path, *args, **options))

    monkeypatch.setattr(os, "stat", watched)
    return looked


def test_files_in_mind_are_looked_at_once_and_not_looked_up(memory, folder, reads, monkeypatch):
    paths = [write(folder / name, name.encode()) for name in "abc"]
    expected = memory.digest(paths)
    looked = watch_stat(monkeypatch, folder)
    monkeypatch.setattr(memory, "_recall", lambda keys: pytest.fail("the SQLite file is read"))
    assert memory.digest([*paths, paths[0]]) == [*expected, expected[0]]
    assert (looked, len(reads)) == ([*paths, paths[0]], 3)


def test_one_file_that_is_gone_has_no_other_looked_at_twice(memory, folder, monkeypatch):
    paths = [write(folder / name, name.encode()) for name in "abc"]
    memory.digest(paths)
    os.unlink(paths[1])
    looked = watch_stat(monkeypatch, folder)
    first, gone, last = memory.digest(paths)
    assert (first, last, type(gone)) == (sha(b"a"), sha(b"c"), FileNotFoundError)
    assert looked == paths


@pytest.mark.parametrize("inode", [1 << 63, (1 << 64) - 1, 1 << 100])
def test_inodes_of_any_size_are_remembered(memory, folder, reads, inode, monkeypatch):
    def renumbered(status):
        names = ("st_mode", "st_size", "st_mtime_ns")
        return SimpleNamespace(**{name: getattr(status, name) for name in names}, st_ino=inode + status.st_ino)

    paths = [write(folder / name, name.encode()) for name in "ab"]
    fstat = os.fstat
    monkeypatch.setattr(os, "fstat", lambda handle: renumbered(fstat(handle)))
    watch_stat(monkeypatch, folder, renumbered)
    for remembering in (memory, memory, FileDigests(memory.path)):
        assert remembering.digest(paths) == [sha(b"a"), sha(b"b")]
    assert sorted(reads) == paths


def test_a_file_of_a_far_future_is_read_each_time(memory, folder, reads, monkeypatch):
    path = write(folder / "a", b"a")
    status = SimpleNamespace(st_mode=os.stat(path).st_mode, st_size=1, st_mtime_ns=1 << 63, st_ino=7)
    monkeypatch.setattr(os, "fstat", lambda _: status)
    watch_stat(monkeypatch, folder, lambda _: status)
    assert memory.digest([path]) == memory.digest([path]) == [sha(b"a")]
    assert len(reads) == 2


def test_relative_and_absolute_paths_share_an_entry(memory, folder, reads, monkeypatch):
    monkeypatch.chdir(folder)
    path = write(folder / "a", b"a")
    assert memory.digest(["a", path, "./a"]) == memory.digest(["../images/a"]) + [sha(b"a")] * 2
    assert len(reads) == 1


def test_dots_behind_a_symlink_are_not_folded_away(memory, folder):
    (folder / "here").mkdir()
    (folder / "away" / "deep").mkdir(parents=True)
    (folder / "here" / "link").symlink_to(folder / "away" / "deep")
    plain, through = write(folder / "here" / "a", b"1"), write(folder / "away" / "a", b"2")
    detour = os.path.join(folder, "here", "link", "..", "a")
    assert os.path.samefile(detour, through)
    for _ in range(2):
        assert memory.digest([plain, detour, plain]) == [sha(b"1"), sha(b"2"), sha(b"1")]


def test_without_a_path_nothing_is_remembered(folder, reads):
    path = write(folder / "a", b"a")
    memory = FileDigests(None)
    assert memory.digest([path]) == memory.digest([path]) == [sha(b"a")]
    assert len(reads) == 2
    assert memory.names() == {}


def test_names_gives_one_path_for_each_digest(memory, folder):
    paths = [write(folder / name, data) for name, data in [("a", b"1"), ("b", b"1"), ("c", b"2")]]
    assert memory.names() == {}
    memory.digest(paths)
    names = memory.names()
    assert names.keys() == {sha(b"1"), sha(b"2")}
    assert names[sha(b"1")] in paths[:2]
    assert names[sha(b"2")] == paths[2]


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


def test_many_paths_are_looked_up_in_portions(memory, folder, reads, monkeypatch):
    monkeypatch.setattr(module, "LOOKUP", 7)
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


def test_the_map_of_a_thread_pool_keeps_the_order(memory, folder):
    paths = [write(folder / str(n), b"%d" % n) for n in range(50)]
    with ThreadPoolExecutor(4) as pool:
        assert memory.digest(paths, map=pool.map) == [sha(b"%d" % n) for n in range(50)]


def test_threads_share_one_memory(memory, folder):
    paths = [write(folder / str(n), b"%d" % n) for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda start: memory.digest(paths[start:]), range(40)))
    assert results == [[sha(b"%d" % n) for n in range(start, 40)] for start in range(40)]
    assert len(memory.names()) == 40
