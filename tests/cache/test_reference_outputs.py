"""Promised: the first outputs that were kept stay, and damaged ones are replaced."""

import numpy as np

from cache_files import filled, segments
from specs import SPEC

FIRST, SECOND = np.arange(8.0).reshape(2, 4), np.ones((2, 4))


def test_the_first_outputs_stay_for_every_process(cache):
    kept = cache.reference_outputs(SPEC)
    assert kept.load() is None
    np.testing.assert_array_equal(kept.keep(FIRST), FIRST)
    np.testing.assert_array_equal(cache.reference_outputs(SPEC).keep(SECOND), FIRST)


def test_damaged_outputs_are_replaced(cache):
    kept = cache.reference_outputs(SPEC)
    kept.keep(FIRST)
    data = bytearray(kept.path.read_bytes())
    data[-1] ^= 1
    kept.path.write_bytes(data)
    assert kept.load() is None
    np.testing.assert_array_equal(kept.keep(SECOND), SECOND)


def test_rows_that_are_set_aside_are_missing(cache):
    kept = cache.reference_outputs(SPEC)
    assert not kept.has_rows()
    filled(cache, range(3))
    assert kept.has_rows()
    kept.set_rows_aside("another network")
    assert not kept.has_rows()
    assert segments(cache) == []
