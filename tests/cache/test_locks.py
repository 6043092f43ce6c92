"""Promised: a process that is stopped, hangs or has ended keeps no other waiting for long, whatever the file system."""

import errno
import functools
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import filelock
import numpy as np
import pytest

from featx.cache import CacheError, EmbeddingCache, EmbeddingSpec, locks, machine
from featx.cache.locks import WorkLock, remove_old_turns

pytestmark = pytest.mark.usefixtures("short")
SPEC = EmbeddingSpec(backbone="net", weights_digest="0", layer="last", pooling="avg", preprocessing="none")


def give_back(process):
    process.stdin.write("\n")
    process.stdin.flush()


def seconds_to_acquire(lock):
    began = time.monotonic()
    with lock:
        return time.monotonic() - began


def refuse_flock(monkeypatch, error):
    """Have locks of the operating system fail; versions of filelock raise what the system says, or another error."""

    def acquire(self, *args, **kwargs):
        raise error

    monkeypatch.setattr(filelock.FileLock, "acquire", acquire)


def rows(count, start=0):
    digests = np.zeros((count, 32), np.uint8)
    digests[:, :2] = np.arange(start, start + count, dtype=">u2").view(np.uint8).reshape(-1, 2)
    return digests, np.ones((count, 4), np.float32)


def test_a_stopped_holder_is_overtaken_once_named_and_may_go_on(tmp_path, holder, caplog):
    path = tmp_path / "turn"
    process = holder(path)
    process.send_signal(signal.SIGSTOP)
    assert 0.35 < seconds_to_acquire(WorkLock(path, work="at work", turn=True)) < 5
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"process {process.pid} of {machine.socket.gethostname()} has been at work since 2" in record.message
    # Later turns are free, and nothing is said of them.
    assert seconds_to_acquire(WorkLock(path, work="at work", turn=True)) < 0.3
    with WorkLock(path, work="at work", turn=True):
        process.send_signal(signal.SIGCONT)
        assert process.communicate("\n", timeout=30)[0] == "given back\n"
        assert process.returncode == 0
        time.sleep(0.1)
        assert not WorkLock(path, work="at work", turn=True).try_acquire()
        # It may be just being written.
        while not (text := (tmp_path / "turn.holder").read_text()):
            pass
        assert json.loads(text)["process"] == os.getpid()
    assert len(caplog.records) == 1
    assert os.listdir(tmp_path) == ["turn"]


def test_a_living_holder_is_waited_for_however_long(tmp_path, holder, caplog):
    process = holder(tmp_path / "turn")
    threading.Timer(1.0, give_back, [process]).start()
    assert seconds_to_acquire(WorkLock(tmp_path / "turn", work="at work", turn=True)) > 0.9
    assert not caplog.records


@pytest.mark.parametrize("turn", [True, False])
def test_a_turn_without_progress_is_overtaken_and_other_work_is_not(tmp_path, holder, turn, caplog):
    process = holder(tmp_path / "lock", turn=turn, before="locks.STUCK_SECONDS = 0.2")
    timer = threading.Timer(1.2, give_back, [process])
    timer.start()
    waited = seconds_to_acquire(WorkLock(tmp_path / "lock", work="at work", turn=turn))
    timer.cancel()
    assert (waited < 1.1) == turn
    assert len(caplog.records) == turn


def test_progress_keeps_a_turn(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "STUCK_SECONDS", 0.2)
    with WorkLock(tmp_path / "turn", work="at work", turn=True) as lock:
        other = WorkLock(tmp_path / "turn", work="at work", turn=True)
        for _ in range(15):
            lock.progress()
            time.sleep(0.05)
            assert not other.try_acquire()


def test_a_killed_holder_gives_its_turn_back_at_once(tmp_path, holder, caplog):
    process = holder(tmp_path / "turn")
    process.kill()
    process.wait()
    assert seconds_to_acquire(WorkLock(tmp_path / "turn", work="at work", turn=True)) < 0.3
    assert not caplog.records


def test_who_waits_for_other_work_says_so_once(tmp_path, holder, caplog, monkeypatch):
    monkeypatch.setattr(locks, "NOTICE_SECONDS", 0.2)
    process = holder(tmp_path / "lock", turn=False)

    def give_back_when_said():
        while not caplog.records:
            time.sleep(0.01)
        give_back(process)

    threading.Thread(target=give_back_when_said, daemon=True).start()
    seconds_to_acquire(WorkLock(tmp_path / "lock", work="at work"))
    (record,) = caplog.records
    assert record.message.endswith(" and is waited for")
    assert f"process {process.pid} of " in record.message


def test_who_was_stopped_himself_has_seen_no_silence(monkeypatch):
    clock = iter([0.0, 0.0, 0.5, 1000.0, 1000.2, 1000.4])
    monkeypatch.setattr(locks.time, "monotonic", lambda: next(clock))
    watch = locks._Watch()
    assert [watch.look("sign") for _ in range(4)] == pytest.approx([0.0, 0.5, 1.5, 1.7])
    assert watch.look("another") == 0.0


def test_waiting_ends_with_ctrl_c(tmp_path, monkeypatch):
    waits = iter([None, None, KeyboardInterrupt()])

    def sleep(seconds):
        if (error := next(waits)) is not None:
            raise error

    with WorkLock(tmp_path / "turn", work="at work"):
        monkeypatch.setattr(locks.time, "sleep", sleep)
        with pytest.raises(KeyboardInterrupt), WorkLock(tmp_path / "turn", work="at work"):
            pass
    assert WorkLock(tmp_path / "turn", work="at work").try_acquire()


def test_a_lock_that_cannot_be_taken_away_is_not_waited_for_again(tmp_path, monkeypatch, caplog):
    """As on Windows, or in a folder of another user with the sticky bit."""

    def unlink(self, missing_ok=False):
        raise PermissionError(errno.EPERM, "held open")

    with filelock.FileLock(tmp_path / "turn"):
        monkeypatch.setattr(Path, "unlink", unlink)
        assert seconds_to_acquire(WorkLock(tmp_path / "turn", work="at work")) > 0.3
        assert caplog.records[0].message.startswith("an unknown process has been at work, by the lock ")
        # Whoever holds it still gives no sign.
        monkeypatch.setattr(WorkLock, "_start_heartbeat", lambda self: None)
        (tmp_path / "turn.holder").write_text("{}")
        assert seconds_to_acquire(WorkLock(tmp_path / "turn", work="at work")) > 0.3
        assert seconds_to_acquire(WorkLock(tmp_path / "turn", work="at work")) < 0.1
    assert len(caplog.records) == 2


WITHOUT = {
    "ENOSYS": OSError(errno.ENOSYS, "not implemented"),
    "ENOLCK": OSError(errno.ENOLCK, "no locks available"),
    "EOPNOTSUPP": OSError(errno.EOPNOTSUPP, "not supported"),
    "EINVAL": OSError(errno.EINVAL, "invalid argument"),
    "another user's": PermissionError(errno.EACCES, "permission denied"),
    "filelock 3": NotImplementedError("FileSystem does not appear to support flock; use SoftFileLock instead"),
}


@pytest.mark.parametrize("error", WITHOUT.values(), ids=WITHOUT)
def test_without_locks_of_the_file_system_everything_works(tmp_path, monkeypatch, error, caplog):
    refuse_flock(monkeypatch, error)
    cache = EmbeddingCache(tmp_path)
    for number in range(40):
        cache.put(SPEC, *rows(1, number))
    (info,) = cache.info()
    assert (info.rows, info.segments) == (40, 10)
    assert cache.compact() == 9
    with cache.turn("cpu"):
        (marker,) = tmp_path.glob("*.soft")
        assert not WorkLock(marker.with_suffix(""), work="").try_acquire()
    assert not list(tmp_path.rglob("*.soft"))
    assert cache.prune(max_bytes=0) > 0
    assert not caplog.records


@pytest.mark.parametrize("told", ["far", "near", "nothing"])
def test_a_marker_of_a_dead_holder_is_not_waited_for_for_ever(tmp_path, monkeypatch, told, caplog):
    refuse_flock(monkeypatch, WITHOUT["ENOLCK"])
    monkeypatch.setattr(locks, "SILENT_SECONDS", 0.8)
    (tmp_path / "lock.soft").write_text("1\nanother-host\n")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    sign = {"process": dead.pid, "host": "h", "since": 1e9, "hold": "x"}
    sign["space"] = machine.process_space() if told == "near" else "0123456789abcdef"
    if told != "nothing":
        (tmp_path / "lock.holder").write_text(json.dumps(sign))
    waited = seconds_to_acquire(WorkLock(tmp_path / "lock", work="at work"))
    assert (waited < 0.6) == (told == "near")
    assert len(caplog.records) == 1
    assert os.listdir(tmp_path) == []


def test_a_folder_that_takes_neither_lock_nor_marker_is_an_error_with_the_next_step(tmp_path, monkeypatch):
    cache = EmbeddingCache(tmp_path)
    cache.put(SPEC, *rows(1))
    refuse_flock(monkeypatch, WITHOUT["ENOLCK"])

    def acquire(self, *args, **kwargs):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(filelock.SoftFileLock, "acquire", acquire)
    for call in (cache.compact, functools.partial(cache.prune, max_bytes=1)):
        with pytest.raises(CacheError, match=r"Permission denied\. Check its permissions"):
            call()
    for number in range(1, 20):
        cache.put(SPEC, *rows(1, number))
    with cache.turn("cpu"):
        pass
    assert cache.contains(SPEC, rows(20)[0]).all()


def test_a_stopped_merger_keeps_neither_puts_nor_compact_waiting(tmp_path, holder, caplog):
    cache = EmbeddingCache(tmp_path)
    cache.put(SPEC, *rows(1))
    holder(tmp_path / SPEC.digest / ".lock", turn=False).send_signal(signal.SIGSTOP)
    began = time.monotonic()
    for number in range(1, 20):
        cache.put(SPEC, *rows(1, number))
    assert time.monotonic() - began < 5
    assert cache.compact() > 0
    assert [info.segments for info in cache.info()] == [1]
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    "sign", ["", "{", "[]", "null", '{"process": "x", "since": "y"}', '{"since": 1e300}', "\x00\x80"]
)
def test_any_sign_of_life_can_be_read(tmp_path, sign, caplog):
    with filelock.FileLock(tmp_path / "lock"):
        (tmp_path / "lock.holder").write_text(sign, encoding="latin-1")
        seconds_to_acquire(WorkLock(tmp_path / "lock", work="at work"))
    assert len(caplog.records) == 1


def test_a_sign_that_cannot_be_written_costs_no_turn(tmp_path, monkeypatch):
    """On a full disk the file is there, empty, and its time changes."""

    def write_text(self, text):
        open(self, "w").close()
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", write_text)
    with WorkLock(tmp_path / "turn", work="at work", turn=True):
        other = WorkLock(tmp_path / "turn", work="at work", turn=True)
        for _ in range(15):
            time.sleep(0.05)
            assert not other.try_acquire()
    assert other.try_acquire()


def test_turns_of_machines_that_are_gone_are_removed_after_a_day(tmp_path):
    old, new = ".turn-a-cpu", ".turn-b-cpu"
    for name in (old, f"{old}.holder", new, f"{new}.holder", f".turn-{machine.machine()}-cpu", "other"):
        (tmp_path / name).touch()
        if name != f"{new}.holder":
            os.utime(tmp_path / name, (1e9, 1e9))
    remove_old_turns(tmp_path)
    assert sorted(os.listdir(tmp_path)) == sorted([new, f"{new}.holder", f".turn-{machine.machine()}-cpu", "other"])
