"""A file's digest is the SHA-256 of the bytes it holds now, read once while it stays as it is."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import featx.cache.digest_file as digest_file
import featx.cache.digests as module
from digested_files import LONG_AGO, NAMES, fields_of, sha, watch_stat, write
from featx.cache import FileDigests


@pytest.fixture(autouse=True)
def _settled(settled_files):
    """Tests of fresh files set the time themselves."""


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


def test_what_memory_forgets_is_in_the_file(memory, folder, reads):
    path = write(folder / "a", b"a")
    memory.digest([path])
    memory.forget()
    assert memory.digest([path]) == [sha(b"a")]
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


def test_files_in_several_blocks_are_each_read_once(memory, folder, reads, monkeypatch):
    monkeypatch.setattr(module, "FILES_AT_ONCE", 2)
    paths = [write(folder / str(n), b"%d" % (n // 2)) for n in range(5)]
    asked = [*paths, str(folder / "none"), *reversed(paths)]
    for remembering in (memory, memory, FileDigests(memory.path)):
        *found, error, _, _, _, _, _ = remembering.digest(asked)
        assert found == [sha(b"%d" % (n // 2)) for n in range(5)]
        assert isinstance(error, FileNotFoundError)
        assert remembering.digest(asked)[6:] == found[::-1]
    assert sorted(reads) == sorted(paths)


def test_an_interrupted_reading_keeps_the_blocks_before(memory, folder, reads, monkeypatch):
    monkeypatch.setattr(module, "FILES_AT_ONCE", 2)
    paths = [write(folder / str(n), b"%d" % n) for n in range(7)]

    def interrupted(function, items):
        for number, item in enumerate(items):
            if number == 5:
                raise KeyboardInterrupt
            yield function(item)

    with pytest.raises(KeyboardInterrupt):
        memory.digest(paths, apply=interrupted)
    assert FileDigests(memory.path).digest(paths) == [sha(b"%d" % n) for n in range(7)]
    assert [reads.count(path) for path in paths] == [1, 1, 1, 1, 2, 1, 1]
