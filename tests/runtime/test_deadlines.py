"""Promised: calls that hang are abandoned after their time, and too many of them end the run."""

from __future__ import annotations

import threading

import pytest

from featx.exceptions import FeatxError
from featx.runtime import deadlines
from featx.runtime.deadlines import map_with_deadline


@pytest.fixture
def waiting(monkeypatch):
    """A call that does not return before the end of the test, and a tenth of a second for each."""
    end = threading.Event()
    monkeypatch.setattr(deadlines, "DECODE_SECONDS", 0.1)
    monkeypatch.setattr(deadlines, "_stuck", [])
    yield lambda item: end.wait()
    end.set()


def test_calls_that_do_not_return_end_the_run_once_there_are_too_many(monkeypatch, waiting):
    monkeypatch.setattr(deadlines, "MOST_STUCK_CALLS", 3)
    found = map_with_deadline(waiting, [f"{n}.png" for n in range(9)], threads=2)
    assert [str(next(found)) for _ in range(5)] == ["not read within 0.1 s"] * 5
    with pytest.raises(FeatxError, match=r"6 images were not read within 0\.1 s each, .* the last of them is 5\.png"):
        next(found)


def test_calls_that_return_late_are_not_counted(monkeypatch):
    monkeypatch.setattr(deadlines, "DECODE_SECONDS", 0.1)
    monkeypatch.setattr(deadlines, "MOST_STUCK_CALLS", 0)
    monkeypatch.setattr(deadlines, "_stuck", [])
    events = [threading.Event() for _ in range(4)]
    found = map_with_deadline(threading.Event.wait, events, threads=1)
    for event in events:
        assert isinstance(next(found), TimeoutError)
        event.set()
        assert deadlines._stuck[-1].done.wait(10)
