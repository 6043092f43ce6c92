"""Promised: contents that could not be decoded are known wherever they are pulled, and nothing else is believed."""

import hashlib
import json

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from featx import CacheError, pull_cache, push_cache
from featx.remote import unreadable
from featx.remote.object_store import ObjectStore
from featx.remote.unreadable import pull_failures
from specs import SPEC, rows

URL = "memory://bucket/shared"
ONE, TWO = bytes(32), bytes([7]) * 32


@pytest.fixture
def cache(caches):
    """Return a cache with a row and a failure."""
    made = caches()
    made.put(SPEC, *rows([1]))
    made.digests.remember_failures({ONE: "not an image"})
    return made


def test_failures_travel_once(cache, caches, stored):
    push_cache(URL, cache=cache)
    push_cache(URL, cache=cache)
    assert len([path for path in stored if "/failures/" in path]) == 1
    other = caches()
    other.digests.remember_failures({TWO: "truncated"})
    pull_cache(URL, cache=other)
    assert other.digests.all_failures() == {ONE: "not an image", TWO: "truncated"}
    push_cache(URL, cache=other)
    sent = [json.loads(stored[path].getvalue())["failures"] for path in stored if "/failures/" in path]
    assert sorted(map(len, sent)) == [1, 1]
    pull_cache(URL, cache=cache)
    assert cache.digests.all_failures() == other.digests.all_failures()
    assert other.verify().clean


@pytest.mark.parametrize(
    "given",
    [[], {"format": 2, "failures": {}}, {"format": 1, "failures": {"../x": "y"}},
     {"format": 1, "failures": {ONE.hex(): 5}}, {"format": 1, "failures": ["a"]}],
    ids=["list", "later", "digest", "reason", "none"],
)  # fmt: skip
def test_what_is_no_list_of_failures_is_named(given, cache, caches):
    push_cache(URL, cache=cache)
    content = json.dumps(given).encode()
    path = f"failures/{hashlib.sha256(content).hexdigest()}.json"
    MemoryFileSystem().pipe_file(f"/bucket/shared/{path}", content)
    other = caches()
    with pytest.raises(CacheError, match=f"{path}: it is not what this featx writes"):
        pull_cache(URL, cache=other)
    assert other.digests.all_failures() == {ONE: "not an image"}


def test_many_failures_travel_in_several_objects_that_can_be_read(cache, caches, stored, monkeypatch):
    assert unreadable.MOST_FAILURES * (12 * unreadable.MOST_CHARACTERS + 80) < unreadable.MOST_BYTES
    monkeypatch.setattr(unreadable, "MOST_FAILURES", 2)
    cache.digests.remember_failures({bytes([number]) * 32: "x" * 2000 for number in range(1, 5)})
    push_cache(URL, cache=cache)
    sent = [json.loads(stored[path].getvalue())["failures"] for path in stored if "/failures/" in path]
    assert sorted(map(len, sent)) == [1, 2, 2]
    other = caches()
    pull_cache(URL, cache=other)
    assert len(other.digests.all_failures()) == 5


def test_a_damaged_list_is_named_and_long_reasons_are_cut(cache, caches):
    cache.digests.remember_failures({TWO: "x" * 5000})
    push_cache(URL, cache=cache)
    MemoryFileSystem().pipe_file(f"/bucket/shared/failures/{'0' * 64}.json", b"{}")
    other = caches()
    problems = pull_failures(ObjectStore(URL), other)
    assert problems == [(f"failures/{'0' * 64}.json", "it is damaged, or not whole")]
    assert len(other.digests.all_failures()[TWO]) == 1000
