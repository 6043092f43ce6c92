"""Promised: the time of a stage is added up, whether or not it ends with an error."""

import time
from collections import Counter

import pytest

from featx.runtime.timing import timed, wait_until


def test_times_of_a_stage_add_up_also_after_an_error(monkeypatch):
    moments = iter([1.0, 1.5, 10.0, 12.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(moments))
    clock = Counter(read=3.0)
    with timed(clock, "decode"):
        pass
    with pytest.raises(KeyError), timed(clock, "decode"):
        raise KeyError
    assert clock == {"read": 3.0, "decode": 2.5}


def test_waiting_ends_when_it_is_so_or_time_is_up(monkeypatch):
    monkeypatch.setattr("featx.runtime.timing.POLL_SECONDS", 0.001)
    answers = iter([False, False, True])
    assert wait_until(lambda: next(answers), 60)
    assert not wait_until(lambda: False, 0.01)
    assert wait_until(lambda: True, 0)
