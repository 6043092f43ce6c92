"""Damage, kills, full disks and crowds cost at most rows that count as missing; no wrong row is served."""

import errno
import hashlib
import itertools
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import featx.cache.folder
import h5py
import numpy as np
import pytest
from featx.cache import CacheError, EmbeddingCache, machine
from specs import OTHER, SPEC, found_of, rows

fcntl = pytest.importorskip("fcntl", reason="locks of POSIX")
resource = pytest.importorskip("resource", reason="limits of POSIX")


def filled(root, numbers, spec=SPEC):
    cache = EmbeddingCache(root)
    cache.put(spec, *rows(numbers))
    return cache


def segments(root, spec=SPEC):
    return sorted((Path(root) / spec.digest).glob("*.h5"))


def only_segment(root, spec=SPEC):
    (path,) = segments(root, spec)
    return path


def clutter(root):
    """The names of files that are no part of a cache at rest."""
    names = [path.name for path in Path(root).glob("*/*")]
    return [
        name
        for name in names
        if name not in ("spec.json", ".lock", ".lock.holder") and not name.endswith((".h5", ".damaged"))
    ] + [name for name in names if name.startswith("tmp-")]


def snapshot(root):
    return {path: path.read_bytes() for path in Path(root).rglob("*") if path.is_file()}


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


DTYPES = [np.float16, np.int16]


def filled_as(root, dtype, numbers, spec=SPEC):
    digests, embeddings = rows(numbers)
    cache = EmbeddingCache(root)
    cache.put(spec, digests, (1000 * embeddings).astype(dtype))
    return cache


def found_as(cache, dtype, numbers):
    """Which of the rows are served, all of them right and of the dtype."""
    digests, embeddings = rows(numbers)
    got, found = cache.get(SPEC, digests)
    assert not found.any() or got.dtype == dtype
    assert got[found].tobytes() == (1000 * embeddings[found]).astype(dtype).tobytes()
    return found


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


@pytest.mark.parametrize("dtype", DTYPES)
def test_repair_restores_spec_json_of_half_precision_rows(tmp_path, dtype):
    filled_as(tmp_path, dtype, range(5))
    (tmp_path / SPEC.digest / "spec.json").unlink()
    assert [path.name for path, _ in EmbeddingCache(tmp_path).repair().problems] == ["spec.json"]
    cache = EmbeddingCache(tmp_path)
    assert cache.specs() == [SPEC]
    assert cache.verify().clean
    assert found_as(cache, dtype, range(5)).all()


def with_header(path, **changes):
    """Change fields of a segment's header and make its checksum fit; the other bytes have none, as in old segments."""
    data = bytearray(path.read_bytes())
    start = data.index(b'{"format"')
    header = json.loads(data[start:].split(b"\0", 1)[0])
    del header["rest"]
    text = json.dumps(header | changes).encode()
    head = b"featx segment " + hashlib.sha256(text).hexdigest().encode() + b" %08d " % len(text) + text
    data[: len(head)] = head
    path.write_bytes(data)


@pytest.mark.parametrize("dtype", ["<f8", ">f2", "bfloat16", "", None, 2, ["<f2"], {}])
def test_a_segment_of_an_unknown_dtype_is_set_aside(tmp_path, dtype):
    path = only_segment(filled_as(tmp_path, np.float16, range(5)).root)
    with_header(path, dtype=dtype)
    cache = EmbeddingCache(tmp_path)
    ((where, reason),) = cache.verify().problems
    assert where == path
    assert "dtype" in reason
    assert not found_of(cache, range(5)).any()
    assert path.with_suffix(".damaged").exists()
    assert found_of(filled(tmp_path, range(5)), range(5)).all()


def test_a_header_that_tells_float32_is_read_like_one_that_tells_nothing(tmp_path):
    with_header(only_segment(filled(tmp_path, range(5)).root), dtype="<f4")
    assert found_of(EmbeddingCache(tmp_path), range(5)).all()


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


def foreign(file, digests, embeddings):
    file["x"] = 1


def other_dtype(file, digests, embeddings):
    file["digests"], file["embeddings"] = digests, embeddings.astype(">f4")


def chunked(file, digests, embeddings):
    file["digests"] = digests
    file.create_dataset("embeddings", data=embeddings, chunks=True)


def no_checksum(file, digests, embeddings):
    file["digests"], file["embeddings"] = digests, embeddings
    file.attrs.pop("embeddings_sha256", None)


def linked_digests(file, digests, embeddings):
    with h5py.File(file.filename + ".outside", "w") as outside:
        outside["digests"] = digests
    file["digests"], file["embeddings"] = h5py.ExternalLink(file.filename + ".outside", "digests"), embeddings


def linked_embeddings(file, digests, embeddings):
    with h5py.File(file.filename + ".outside", "w") as outside:
        outside["embeddings"] = embeddings
    file["digests"], file["embeddings"] = digests, h5py.ExternalLink(file.filename + ".outside", "embeddings")


@pytest.mark.parametrize("build", [foreign, other_dtype, chunked, no_checksum, linked_digests, linked_embeddings])
def test_a_file_that_is_no_whole_segment_is_set_aside(tmp_path, build):
    path = only_segment(filled(tmp_path, range(5)).root)
    with h5py.File(path) as file:
        attributes = dict(file.attrs)
    with h5py.File(path, "w") as file:
        file.attrs.update(attributes)
        build(file, *rows(range(5)))
    cache = EmbeddingCache(tmp_path)
    assert [where for where, _ in cache.verify().problems] == [path]
    assert not found_of(cache, range(5)).any()
    assert path.with_suffix(".damaged").exists()
    cache.put(SPEC, *rows(range(5)))
    assert found_of(cache, range(5)).all()


def spoil(path):
    data = bytearray(path.read_bytes())
    data[data.index(rows(range(5))[1].tobytes())] ^= 1
    path.write_bytes(data)
    return path


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


def test_damage_after_the_first_reading_is_not_merged_in(tmp_path):
    cache = filled(tmp_path, range(5))
    path = only_segment(tmp_path)
    assert found_of(cache, range(5)).all()
    cache.put(SPEC, *rows(range(5, 9)))
    spoil(path)
    cache.compact()
    assert found_of(EmbeddingCache(tmp_path), range(9)).tolist() == [False] * 5 + [True] * 4


def spoiled(root, numbers=range(5)):
    """A cache whose only segment was set aside; and the file."""
    spoil(only_segment(filled(root, numbers).root))
    cache = EmbeddingCache(root)
    assert not found_of(cache, numbers).any()
    (path,) = (root / SPEC.digest).glob("*.damaged")
    return cache, path


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


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_a_dead_writer_left_is_swept_and_a_live_ones_is_not(tmp_path):
    folder = only_segment(filled(tmp_path, [1]).root).parent
    space, dead = machine.process_space(), dead_pid()
    left = folder / f"tmp-{space}-{dead}-abc.h5"
    # Of a live process, of another machine or container, of a number that is none, of a version that told the host.
    names = (f"{space}-{os.getpid()}", f"0123456789abcdef-{dead}", f"{space}-{9**30}", f"{socket.gethostname()}-{dead}")
    kept = [folder / f"tmp-{name}-abc.h5" for name in names]
    for path in (left, *kept):
        path.write_bytes(b"partial")
    assert EmbeddingCache(tmp_path).verify().leftovers == [left]
    (info,) = EmbeddingCache(tmp_path).info()
    assert (info.unfinished, info.unfinished_bytes) == (5, 35)
    assert found_of(filled(tmp_path, [2]), [1, 2]).all()
    assert not left.exists()
    assert all(path.exists() for path in kept)
    left.write_bytes(b"partial")
    EmbeddingCache(tmp_path).repair()
    assert not left.exists()
    assert all(path.exists() for path in kept)


@pytest.mark.parametrize("sweep", ["put", "compact", "repair", "prune"])
def test_what_nobody_is_known_of_is_swept_after_a_day(tmp_path, sweep):
    cache = filled(tmp_path, [1])
    folder = only_segment(cache.root).parent
    left = [folder / f"tmp-{name}-7-abc.h5" for name in ("0123456789abcdef", "unknown", "another-host")]
    new, own = folder / "tmp-unknown-7-new.h5", folder / f"tmp-{machine.process_space()}-{os.getpid()}-abc.h5"
    for path in (*left, new, own):
        path.write_bytes(b"partial")
    for path in (*left, own):
        os.utime(path, (time.time() - 90_000,) * 2)
    other = EmbeddingCache(tmp_path)
    calls = {"put": lambda: other.put(SPEC, *rows([2])), "prune": lambda: other.prune(max_age=3600)}
    freed = calls.get(sweep, getattr(other, sweep))()
    assert [path.exists() for path in (*left, new, own)] == [False, False, False, True, True]
    assert freed == 21 or sweep != "prune"
    assert found_of(other, [1]).all()


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


def test_info_bears_a_segment_that_another_process_merged(tmp_path, monkeypatch):
    cache = filled(tmp_path, [1])
    names = featx.cache.folder.SpecFolder.names
    monkeypatch.setattr(featx.cache.folder.SpecFolder, "names", lambda self: names(self) | {"gone.h5"})
    assert cache.info()[0].rows == 1


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


def no_space(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


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


def test_files_that_go_faster_than_they_are_read_are_an_error(tmp_path, monkeypatch):
    def gone(*args):
        raise FileNotFoundError

    cache = filled(tmp_path, range(5))
    monkeypatch.setattr(featx.cache.folder.Segment, "read", gone)
    with pytest.raises(CacheError, match="faster than they can be read"):
        cache.get(SPEC, rows(range(5))[0])


def test_a_machine_whose_clock_is_ahead_leaves_others_their_files(tmp_path, monkeypatch):
    cache = filled(tmp_path, [1])
    path = only_segment(cache.root).parent / "tmp-0123456789abcdef-7-abc.h5"
    path.write_bytes(b"partial")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 200_000)
    assert EmbeddingCache(tmp_path).verify().leftovers == []
    EmbeddingCache(tmp_path).compact()
    EmbeddingCache(tmp_path).prune(max_age=10**9)
    assert path.exists()


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
