"""Promised: batches that pass the network side by side give what they give one after the other."""

import threading
import time
from collections import Counter

import pytest
import torch

from featx.runtime.lanes import MOST_LANES, Lanes, auto_batch_size, in_lanes, lane_count, limited_threads


def through(function, items, lanes, clock=None):
    return list(in_lanes(function, iter(items), lanes=lanes, clock=Counter() if clock is None else clock))


@pytest.mark.parametrize("lanes", [1, 2, 5])
def test_results_come_in_order(torch_threads, lanes):
    def slow_at_first(number):
        time.sleep(0.02 / (1 + number))
        return number**2

    clock = Counter()
    assert through(slow_at_first, range(12), lanes, clock) == [(n, n**2) for n in range(12)]
    assert clock["forward"] > 0


def test_no_more_is_taken_than_can_be_dealt_with_soon(torch_threads):
    taken, most = [], 0
    passed = in_lanes(lambda n: n, (taken.append(n) or n for n in range(20)), lanes=2, clock=Counter())
    for number, _ in passed:
        most = max(most, len(taken) - number)
    assert most == 3


def test_lanes_share_out_the_threads_of_torch_and_leave_those_of_others_alone(torch_threads):
    def inside(_):
        time.sleep(0.01)
        return torch.get_num_threads(), threading.get_ident()

    found = [result for _, result in through(inside, range(8), 2)]
    assert {threads for threads, _ in found} == {2}
    assert len({thread for _, thread in found}) == 2
    assert threading.get_ident() not in {thread for _, thread in found}
    assert torch.get_num_threads() == torch_threads
    seen = []
    other = threading.Thread(target=lambda: seen.append(torch.get_num_threads()))
    other.start()
    other.join()
    assert seen == [torch_threads]
    assert through(inside, [0], 1) == [(0, (torch_threads, threading.get_ident()))]


def test_every_thread_of_torch_is_in_some_lane(torch_threads):
    together = threading.Barrier(3)

    def inside(_):
        together.wait(10)
        return torch.get_num_threads()

    assert sorted(threads for _, threads in through(inside, range(3), 3)) == [1, 1, 2]


def test_an_interrupt_while_lanes_begin_leaves_no_thread(torch_threads, monkeypatch):
    wait = threading.Barrier.wait

    def interrupted(self, timeout=None):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        return wait(self, timeout)

    monkeypatch.setattr(threading.Barrier, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        through(lambda n: n, range(4), 2)
    assert torch.get_num_threads() == torch_threads
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("featx-lane")]


def test_what_a_batch_raises_comes_at_its_turn_and_ends_the_threads(torch_threads):
    def failing(number):
        if number == 3:
            raise ValueError("the fourth")
        return number

    got = []
    passed = in_lanes(failing, iter(range(50)), lanes=2, clock=Counter())
    with pytest.raises(ValueError, match="the fourth"):
        got.extend(passed)
    assert [number for number, _ in got] == [0, 1, 2]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("featx-lane")]
    passed = in_lanes(failing, iter(range(50)), lanes=2, clock=Counter())
    next(passed)
    passed.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("featx-lane")]


def test_counts_follow_device_and_threads(torch_threads):
    assert lane_count("cpu") == 4
    assert lane_count("cuda:1") == lane_count("mps") == 1
    torch.set_num_threads(64)
    assert lane_count("cpu") == MOST_LANES
    assert (auto_batch_size("cpu", 4), auto_batch_size("cpu", 1), auto_batch_size("cuda", 1)) == (24, 32, 128)


def test_lanes_divide_a_batch_unless_there_are_few_images_or_the_network_keeps_state(torch_threads):
    assert Lanes.on("cpu") == Lanes(most=4, batch_size=24)
    assert Lanes.on("cpu", 10, single=True) == Lanes(most=1, batch_size=10)
    assert Lanes.on("cpu", single=True) == Lanes(most=1, batch_size=32)
    assert Lanes.on("cuda") == Lanes(most=1, batch_size=128)
    for batch_size, n_images, expected in [(24, 100, (4, 6)), (24, 10, (4, 2)), (24, 7, (1, 7)), (2, 9, (2, 1))]:
        assert Lanes(4, batch_size).split(n_images, lambda: True) == expected
    assert Lanes(4, 24).split(100, lambda: False) == (1, 24)
    assert Lanes(1, 32).split(100, None) == (1, 32)  # which is not asked


def test_a_share_of_the_cores_takes_no_more_threads_and_is_given_back(torch_threads):
    for most, expected in ((1, 1), (3, 3), (4, 4), (9, 4)):
        with limited_threads(most):
            assert torch.get_num_threads() == expected
        assert torch.get_num_threads() == 4
