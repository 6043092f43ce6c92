"""Promised: the pushes of all machines are read together, and digests of rows without the rows."""

import numpy as np
import pytest

from failing_stores import counted
from featx import CacheError, push_cache
from featx.cache.index import Index
from featx.remote.object_store import ObjectStore
from featx.remote.pushed_rows import KnownRows, PushedRows, pushed_specs
from specs import OTHER, SPEC, rows

URL = "memory://bucket/shared"


def test_the_pushes_of_two_caches_are_one(caches):
    for numbers in (range(5), range(5, 9)):
        cache = caches()
        cache.put(SPEC, *rows(numbers))
        push_cache(URL, cache=cache)
    pushed = PushedRows(ObjectStore(URL), SPEC.digest)
    assert pushed.spec == SPEC
    assert sorted(entry.rows for entry in pushed.entries.values()) == [4, 5]
    assert all(pushed.is_there(sha256, entry.size) for sha256, entry in pushed.entries.items())
    assert not pushed.is_there("0" * 64, 1)
    assert pushed.problems == []


def test_digests_of_rows_are_read_without_the_rows(caches, monkeypatch):
    cache = caches()
    cache.put(SPEC, *rows(range(500), width=512))
    push_cache(URL, cache=cache)
    pushed = PushedRows(ObjectStore(URL), SPEC.digest)
    (entry,) = pushed.entries.values()
    with counted(monkeypatch) as done:
        np.testing.assert_array_equal(pushed.row_digests(entry), rows(range(500))[0])
    assert done == ["ls", "cat_file"]
    monkeypatch.setattr(ObjectStore, "read_part", lambda *_: b"other bytes")
    assert pushed.row_digests(entry) is None


def test_known_rows_are_found_by_an_index():
    digests = rows(range(9))[0]
    index = Index().updated([KnownRows(digests[:3]), KnownRows(digests[6:])])
    assert (index.find(digests) >= 0).tolist() == [True] * 3 + [False] * 3 + [True] * 3


def test_specs_are_listed_and_a_cache_is_told_apart(caches, tmp_path):
    cache = caches()
    assert pushed_specs(ObjectStore(URL)) == []
    for spec in (SPEC, OTHER):
        cache.put(spec, *rows([1]))
    push_cache(URL, cache=cache)
    assert pushed_specs(ObjectStore(URL)) == sorted([SPEC.digest, OTHER.digest])
    with pytest.raises(CacheError, match="is a cache itself"):
        pushed_specs(ObjectStore(str(cache.root)))
    push_cache(cache.root / "shared", cache=cache)  # below it there is room
