"""What tests of the cache share: a cache, and a memory of digests with a count of the files that it reads."""

import pytest
from featx.cache import EmbeddingCache, FileDigests, digests


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
