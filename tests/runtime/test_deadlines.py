"""Promised: calls that may hang have a time limit of their own, and keep their order."""

from __future__ import annotations

import threading
import time

import pytest

from featx.exceptions import FeatxError
from featx.runtime import deadlines
from featx.runtime.deadlines import DeadlinePool, map_with_deadline

# Pillow warns of damaged metadata; the images are what counts here.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")


def test_the_time_of_an_image_begins_with_its_own_decoding(monkeypatch):
    monkeypatch.setattr("featx.runtime.deadlines.IMAGE_SECONDS", 0.6)

    def slowly(number):
        time.sleep(0.05)
        return number

    assert list(map_with_deadline(slowly, range(15), threads=1)) == list(range(15))


def test_the_time_of_an_image_does_not_run_while_the_network_works(monkeypatch):
    monkeypatch.setattr("featx.runtime.deadlines.IMAGE_SECONDS", 0.4)
    results = map_with_deadline(time.sleep, [0, 0.6], threads=2)
    assert next(results) is None
    time.sleep(0.5)
    assert next(results) is None


def test_calls_keep_their_order_their_errors_and_their_distance():
    before, begun = set(threading.enumerate()), []

    def call(number):
        begun.append(number)
        if number == 7:
            raise ZeroDivisionError
        return -number

    results = map_with_deadline(call, range(20), threads=3, ahead=5)
    for number in range(7):
        assert next(results) == -number
        assert max(begun) <= number + 5
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert len(begun) < 20
    assert not set(threading.enumerate()) - before


@pytest.fixture
def waiting(monkeypatch):
    """A call that does not return before the end of the test, and a tenth of a second for each."""
    end = threading.Event()
    monkeypatch.setattr(deadlines, "IMAGE_SECONDS", 0.1)
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
    monkeypatch.setattr(deadlines, "IMAGE_SECONDS", 0.1)
    monkeypatch.setattr(deadlines, "MOST_STUCK_CALLS", 0)
    monkeypatch.setattr(deadlines, "_stuck", [])
    events = [threading.Event() for _ in range(4)]
    found = map_with_deadline(threading.Event.wait, events, threads=1)
    for event in events:
        assert isinstance(next(found), TimeoutError)
        event.set()
        assert deadlines._stuck[-1].done.wait(10)


def test_calls_that_are_given_up_hold_up_no_other():
    over, begun, called = threading.Event(), threading.Event(), []

    def call(item):
        called.append(item)
        if item == "hangs":
            begun.set()
            over.wait(20)
        return item

    pool = DeadlinePool(call, 1)
    hangs, waits, last = map(pool.call, ("hangs", "waits", "last"))
    assert begun.wait(20)
    pool.give_up(waits)
    pool.give_up(hangs)
    assert pool.wait(last) == "last"
    pool.give_up(last)  # which is done
    assert "waits" not in called
    assert len(pool.threads) == 1
    over.set()
    pool.shut_down([last])
