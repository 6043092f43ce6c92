"""Damage, kills, full disks and crowds cost at most rows that count as missing; no wrong row is served."""

import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from cache_files import clutter, filled, filled_as, found_as, no_space, only_segment, snapshot, spoil
from featx.cache import CacheError, EmbeddingCache
from specs import OTHER, SPEC, found_of, rows

fcntl = pytest.importorskip("fcntl", reason="locks of POSIX")
resource = pytest.importorskip("resource", reason="limits of POSIX")


def child(call, **options):
    """Start another process that makes a call of this module."""
    code = f"from {Path(__file__).stem} import *; {call}"
    return subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent, text=True, **options)


def succeeds(process, timeout=60):
    """Wait for a child; one that crashes, hangs or fails an assertion fails the test."""
    try:
        assert process.wait(timeout) == 0
    finally:
        process.kill()
        process.wait()


def try_flips(root, flips):
    path = only_segment(root)
    sound = path.read_bytes()
    for position, mask in flips:
        damaged = bytearray(sound)
        damaged[position] ^= mask
        path.write_bytes(damaged)
        cache = EmbeddingCache(root)
        assert not found_of(cache, range(20)).any(), position
        assert [name for name, _ in cache.damaged] == [path.name]
        path.with_suffix(".damaged").unlink()


def test_a_flipped_byte_anywhere_never_gives_a_wrong_row(tmp_path):
    filled(tmp_path, range(20))
    size = only_segment(tmp_path).stat().st_size
    chance = random.Random(0)
    flips = [
        (position + chance.randrange(size // 60), chance.randrange(1, 256)) for position in range(0, size, size // 60)
    ]
    succeeds(child(f"try_flips({str(tmp_path)!r}, {[f for f in flips if f[0] < size]})"))


def test_flipped_metadata_neither_crash_nor_hang_the_reader(tmp_path):
    filled(tmp_path, range(20))
    data = only_segment(tmp_path).read_bytes()
    rest = data
    for array in rows(range(20)):
        rest = rest.replace(array.tobytes(), bytes(array.nbytes))
    flips = [(position, 255) for position, byte in enumerate(rest) if byte]
    succeeds(child(f"try_flips({str(tmp_path)!r}, {flips})"))


@pytest.mark.long
@pytest.mark.parametrize("mask", [0xFF, 0x01, 0x10, 0x80])
def test_every_flipped_byte_is_survived(tmp_path, mask):
    filled(tmp_path, range(20))
    size = only_segment(tmp_path).stat().st_size
    succeeds(child(f"try_flips({str(tmp_path)!r}, [(n, {mask}) for n in range({size})])"), timeout=300)


@pytest.mark.parametrize("part", [0, 1], ids=["digests", "embeddings"])
@pytest.mark.parametrize("where", [0, 0.3, 1])
def test_a_flipped_byte_of_the_rows_is_detected(tmp_path, part, where):
    filled(tmp_path, range(20))
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    part = rows(range(20))[part].tobytes()
    data[data.index(part) + int(where * (len(part) - 1))] ^= 1
    path.write_bytes(data)
    cache = EmbeddingCache(tmp_path)
    assert not cache.verify().clean
    assert not found_of(cache, range(20)).any()
    assert not cache.contains(SPEC, rows(range(20))[0]).any()


@pytest.mark.parametrize("fraction", [*np.linspace(0, 0.99, 15), 0.9999])
def test_a_truncated_segment_counts_as_missing(tmp_path, fraction):
    filled(tmp_path, range(20))
    path = only_segment(tmp_path)
    os.truncate(path, int(path.stat().st_size * fraction))
    assert not EmbeddingCache(tmp_path).verify().clean
    cache = filled(tmp_path, range(10, 30))
    assert found_of(cache, range(30)).tolist() == [False] * 10 + [True] * 20


def test_segments_that_changed_places_between_specs_are_refused(tmp_path):
    filled(tmp_path, range(5))
    filled(tmp_path, range(5), OTHER)
    one, two = only_segment(tmp_path), only_segment(tmp_path, OTHER)
    one.rename(tmp_path / "aside")
    two.rename(one)
    (tmp_path / "aside").rename(two)
    cache = EmbeddingCache(tmp_path)
    assert sorted(path for path, _ in cache.verify().problems) == sorted([one, two])
    for spec in (SPEC, OTHER):
        assert not found_of(cache, range(5), spec).any()


DTYPES = [np.float16, np.int16]


def try_flips_as(root, dtype, flips):
    path = only_segment(root)
    sound = path.read_bytes()
    for position, mask in flips:
        damaged = bytearray(sound)
        damaged[position] ^= mask
        path.write_bytes(damaged)
        assert not found_as(EmbeddingCache(root), dtype, range(20)).any(), position
        path.with_suffix(".damaged").unlink()
    path.write_bytes(sound)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_flipped_byte_of_a_half_precision_segment_never_gives_a_wrong_row(tmp_path, dtype):
    filled_as(tmp_path, dtype, range(20))
    data = only_segment(tmp_path).read_bytes()
    start = data.index((1000 * rows(range(20))[1]).astype(dtype).tobytes())
    header = data.index(b'"dtype"')
    flips = [(p, 1 << p % 8) for p in (*range(0, len(data), len(data) // 30), *range(header, header + 16))]
    try_flips_as(tmp_path, dtype, flips)
    for position in (start, start + 100, start + 20 * 8 * 2 - 1):
        damaged = bytearray(data)
        damaged[position] ^= 1
        only_segment(tmp_path).write_bytes(damaged)
        assert [reason for _, reason in EmbeddingCache(tmp_path).verify().problems] == [
            "the embeddings do not match their checksum"
        ]
    cache = EmbeddingCache(tmp_path)
    assert not found_as(cache, dtype, range(20)).any()
    assert len(cache.damaged) == 1
    assert found_as(filled_as(tmp_path, dtype, range(20)), dtype, range(20)).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cut", [1, 100, 319])
def test_a_truncated_half_precision_segment_counts_as_missing(tmp_path, dtype, cut):
    filled_as(tmp_path, dtype, range(20))
    path = only_segment(tmp_path)
    values = (1000 * rows(range(20))[1]).astype(dtype).tobytes()
    os.truncate(path, path.read_bytes().index(values) + len(values) - cut)
    assert not EmbeddingCache(tmp_path).verify().clean
    assert not found_as(EmbeddingCache(tmp_path), dtype, range(20)).any()


@pytest.mark.parametrize("use", ["get", "contains", "compact", "put", "repair"])
@pytest.mark.parametrize("odd", [(np.float16, 8), (np.int16, 8), (np.float32, 5)])
def test_first_rows_of_two_kinds_cost_the_smaller_segment_and_are_never_mixed(tmp_path, odd, use):
    dtype, width = odd
    filled(tmp_path / "a", range(5))
    digests, embeddings = rows(range(3, 7))
    EmbeddingCache(tmp_path / "b").put(SPEC, digests, embeddings[:, :width].astype(dtype))
    stray = only_segment(tmp_path / "b")
    stray = stray.rename(only_segment(tmp_path / "a").with_name(stray.name))
    cache = EmbeddingCache(tmp_path / "a")
    report = cache.verify()
    ((where, reason),) = report.problems
    assert (where, report.segments, report.rows) == (stray, 1, 5)
    assert reason == f"rows of {width} {np.dtype(dtype).name} in a spec with rows of 8 float32"
    if use == "put":
        cache.put(SPEC, *rows(range(5, 7)))
    elif use in ("get", "contains"):
        getattr(cache, use)(SPEC, digests)
    else:
        getattr(cache, use)()
    assert stray.with_suffix(".damaged").exists()
    assert found_of(cache, range(7)).tolist() == [True] * 5 + [use == "put"] * 2
    assert cache.verify().clean


def test_a_damaged_segment_is_renamed_told_and_computed_again(tmp_path):
    cache = filled(tmp_path, range(5))
    path = spoil(only_segment(tmp_path))
    cache = EmbeddingCache(tmp_path)
    assert cache.damaged == []
    assert not found_of(cache, range(5)).any()
    ((name, reason),) = cache.damaged
    assert name == path.name
    assert "checksum" in reason
    assert not path.exists()
    assert path.with_suffix(".damaged").exists()
    cache.put(SPEC, *rows(range(5)))
    assert found_of(cache, range(5)).all()
    report = cache.verify()
    assert report.clean
    assert report.set_aside == [path.with_suffix(".damaged")]


def put_forever(root):
    cache = EmbeddingCache(root)
    for number in range(100_000):
        cache.put(SPEC, *rows([number]))
        print(number, flush=True)


@pytest.mark.parametrize("seed", range(5))
def test_a_killed_writer_loses_nothing_it_reported(tmp_path, seed):
    chance = random.Random(seed)
    writer = child(f"put_forever({str(tmp_path)!r})", stdout=subprocess.PIPE)
    told = [int(writer.stdout.readline()) for _ in range(chance.randrange(1, 60))]
    time.sleep(chance.random() * 0.02)
    os.kill(writer.pid, signal.SIGKILL)
    told += [int(line) for line in writer.communicate(timeout=30)[0].splitlines()]
    cache = EmbeddingCache(tmp_path)
    assert cache.verify().clean
    assert found_of(cache, told).all()
    cache.put(SPEC, *rows([-1]))
    assert not clutter(tmp_path)


def put_overlapping(root, seed):
    cache = EmbeddingCache(root)
    numbers = random.Random(seed).sample(range(200), 150)
    for start in range(0, 150, 5):
        cache.put(SPEC, *rows(numbers[start : start + 5]))


def compact_and_read(root, stop):
    cache = EmbeddingCache(root)
    before = np.zeros(200, bool)
    while not os.path.exists(stop):
        after = found_of(cache, range(200))
        assert after[before].all(), "a committed row got lost"
        before = after
        cache.compact()
        assert cache.verify().clean
        cache.info()
    assert cache.damaged == []


def test_writers_a_compacter_and_a_reader_at_once_lose_nothing(tmp_path):
    root, stop = str(tmp_path / "cache"), str(tmp_path / "stop")
    compacter = child(f"compact_and_read({root!r}, {stop!r})")
    for writer in [child(f"put_overlapping({root!r}, {seed})") for seed in range(4)]:
        succeeds(writer)
    Path(stop).touch()
    succeeds(compacter)
    written = sorted({n for seed in range(4) for n in random.Random(seed).sample(range(200), 150)})
    cache = EmbeddingCache(root)
    cache.compact()
    assert found_of(cache, written).all()
    assert (cache.info()[0].rows, cache.info()[0].segments) == (len(written), 1)
    assert not clutter(root)


def test_threads_share_one_cache(tmp_path):
    cache = EmbeddingCache(tmp_path)

    def work(number):
        cache.put(SPEC, *rows([number]))
        return found_of(cache, [number]).all()

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(80)))
    assert found_of(cache, range(80)).all()


def test_readers_do_not_mind_a_lock(tmp_path):
    path = only_segment(filled(tmp_path, range(5)).root)
    with open(path, "rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert found_of(EmbeddingCache(tmp_path), range(5)).all()
    assert path.exists()


def test_too_many_open_files_are_not_taken_for_damage(tmp_path):
    path = only_segment(filled(tmp_path, range(5)).root)
    cache = EmbeddingCache(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        while len(opened) < 300:
            opened.append(os.open(path, os.O_RDONLY))
    except OSError:
        pass
    try:
        cache._folder(SPEC).names = lambda: {path.name}
        with pytest.raises(CacheError, match="open files"):
            cache.get(SPEC, rows(range(5))[0])
    finally:
        for handle in opened:
            os.close(handle)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert path.exists()
    assert found_of(cache, range(5)).all()


@pytest.mark.parametrize("below", ["", "sub", "sub/deeper"])
def test_a_root_below_a_file_is_an_error_with_a_next_step(tmp_path, below):
    (tmp_path / "file").write_text("")
    cache = EmbeddingCache(tmp_path / "file" / below)
    with pytest.raises(CacheError) as caught:
        cache.put(SPEC, *rows([1]))
    assert str(cache.root) in caught.value.message
    assert "cache=" in caught.value.next_step


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize("earlier", [[], range(5)], ids=["first put", "later put"])
def test_a_full_disk_says_how_to_free_space_and_costs_nothing_else(tmp_path, monkeypatch, function, earlier):
    cache = filled(tmp_path, earlier)
    with monkeypatch.context() as patch:
        patch.setattr(os, function, no_space)
        with pytest.raises(CacheError) as caught:
            cache.put(SPEC, *rows(range(5, 9)))
    assert str(tmp_path) in caught.value.message
    assert "prune" in caught.value.next_step
    assert not clutter(tmp_path)
    assert found_of(cache, earlier).all()
    cache.put(SPEC, *rows(range(5, 9)))
    assert found_of(cache, range(5, 9)).all()
    assert cache.verify().clean


def put_limited(root, limits):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    cache = filled(root, range(5))
    for limit in limits:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        with pytest.raises(CacheError, match="no space"):
            cache.put(SPEC, *rows(range(5, 25)))
        assert not clutter(root)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert found_of(cache, range(25)).tolist() == [True] * 5 + [False] * 20
    cache.put(SPEC, *rows(range(5, 25)))
    assert found_of(cache, range(25)).all()
    assert cache.verify().clean


def test_a_file_that_may_not_grow_is_an_error_and_no_crash(tmp_path):
    size = only_segment(filled(tmp_path / "sample", range(20)).root).stat().st_size
    limits = [int(size * n / 20) for n in range(20)]
    succeeds(child(f"put_limited({str(tmp_path / 'cache')!r}, {limits})", stderr=subprocess.DEVNULL))


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_an_interrupted_put_leaves_nothing(tmp_path, monkeypatch, function):
    cache = filled(tmp_path, range(5))
    before = snapshot(tmp_path)

    def interrupt(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, function, interrupt)
        with pytest.raises(KeyboardInterrupt):
            cache.put(SPEC, *rows(range(5, 9)))
    assert snapshot(tmp_path) == before
