"""Promised: rows are read to any places in one call, and a row that is wanted twice or is not there is told of."""

import os

import numpy as np
import pytest

from featx.cache.scattered_rows import puts_rows_in_places, read_scattered_rows

pytestmark = pytest.mark.skipif(not hasattr(os, "preadv"), reason="this system does not scatter what it reads")

VALUES = np.arange(80, dtype=np.float32).reshape(20, 4)


@pytest.fixture
def read(tmp_path):
    (tmp_path / "rows").write_bytes(b"before" + VALUES.tobytes())

    def rows(wanted, where, *, first=0):
        out, spare = np.full((8, 4), -1, dtype=np.float32), np.empty((20, 4), dtype=np.float32)
        with open(tmp_path / "rows", "rb", buffering=0) as file:
            return read_scattered_rows(file, 6 + 16 * first, np.array(wanted), out, np.array(where), spare), out

    return rows


@pytest.mark.parametrize("wanted", [[0, 1, 2], [3, 4, 9]], ids=["from the first on", "gaps"])
def test_rows_come_to_their_places_and_no_other_is_touched(read, wanted):
    where = [6, 0, 3]
    arrived, out = read(wanted, where)
    assert arrived
    np.testing.assert_array_equal(out[where], VALUES[wanted])
    assert (np.delete(out, where, axis=0) == -1).all()


def test_rows_are_counted_from_the_start_of_the_block(read):
    arrived, out = read([1, 3], [1, 0], first=10)
    assert arrived
    np.testing.assert_array_equal(out[[1, 0]], VALUES[[11, 13]])


@pytest.mark.parametrize("wanted", [[1, 1], [5, 2]], ids=["wanted twice", "not sorted"])
def test_of_rows_that_do_not_increase_none_is_read(read, wanted):
    arrived, out = read(wanted, [0, 1])
    assert not arrived
    assert (out == -1).all()


def test_rows_that_are_cut_off_have_not_arrived(read):
    assert not read([1, 5], [0, 1], first=15)[0]


def test_one_call_takes_a_limited_number_of_places():
    assert puts_rows_in_places(10)
    assert not puts_rows_in_places(100_000)
