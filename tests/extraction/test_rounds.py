"""Promised: a cache that loses rows is filled again, and one that keeps losing them ends the extraction."""

import os

import joblib
import numpy as np
import pytest

from backends import IMAGES, LAST, Processes, extraction
from featx.cache import EmbeddingCache
from featx.exceptions import CacheError
from featx.extraction.extract import ensure_embeddings
from featx.images.sources import as_sources


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


@pytest.fixture
def extract(tiny, cache):
    return extraction(tiny, cache)


@pytest.fixture
def expected(extract):
    return extract(cache=None).embeddings[0]


@pytest.fixture
def losing(monkeypatch):
    """Have the cache lose its rows so many times after they were put."""

    def lose(times):
        put = EmbeddingCache.put

        def forgetful(self, spec, digests, embeddings):
            nonlocal times
            put(self, spec, digests, embeddings)
            if times:
                times -= 1
                for segment in (self.root / spec.digest).glob("*.h5"):
                    segment.unlink()

        monkeypatch.setattr(EmbeddingCache, "put", forgetful)

    return lose


def test_a_cache_that_was_pruned_meanwhile_is_filled_again(extract, losing, expected, forwards):
    losing(2)
    forwards.since()
    np.testing.assert_array_equal(extract().embeddings[0], expected)
    assert forwards.since() == 120


def test_a_cache_that_keeps_nothing_ends_with_an_error(extract, losing, cache, forwards):
    losing(1000)
    with pytest.raises(CacheError, match=r"40 of 40 images have no rows in .*cache, though .* 3 times: something"):
        ensure_embeddings(as_sources(IMAGES), extract.source, views=[LAST], store=cache)
    assert forwards.since() == 120


def test_what_a_cache_does_not_keep_is_held_in_memory(extract, losing, expected, forwards, caplog):
    losing(1000)
    forwards.since()
    np.testing.assert_array_equal(extract().embeddings[0], expected)
    assert forwards.since() == 160
    assert [record.message.rpartition(". ")[2] for record in caplog.records] == [
        "What is computed now is held in memory for this call"
    ]


def test_a_cache_that_loses_some_rows_each_time_ends_too(extract, expected, monkeypatch, cache):
    """Fewer are missing after each round than before it, and never none."""
    put = EmbeddingCache.put

    def some(self, spec, digests, embeddings):
        for segment in (self.root / spec.digest).glob("*.h5"):
            segment.unlink()
        half = max(1, len(digests) // 2)
        put(self, spec, digests[:half], embeddings[:half])

    monkeypatch.setattr(EmbeddingCache, "put", some)
    with pytest.raises(CacheError, match="images have no rows"):
        ensure_embeddings(as_sources(IMAGES), extract.source, views=[LAST], store=cache)
    np.testing.assert_array_equal(extract().embeddings[0], expected)


def test_a_segment_that_is_damaged_at_once_is_computed_again(extract, expected, monkeypatch):
    put, spoiled = EmbeddingCache.put, []

    def damage(self, spec, digests, embeddings):
        put(self, spec, digests, embeddings)
        if not spoiled:
            spoiled.append(next((self.root / spec.digest).glob("*.h5")))
            with open(spoiled[0], "r+b") as file:
                file.seek(-1, os.SEEK_END)
                last = file.read(1)[0]
                file.seek(-1, os.SEEK_END)
                file.write(bytes([last ^ 1]))

    monkeypatch.setattr(EmbeddingCache, "put", damage)
    result = extract()
    np.testing.assert_array_equal(result.embeddings[0], expected)
    assert len(result.damaged) == 1
    assert result.n_forwarded == 80


@pytest.mark.parametrize("shared", [True, False])
def test_files_that_change_meanwhile_and_their_copies_come_to_an_end(shared, extract, tmp_path, forwards):
    paths = [str(tmp_path / f"{n}.npy.png") for n in range(8)]
    from PIL import Image

    for number, path in enumerate(paths):
        Image.fromarray(IMAGES[number]).save(path)
    keys = [source.digest() for source in as_sources(paths)]
    for number, path in enumerate(paths):
        Image.fromarray(IMAGES[number + 8]).save(path)
    # Each file is passed three times, and is no longer what its key says.
    with joblib.parallel_config(Processes() if shared else "sequential", **({"n_jobs": 2} if shared else {})):
        found = extract(paths * 3, keys=keys * 3, batch_size=2).embeddings[0]
    now = extract(paths).embeddings[0]
    np.testing.assert_array_equal(found, np.concatenate([now] * 3))


def test_images_that_cannot_be_read_are_no_reason_for_another_round(extract, tmp_path, forwards):
    missing = [str(tmp_path / f"{n}.png") for n in range(40)]
    with joblib.parallel_config(Processes(), n_jobs=2):
        result = extract(missing, keys=[bytes([n]) * 32 for n in range(40)], on_error="skip")
    assert len(result.failures) == 40
    assert forwards.since() == 0
