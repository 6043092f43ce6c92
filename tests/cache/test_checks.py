"""Promised: digests and embeddings of wrong shapes are refused."""

import numpy as np
import pytest

from cache_files import segments
from specs import SPEC


@pytest.mark.parametrize(
    ("digests", "embeddings"),
    [
        ((2, 32), (3, 4)),
        ((2, 32), (2,)),
        ((2, 32), (2, 4, 1)),
        ((2, 31), (2, 4)),
        ((32,), (32, 4)),
        ((2, 32), (2, 0)),
    ],
)
def test_wrong_shapes_are_refused(cache, digests, embeddings):
    with pytest.raises(ValueError, match="shape"):
        cache.put(SPEC, np.zeros(digests, np.uint8), np.zeros(embeddings, np.float32))
    assert segments(cache) == []


def test_reading_with_digests_of_a_wrong_shape_is_refused(cache):
    for read in (cache.get, cache.contains):
        with pytest.raises(ValueError, match="expected"):
            read(SPEC, np.zeros((2, 31), np.uint8))
