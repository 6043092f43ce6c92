"""Promised: a process that is killed at any instant loses what it had in flight, and nothing that it had reported.

Trainings that are killed while they write their checkpoints are in test_checkpoints.py.
"""

import functools
import hashlib
import io
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import featx.cache.folder
import specs
from featx.cache import EmbeddingCache
from featx.cache.files import temporary_name
from featx.cache.hdf5 import GuardedFile
from processes import driven, flattened, flattening, forked, was_killed
from specs import OTHER, SPEC

fcntl = pytest.importorskip("fcntl", reason="pipes and locks of POSIX")

WIDTH = 192
rows, found_of = (functools.partial(call, width=WIDTH) for call in (specs.rows, specs.found_of))
BATCH = 32


def assert_swept_by_the_next_writer(root, spec, number):
    """Commit a row and see that what dead writers left is gone and a live one's is not."""
    folder = Path(root) / spec.digest
    folder.mkdir(parents=True, exist_ok=True)
    live = folder / temporary_name(".h5")
    live.write_bytes(b"being written")
    EmbeddingCache(root).put(spec, *rows([-number]))
    assert list(folder.glob("tmp-*")) == [live]
    live.unlink()


# Extractions


def pictures(folder, count):
    """Write so many images; return their paths, digests and the embeddings that they must get."""
    pixels, expected = flattened(count)
    paths = [folder / f"{number}.png" for number in range(count)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path, compress_level=1)
        os.utime(path, (1e9, 1e9))  # the digests of younger files are not remembered
    digests = np.frombuffer(b"".join(hashlib.sha256(p.read_bytes()).digest() for p in paths), np.uint8)
    return [str(path) for path in paths], digests.reshape(-1, 32), expected


def extract_and_tell(source, views, paths, root, pipe):
    """Extract with a commit for every batch, and report the digests of each commit when it is done."""
    from featx.extraction import forward as forwarding
    from featx.extraction.extract import extract_embeddings
    from featx.images.sources import as_sources

    put = EmbeddingCache.put

    def telling(self, spec, digests, embeddings):
        put(self, spec, digests, embeddings)
        os.write(pipe, digests.tobytes())

    EmbeddingCache.put = telling
    forwarding.TURN_SECONDS = forwarding.PAUSE = 0.0
    extract_embeddings(as_sources(paths), source, views=views, cache=EmbeddingCache(root), batch_size=BATCH)


def kill_extractions(folder, seed, kills, count):
    folder, chance = Path(folder), random.Random(seed)
    paths, digests, expected = pictures(folder, count)
    (source, views, spec), root = flattening(), folder / "cache"
    places = {digest.tobytes(): place for place, digest in enumerate(digests)}

    def run(delay):
        """Extract, be killed after a delay; return the places of the rows that were reported, and how it ended."""
        reader, writer = os.pipe()
        if hasattr(fcntl, "F_SETPIPE_SZ"):  # elsewhere a pipe holds the 64,000 bytes that are written as it is
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)
        child = forked(extract_and_tell, source, views, paths, root, writer)
        os.close(writer)
        if delay is not None:
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        killed = was_killed(child)
        with open(reader, "rb") as pipe:
            said = pipe.read()
        return [places[said[i : i + 32]] for i in range(0, len(said), 32)], killed

    began = time.perf_counter()
    told, _ = run(None)
    whole = time.perf_counter() - began
    assert len(told) == len(set(told)) == count
    told, found, killed, rounds, left, told_in_all = set(), np.ones(count, bool), 0, 0, 0, 0
    while killed < kills:
        if found.all() or chance.random() < 0.4:  # begin anew
            shutil.rmtree(root)
            told, found = set(), np.zeros(count, bool)
        delay = chance.uniform(0, whole * (~found).mean())
        try:
            news, was = run(delay)
            told.update(news)
            told_in_all += len(news)
            killed += was
            rounds += 1
            report = EmbeddingCache(root).verify()
            assert report.clean, report.problems
            left += len(report.leftovers)
            embeddings, found = EmbeddingCache(root).get(spec, digests)
            assert found[sorted(told)].all(), "a reported row got lost"
            assert embeddings[found].tobytes() == expected[found].tobytes(), "a wrong row was served"
            assert_swept_by_the_next_writer(root, spec, 1 + killed)
        except BaseException:
            print(f"seed {seed}, kill {killed}, after {delay:.4f} of {whole:.4f} s")
            raise
    told, _ = run(None)
    assert not found[told].any(), "a row was computed twice"
    embeddings, found = EmbeddingCache(root).get(spec, digests)
    assert embeddings.tobytes() == expected.tobytes()
    print(f"{killed} kills in {rounds} runs of {whole:.2f} s: {told_in_all} rows reported, {left} files left to sweep")


@pytest.mark.parametrize(
    ("seed", "kills", "count"),
    [(0, 4, 600), *(pytest.param(seed, 25, 2000, marks=pytest.mark.long) for seed in range(0, 5))],
)
def test_an_extraction_killed_at_random_instants_loses_nothing_it_reported(tmp_path, seed, kills, count):
    driven(kill_extractions, str(tmp_path), seed, kills, count, timeout=60 + 10 * kills, warm=True)


# The store's own work

SOUND, DAMAGED, NEW = range(390), range(900, 905), range(380, 520)
MORE = range(0, 300, 3)
KEPT = 300_000


def worn(root):
    """Make a cache in which every operation has something to do; return a segment whose rows are nowhere else."""
    # Fewer segments than usual are merged, so that there are fewer steps at which to be killed.
    featx.cache.folder.TIER_SEGMENTS = 4
    cache = EmbeddingCache(root)
    cache.put(SPEC, *rows(DAMAGED))
    (lone,) = (root / SPEC.digest).glob("*.h5")
    # Three of one tier, with rows that are there twice: `put` brings the fourth.
    for start in range(0, 390, 130):
        cache.put(SPEC, *rows(range(start, min(start + 145, 390))))
    for start in range(0, 100, 50):
        cache.put(OTHER, *rows(MORE[start : start + 50]))
    return lone


def spoil(root, damaged):
    """Damage what `repair` mends."""
    data = bytearray(damaged.read_bytes())
    data[-1] ^= 1
    damaged.write_bytes(data)
    (root / OTHER.digest / "spec.json").write_text("{")


def put(root):
    EmbeddingCache(root).put(SPEC, *rows(NEW))


def begin(root):
    EmbeddingCache(root / "new").put(SPEC, *rows(NEW))


def compact(root):
    EmbeddingCache(root).compact()


def prune(root):
    os.utime(root / SPEC.digest / "spec.json", (1e9, 1e9))
    EmbeddingCache(root).prune(max_bytes=KEPT)


def repair(root):
    EmbeddingCache(root).repair()


OPERATIONS = {call.__name__: call for call in (put, begin, compact, prune, repair)}


def assert_survived(root, name, number, where):
    """See that an operation that was killed has lost nothing, and that it comes to its end the next time."""
    try:
        cache = EmbeddingCache(root)
        folder = root / "new" if name == "begin" else root
        if name != "repair":  # what was damaged before may still be
            problems = cache.verify().problems + EmbeddingCache(folder).verify().problems
            assert not problems, problems
        assert found_of(cache, MORE, OTHER).all()
        found = found_of(cache, SOUND)
        assert found.all() or name == "prune"
        assert found_of(cache, DAMAGED).all() or name in ("prune", "repair")
        assert_swept_by_the_next_writer(folder, SPEC, 1 + number)
        OPERATIONS[name](root)
        report = EmbeddingCache(root).verify()
        assert report.clean, report.problems
        assert sorted(EmbeddingCache(root).specs(), key=lambda s: s.layer) == [SPEC, OTHER]
        cache = EmbeddingCache(root)
        assert found_of(cache, MORE, OTHER).all()
        if name == "prune":
            assert sum(info.bytes for info in cache.info()) <= KEPT
        else:
            assert found_of(cache, SOUND).all()
        assert name != "put" or found_of(cache, NEW).all()
        assert name != "begin" or found_of(EmbeddingCache(folder), NEW).all()
    except BaseException:
        print(where)
        raise


def template(folder, name):
    """Make the cache that is copied for every kill."""
    lone = worn(folder / "worn")
    if name == "repair":
        spoil(folder / "worn", lone)
    return folder / "worn"


def die_at(step, call, root):
    """Make a call, and be killed before its step of that number that could leave a trace on the disk."""
    left = iter(range(step))

    def due():
        return next(left, None) is None

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    def hook(event, args):
        changes = event in ("os.rename", "os.remove", "os.mkdir")
        if (changes or (event == "open" and args[2] & (os.O_WRONLY | os.O_RDWR))) and due():
            die()

    write, fsync, open_ = GuardedFile.write, os.fsync, io.open

    def half_written(self, data):
        if due():
            view = memoryview(data).cast("B")
            write(self, view[: len(view) // 2])
            die()
        return write(self, data)

    def unsynced(handle):
        if due():
            die()
        return fsync(handle)

    def unwritten(path, mode="r", *args):
        file = open_(path, mode, *args)
        if mode != "r" and mode != "rb" and due():
            die()
        return file

    GuardedFile.write, os.fsync, io.open = half_written, unsynced, unwritten
    sys.addaudithook(hook)
    call(root)


def kill_at_every_step(folder, name):
    folder = Path(folder)
    original, root = template(folder, name), folder / "cache"
    step, killed = 0, True
    while killed:
        shutil.copytree(original, root)
        killed = was_killed(forked(die_at, step, OPERATIONS[name], root))
        assert_survived(root, name, step, f"{name}, killed before step {step}")
        shutil.rmtree(root)
        step += killed
    assert step >= 5
    print(f"{name}: {step} steps")


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_kill_at_any_step_of_the_store_loses_nothing_and_needs_no_repair(tmp_path, name):
    driven(kill_at_every_step, str(tmp_path), name, timeout=120)


def kill_operations(folder, seed, kills):
    for name, call in OPERATIONS.items():
        here, chance = Path(folder) / name, random.Random(f"{seed}{name}")
        original, root = template(here, name), here / "cache"
        whole, killed = 0.0, 0
        for number in range(100 * kills):
            shutil.copytree(original, root)
            delay = chance.uniform(0, whole)
            began = time.perf_counter()
            child = forked(call, root)
            if number:
                time.sleep(delay)
                os.kill(child, signal.SIGKILL)
            killed += was_killed(child)
            whole = whole or time.perf_counter() - began
            assert_survived(root, name, number, f"seed {seed}, {name} killed after {delay:.4f} of {whole:.4f} s")
            shutil.rmtree(root)
            if killed == kills:
                break
        assert killed == kills
        print(f"{name}: {kills} kills within {whole:.4f} s")


@pytest.mark.parametrize(
    ("seed", "kills"), [(0, 5), *(pytest.param(seed, 25, marks=pytest.mark.long) for seed in range(1, 5))]
)
def test_putting_compacting_pruning_and_repairing_killed_at_random_instants_lose_nothing(tmp_path, seed, kills):
    driven(kill_operations, str(tmp_path), seed, kills, timeout=60 + 10 * kills)


# Temporary files


def stop_while_writing(root, numbers, how):
    """Stop or kill this process when the segment is written and not yet committed."""
    fsync, told = os.fsync, []

    def stopping(handle):
        if not told:
            told.append(handle)
            os.kill(os.getpid(), how)
        return fsync(handle)

    os.fsync = stopping
    EmbeddingCache(root).put(SPEC, *rows(numbers))


def sweep_between_a_dead_and_a_live_writer(root, name):
    root = Path(root)
    put(root)
    live = forked(stop_while_writing, root, range(1000, 1040), signal.SIGSTOP)
    os.waitpid(live, os.WUNTRACED)
    (being_written,) = (root / SPEC.digest).glob("tmp-*")
    assert was_killed(forked(stop_while_writing, root, range(2000, 2040), signal.SIGKILL))
    assert len(list((root / SPEC.digest).glob("tmp-*"))) == 2
    OPERATIONS[name](root)
    assert list((root / SPEC.digest).glob("tmp-*")) == [being_written]
    os.kill(live, signal.SIGCONT)
    assert not was_killed(live)
    cache = EmbeddingCache(root)
    assert found_of(cache, [*NEW, *range(1000, 1040)]).all()
    assert not found_of(cache, range(2000, 2040)).any()
    assert not list((root / SPEC.digest).glob("tmp-*"))
    assert cache.verify().clean


def export(root, target, how):
    """Stop or kill this process when the export is written and not yet there."""
    os.fsync = lambda handle: os.kill(os.getpid(), how)
    EmbeddingCache(root).export(target)


def export_after_a_kill(folder):
    folder, target = Path(folder), Path(folder) / "out" / "rows.h5"
    target.parent.mkdir()
    put(folder)
    live = forked(export, folder, target, signal.SIGSTOP)
    os.waitpid(live, os.WUNTRACED)
    (being_written,) = target.parent.iterdir()
    for name in ("rows.h5", "other.h5"):
        assert was_killed(forked(export, folder, target.with_name(name), signal.SIGKILL))
    before = set(target.parent.iterdir())
    assert len(before) == 3
    assert EmbeddingCache(folder).export(target) == len(NEW)
    left = set(target.parent.iterdir()) - {target, being_written}
    assert len(left & before) == 1, "what was left of the other export is not this one's to remove"
    os.kill(live, signal.SIGCONT)
    assert not was_killed(live)
    assert set(target.parent.iterdir()) == {target, *left}


def test_what_a_killed_export_left_is_swept_by_the_next_to_the_same_file(tmp_path):
    driven(export_after_a_kill, str(tmp_path), timeout=60)


@pytest.mark.parametrize("name", ["put", "compact", "repair"])
def test_a_dead_writers_file_is_swept_while_a_live_one_goes_on_to_its_commit(tmp_path, name):
    driven(sweep_between_a_dead_and_a_live_writer, str(tmp_path / "cache"), name, timeout=60)
