"""Promised: temporary files of dead writers are removed, and those of live ones are not."""

import contextlib
import os
import socket
import time

import pytest

from cache_files import dead_pid, filled, only_segment
from featx.cache import EmbeddingCache, machine
from featx.cache.files import committed
from specs import SPEC, found_of, rows


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


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_another_process_has_committed_first_stays_where_that_is_asked(tmp_path, monkeypatch, links):
    if not links:  # where they are unknown, the last one stays
        monkeypatch.setattr(os, "link", lambda *paths: (_ for _ in ()).throw(OSError("no hard links here")))
    target = tmp_path / "first.txt"
    with committed(target, keep_first=True) as mine:
        mine.write_text("second")
        with committed(target, keep_first=True) as theirs:
            theirs.write_text("first")
    assert target.read_text() == ("first" if links else "second")
    with committed(target) as mine:
        mine.write_text("third")
    with contextlib.suppress(KeyError), committed(target) as mine:
        mine.write_text("fourth")
        raise KeyError
    assert target.read_text() == "third"
    assert os.listdir(tmp_path) == ["first.txt"]
