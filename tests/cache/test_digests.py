"""A file's digest is the SHA-256 of the bytes it holds now, read once while it stays as it is."""

import contextlib
import hashlib
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import featx.cache.digest_file as digest_file
import featx.cache.digests as module
import numpy as np
import pytest
from featx.cache import EmbeddingCache, FileDigests
from PIL import Image

LONG_AGO = 1_000_000_000
NAMES = ("st_mode", "st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_dev")


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


@pytest.fixture(autouse=True)
def _settled(settled_files):
    """Tests of fresh files set the time themselves."""


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


@pytest.mark.parametrize("kept", [True, False])
def test_a_fresh_file_is_not_remembered(memory, folder, reads, monkeypatch, kept):
    monkeypatch.setattr(module, "FRESH_NS", 2_000_000_000)
    path = write(folder / "a", b"old", LONG_AGO if kept else time.time())
    memory.digest([path])
    memory.digest([path])
    assert len(reads) == 2
    monkeypatch.setattr(module, "FRESH_NS", 0)
    for _ in range(2):
        memory.digest([path])
    assert len(reads) == 3


def test_a_file_of_the_future_is_not_remembered(memory, folder, reads):
    path = write(folder / "a", b"a", time.time() + 1000)
    memory.digest([path])
    memory.digest([path])
    assert len(reads) == 2


def test_freshness_counts_from_the_reading_and_not_from_its_end(memory, folder, monkeypatch):
    monkeypatch.setattr(module, "FRESH_NS", 300_000_000)
    path = write(folder / "a", b"old", time.time())
    frozen = os.stat(path)
    status = SimpleNamespace(**{name: getattr(frozen, name) for name in NAMES})
    # A file system whose clock stands still for a while.
    monkeypatch.setattr(os, "fstat", lambda _: status)
    watch_stat(monkeypatch, folder, lambda _: status)

    def slow_map(function, paths):
        results = [function(path) for path in paths]
        time.sleep(0.4)
        return results

    assert memory.digest([path], apply=slow_map) == [sha(b"old")]
    write(path, b"new")
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
    error, digest = memory.digest(paths, apply=late_map)
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


def test_known_files_are_looked_at_once_and_not_looked_up(memory, folder, reads, monkeypatch):
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
        fields = {name: getattr(status, name) for name in NAMES}
        return SimpleNamespace(**{**fields, "st_ino": inode + status.st_ino, "st_dev": inode + status.st_dev})

    paths = [write(folder / name, name.encode()) for name in "ab"]
    fstat = os.fstat
    monkeypatch.setattr(os, "fstat", lambda handle: renumbered(fstat(handle)))
    watch_stat(monkeypatch, folder, renumbered)
    for remembering in (memory, memory, FileDigests(memory.path)):
        assert remembering.digest(paths) == [sha(b"a"), sha(b"b")]
    assert sorted(reads) == paths


def test_a_file_of_a_far_future_is_read_each_time(memory, folder, reads, monkeypatch):
    path = write(folder / "a", b"a")
    fields = {name: getattr(os.stat(path), name) for name in NAMES}
    status = SimpleNamespace(**{**fields, "st_mtime_ns": 1 << 63})
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


@pytest.fixture
def untold(monkeypatch):
    """As in a process that has waited for nothing and said nothing so far."""
    monkeypatch.setattr(digest_file, "_warned", set())
    monkeypatch.setattr(digest_file, "_locked", set())


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


def test_the_map_of_a_thread_pool_keeps_the_order(memory, folder):
    paths = [write(folder / str(n), b"%d" % n) for n in range(50)]
    with ThreadPoolExecutor(4) as pool:
        assert memory.digest(paths, apply=pool.map) == [sha(b"%d" % n) for n in range(50)]


def test_threads_share_one_memory(memory, folder):
    paths = [write(folder / str(n), b"%d" % n) for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda start: memory.digest(paths[start:]), range(40)))
    assert results == [[sha(b"%d" % n) for n in range(start, 40)] for start in range(40)]
    assert len(memory.names()) == 40


def orientation(number):
    exif = Image.Exif()
    exif[0x0112] = number
    return exif.tobytes()


def copy_with_times(folder, path):
    new = write(folder / "other", b"new")
    subprocess.run(["cp", "-p", new, path], check=True)


def rewrite_in_place(folder, path):
    with open(path, "r+b") as file:
        file.write(b"new")
    os.utime(path, (LONG_AGO, LONG_AGO))


def rename_over(folder, path):
    os.replace(write(folder / "other", b"new"), path)


def through_a_hard_link(folder, path):
    os.link(path, folder / "link")
    rewrite_in_place(folder, folder / "link")


def unpacked(kind):
    def unpack(folder, path):
        archive = folder / f"second.{kind}"
        (folder / "second").mkdir()
        write(folder / "second" / os.path.basename(path), b"new")
        shutil.make_archive(str(folder / "second"), kind, folder / "second")
        shutil.unpack_archive(archive, os.path.dirname(path), **({"filter": "data"} if kind == "tar" else {}))
        os.utime(path, (LONG_AGO, LONG_AGO))  # as unzip does, and shutil does not

    return unpack


def swap_folders(folder, path):
    (folder / "b").mkdir()
    write(folder / "b" / "x", b"new")
    os.rename(folder / "a", folder / "c")
    os.rename(folder / "b", folder / "a")


CHANGES = {
    "cp -p": copy_with_times,
    "in place": rewrite_in_place,
    "rename": rename_over,
    "hard link": through_a_hard_link,
    "tar": unpacked("tar"),
    "zip": unpacked("zip"),
    "folders": swap_folders,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("place", ["disk", "tmpfs"])
def test_a_change_that_keeps_size_and_mtime_is_noticed(memory, tmp_path, reads, place, change):
    if place == "tmpfs" and not os.access("/dev/shm", os.W_OK):
        pytest.skip("no tmpfs")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if place == "tmpfs" else tmp_path) as root:
        folder = Path(root)
        (folder / "a").mkdir()
        path = write(folder / "a" / "x", b"old")
        for remembering in (memory, memory, FileDigests(memory.path)):
            assert remembering.digest([path]) == [sha(b"old")]
        assert len(reads) == 1
        time.sleep(0.02)  # the clock of a file system goes in steps of milliseconds
        change(folder, path)
        assert (os.stat(path).st_size, os.stat(path).st_mtime) == (3, LONG_AGO)
        for remembering in (FileDigests(memory.path), memory, memory, FileDigests(memory.path)):
            assert remembering.digest([path]) == [sha(b"new")]
        assert len(reads) == 2


def test_a_turned_image_whose_times_are_kept_is_turned(tmp_path, monkeypatch):
    from featx import EmbeddingCache
    from featx.extraction.digests import image_keys
    from featx.images.sources import as_sources

    pixels = np.random.default_rng(0).integers(0, 256, (8, 12, 3), dtype=np.uint8)
    paths = [tmp_path / "frame.jpg", tmp_path / "turned.jpg"]
    for number, path in zip((1, 6), paths, strict=True):
        Image.fromarray(pixels).save(path, exif=orientation(number))
        os.utime(path, (LONG_AGO, LONG_AGO))
    before, after = (path.read_bytes() for path in paths)
    assert len(before) == len(after)
    cache = EmbeddingCache(tmp_path / "cache")
    images = as_sources([str(paths[0])])
    assert image_keys(images, cache.digests, threads=1) == [sha(before)]
    time.sleep(0.02)
    paths[0].write_bytes(after)
    os.utime(paths[0], (LONG_AGO, LONG_AGO))
    assert image_keys(images, cache.digests, threads=1) == [sha(after)]


def test_a_symlink_that_points_elsewhere_and_names_that_differ_in_case(memory, folder, reads):
    write(folder / "a", b"old")
    write(folder / "A", b"OLD")
    link = folder / "link"
    for target, expected in (("a", b"old"), ("A", b"OLD"), ("a", b"old")):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        assert memory.digest([str(link), str(folder / "a"), str(folder / "A")]) == [
            sha(expected), sha(b"old"), sha(b"OLD"),
        ]  # fmt: skip


@pytest.mark.parametrize("touch", [lambda path: os.chmod(path, 0o600), lambda path: os.link(path, f"{path}.link")])
def test_a_change_of_mode_or_links_costs_one_reading(memory, folder, reads, touch):
    path = write(folder / "a", b"a")
    memory.digest([path])
    time.sleep(0.02)
    touch(path)
    for remembering in (memory, memory, FileDigests(memory.path)):
        assert remembering.digest([path]) == [sha(b"a")]
    assert len(reads) == 2


def fields_of(monkeypatch, folder, **changed):
    """Have files seem to lie elsewhere."""
    fstat = os.fstat

    def seen(status):
        fields = {name: getattr(status, name) for name in NAMES}
        return SimpleNamespace(**fields | changed)

    monkeypatch.setattr(os, "fstat", lambda handle: seen(fstat(handle)))
    watch_stat(monkeypatch, folder, seen)


@pytest.mark.parametrize(("boot", "read"), [("same", 2), ("another", 1)])
def test_a_device_tells_files_of_one_host_apart_and_nothing_elsewhere(memory, folder, reads, monkeypatch, boot, read):
    path = write(folder / "a", b"a")
    monkeypatch.setattr(digest_file, "_host_and_boot", lambda: ("first", "same"))
    memory.digest([path])
    with monkeypatch.context() as patch:
        fields_of(patch, folder, st_dev=77)
        patch.setattr(digest_file, "_host_and_boot", lambda: ("second" if boot == "another" else "first", boot))
        FileDigests(memory.path).digest([path])
        assert len(reads) == read


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


def test_every_file_is_read_where_the_environment_asks_for_it(memory, folder, reads, monkeypatch):
    path = write(folder / "a", b"a")
    memory.digest([path])
    for value, number in (("1", 2), ("1", 3), ("0", 3), ("", 3)):
        monkeypatch.setenv("FEATX_CHECKSUM", value)
        assert memory.digest([path]) == [sha(b"a")]
        assert len(reads) == number


def test_the_option_reads_every_file_and_leaves_the_environment_as_it_was(folder, tmp_path, reads, monkeypatch):
    from click.testing import CliRunner
    from featx.cli import main

    path = str(folder / "a.png")
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(path)
    command = ["extract", path, "-o", str(tmp_path / "a.h5"), "-q", "--backbone", "squeezenet1_1", "--weights", "none",
               "--image-size", "32"]  # fmt: skip
    for more, number in ([], 1), ([], 1), (["--checksum"], 2), ([], 2):
        assert CliRunner().invoke(main, command + more).exit_code == 0
        assert len(reads) == number
