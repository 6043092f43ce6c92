"""What tests of the cache share: a cache, and a memory of digests with a count of the files that it reads."""

import subprocess
import sys

import pytest

from featx.cache import EmbeddingCache, FileDigests, digests, locks


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


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
    read = digests._read_digest

    def counted(path):
        seen.append(path)
        return read(path)

    monkeypatch.setattr(digests, "_read_digest", counted)
    return seen


@pytest.fixture
def short(monkeypatch):
    """Take tenths of seconds for seconds."""
    monkeypatch.setattr(locks, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(locks, "SILENT_SECONDS", 0.4)
    monkeypatch.setattr(locks, "GONE_SECONDS", 0.1)
    monkeypatch.setattr(locks, "_watches", {})


@pytest.fixture
def holder(tmp_path):
    """A function that starts a process which holds a turn or another lock, and waits until it does."""
    processes = []

    def start(path, *, turn=True, before=""):
        code = (
            f"from featx.cache import locks; from pathlib import Path; locks.HEARTBEAT_SECONDS = 0.05\n{before}\n"
            f"lock = locks.WorkLock(Path({str(path)!r}), work='at work', turn={turn})\n"
            "with lock:\n print('held', flush=True); input()\nprint('given back', flush=True)"
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        process = subprocess.Popen([sys.executable, "-c", code], **pipes)
        processes.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
