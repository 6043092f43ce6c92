"""Promised: every digest is found, whatever others it resembles."""

import numpy as np

from featx.cache import EmbeddingCache, EmbeddingSpec

BASE = EmbeddingSpec(backbone="net", weights_digest="0", layer="last", pooling="avg", preprocessing="none")


def test_digests_that_begin_alike_are_each_found(tmp_path):
    """Two images can be made for it; if one were never found, it would be forwarded for ever."""
    cache = EmbeddingCache(tmp_path)
    digests = np.zeros((9, 32), np.uint8)
    digests[:, 31] = range(9)
    cache.put(BASE, digests[[4, 0, 2, 8, 2]], np.arange(5.0)[:, None])
    cache.put(BASE, digests[[6, 3]], np.arange(5.0, 7)[:, None])
    rows, found = cache.get(BASE, digests)
    assert np.flatnonzero(found).tolist() == [0, 2, 3, 4, 6, 8]
    assert rows[found, 0].tolist() == [1, 2, 6, 0, 5, 3]
    cache.compact()
    assert cache.contains(BASE, digests).tolist() == found.tolist()
