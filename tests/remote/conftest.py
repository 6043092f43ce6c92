"""What tests of pushes and pulls share: an empty store in memory, and caches."""

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from featx.cache import EmbeddingCache


@pytest.fixture(autouse=True)
def stored(monkeypatch):
    """The objects of memory://, by their paths."""
    objects = {}
    monkeypatch.setattr(MemoryFileSystem, "store", objects)
    monkeypatch.setattr(MemoryFileSystem, "pseudo_dirs", [""])
    return objects


@pytest.fixture
def caches(tmp_path):
    """A function that returns another empty cache each time."""
    made = []

    def make():
        made.append(EmbeddingCache(tmp_path / f"cache{len(made)}"))
        return made[-1]

    return make
