"""Promised: memory is as good a store as the cache; one that can only be read is used, and that is said once."""

import errno
import logging
import tempfile

import joblib
import numpy as np
import pytest

from featx import CNNFeatureTransformer, CNNFineTuneClassifier, EmbeddingCache
from featx.cache.memory import MemoryStore, OverlayStore
from featx.process import forget
from specs import SPEC, rows
from store_contract import StoreContract, assert_same

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (12, 32, 32, 3), dtype=np.uint8)


class TestMemory(StoreContract):
    @pytest.fixture
    def store(self):
        return MemoryStore()


class TestOverlay(StoreContract):
    @pytest.fixture
    def store(self, cache):
        return OverlayStore(cache)

    def fill(self, store, digests, values, spec=SPEC):
        """Put half of the rows below, and half above."""
        store.below.put(spec, digests[::2], values[::2])
        store.put(spec, digests[1::2], values[1::2])

    def test_rows_that_are_below_alone_or_above_alone_are_found(self, store):
        digests, values = rows(range(4))
        store.below.put(SPEC, digests[:2], values[:2])
        assert_same(store.get(SPEC, digests[:2], all_or_none=True)[0], values[:2])
        store.put(SPEC, digests[2:], values[2:])
        assert_same(store.get(SPEC, digests[2:], all_or_none=True)[0], values[2:])
        assert not store.below.contains(SPEC, digests[2:]).any()
        assert store.get(SPEC, rows([2, 7])[0])[1].tolist() == [True, False]


class TestOverlayOfMemory(StoreContract):
    @pytest.fixture
    def store(self):
        return OverlayStore(MemoryStore())


@pytest.fixture
def read_only(monkeypatch, tmp_path):
    """A function that takes away the right to write; root would have it whatever the permissions are."""
    forget("remarks")

    def refuse(code=errno.EACCES):
        def failing(*args, **kwargs):
            raise OSError(code, "refused")

        monkeypatch.setattr(tempfile, "TemporaryFile", failing)
        monkeypatch.setattr("featx.cache.folder.write_segment", failing)
        monkeypatch.setattr("featx.cache.folder.write_spec", failing)

    return refuse


def files(cache):
    return {path: path.stat().st_mtime_ns for path in cache.root.rglob("*.h5")}


def test_known_rows_are_read_and_new_ones_computed_without_being_kept(tiny, forwards, read_only, caplog, tmp_path):
    cache = EmbeddingCache(tmp_path / "cache")
    expected = CNNFeatureTransformer(**tiny, cache=None).fit_transform(IMAGES)
    CNNFeatureTransformer(**tiny, cache=cache).fit_transform(IMAGES[:8])
    before = files(cache)
    forwards.since()
    read_only()
    for _ in range(2):
        np.testing.assert_array_equal(CNNFeatureTransformer(**tiny, cache=cache).fit_transform(IMAGES), expected)
        assert forwards.since() == 4
    assert files(cache) == before
    assert [record.message.count("can be read but not written") for record in caplog.records] == [1]


def test_nothing_is_said_while_everything_is_there(tiny, read_only, caplog, tmp_path):
    cache = EmbeddingCache(tmp_path / "cache")
    transformer = CNNFeatureTransformer(**tiny, cache=cache)
    transformer.fit_transform(IMAGES)
    read_only()
    transformer.transform(IMAGES)
    assert not caplog.records


def test_processes_compute_nothing_for_a_cache_that_cannot_take_it(tiny, read_only, tmp_path):
    read_only()
    transformer = CNNFeatureTransformer(**tiny, cache=EmbeddingCache(tmp_path / "cache"), batch_size=2)
    with joblib.parallel_config("loky", n_jobs=2):
        assert transformer.fit_transform(IMAGES).shape == (12, 512)


def test_fine_tuning_goes_on_in_memory(tiny, read_only, caplog, tmp_path):
    read_only(errno.EROFS)
    model = CNNFineTuneClassifier(**tiny, head_init="logistic", epochs=1, cache=EmbeddingCache(tmp_path / "cache"))
    with caplog.at_level(logging.WARNING, "featx"):
        model.fit(IMAGES, [0, 1] * 6)
        assert model.predict_proba(IMAGES).shape == (12, 2)
    assert len(caplog.records) == 1


def test_a_full_disk_is_no_lack_of_permission(monkeypatch, tmp_path):
    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert EmbeddingCache(tmp_path / "cache").writable()
