"""The store gives back what was put, bit for bit, to every process, and stays small and exportable."""

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from cache_files import assert_holds, filled, segments
from featx.cache import EmbeddingCache, default_cache_dir
from featx.cache.digests import digest_array
from specs import OTHER, SPEC, rows
from store_contract import StoreContract


class TestContract(StoreContract):
    @pytest.fixture
    def store(self, cache):
        return cache

    def fill(self, store, digests, values, spec=SPEC):
        """Put the rows in two segments."""
        store.put(spec, digests[::2], values[::2])
        store.put(spec, digests[1::2], values[1::2])


def test_rows_come_back_bit_for_bit_in_any_order_with_duplicates(cache):
    for batch in ([0], range(1, 40), range(40, 47), range(30, 60)):
        filled(cache, batch)
    order = np.random.default_rng(0).integers(0, 60, 300)
    assert_holds(cache, order)
    assert cache.contains(SPEC, rows(order)[0]).all()


def test_special_floats_keep_their_bits(cache):
    bits = np.array([[0x7FC00001, 0xFF800000, 0x80000000, 0x00000001]], dtype=np.uint32)
    cache.put(SPEC, rows([1])[0], bits.view(np.float32))
    assert cache.get(SPEC, rows([1])[0])[0].tobytes() == bits.tobytes()


def test_an_empty_cache_has_nothing_and_makes_nothing(cache):
    digests = rows(range(3))[0]
    embeddings, found = cache.get(SPEC, digests)
    assert embeddings.shape == (3, 0)
    assert not found.any()
    assert not cache.contains(SPEC, digests).any()
    assert cache.width(SPEC) is None
    assert cache.specs() == cache.info() == []
    assert cache.compact() == cache.prune(max_bytes=0) == 0
    report = cache.verify()
    assert (report.clean, report.segments, cache.repair().clean) == (True, 0, True)
    assert not cache.root.exists()


def test_no_rows_are_no_segment(cache):
    filled(cache, [])
    assert segments(cache) == []
    assert filled(cache, [1]).get(SPEC, rows([])[0])[0].shape == (0, 8)


def test_specs_do_not_mix(cache):
    filled(cache, [1])
    cache.put(OTHER, rows([1])[0], np.full((1, 3), 7))
    assert_holds(cache, [1])
    assert cache.get(OTHER, rows([1])[0])[0].tolist() == [[7, 7, 7]]
    assert cache.width(OTHER) == 3
    assert not filled(cache, [2]).contains(OTHER, rows([2])[0]).any()


def test_spec_json_lies_beside_the_segments(cache):
    filled(cache, [1])
    assert json.loads((cache.root / SPEC.digest / "spec.json").read_text()) == SPEC.to_dict()
    assert cache.specs() == [SPEC]


def test_another_instance_and_another_process_see_committed_rows(cache):
    reader = EmbeddingCache(str(cache.root))
    assert not reader.contains(SPEC, rows([5])[0]).any()
    filled(cache, [5])
    assert_holds(reader, [5])
    code = f"from test_store import *; assert_holds(EmbeddingCache({str(cache.root)!r}), [5])"
    subprocess.run([sys.executable, "-c", code], cwd=os.path.dirname(__file__), check=True, timeout=60)


def test_pickling_keeps_only_the_path(cache):
    filled(cache, range(1000))
    assert_holds(cache, range(1000))
    data = pickle.dumps(cache)
    assert len(data) < 1000
    assert_holds(pickle.loads(data), range(1000))


@pytest.mark.any_file_name
def test_default_root_is_featx_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FEATX_CACHE", str(tmp_path / "här e"))
    assert default_cache_dir() == EmbeddingCache().root == tmp_path / "här e"
    assert_holds(filled(EmbeddingCache(), [1]), [1])
    monkeypatch.delenv("FEATX_CACHE")
    assert EmbeddingCache().root.name == "featx"


def test_array_digest_depends_on_shape_dtype_and_bytes():
    array = np.arange(6, dtype=np.int32)
    others = [array.reshape(2, 3), array.astype(np.int64), array.view(np.uint32), array[::-1], array[:0]]
    assert len({digest_array(a) for a in (array, *others)}) == 6
    assert digest_array(np.arange(12, dtype=np.int32)[::2]) == digest_array(np.arange(0, 12, 2, dtype=np.int32))


def test_putting_is_using(cache):
    filled(cache, [1])
    os.utime(cache.root / SPEC.digest / "spec.json", (1, 1))
    filled(cache, [2])
    assert cache.prune(max_age=1000) == 0
    assert_holds(cache, [1, 2])
