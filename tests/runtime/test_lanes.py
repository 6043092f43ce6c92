"""Promised: batches that pass the network side by side give what they give one after the other."""

import contextlib
import threading
import time
from collections import Counter

import numpy as np
import pytest
import torch
from featx.cache import EmbeddingCache
from torch import nn

from featx import CNNFeatureTransformer
from featx.extraction import forward as forwarding
from featx.extraction.extract import extract_embeddings
from featx.extraction.forward_task import ForwardTask
from featx.images.sources import as_sources
from featx.networks.backbone import Backbone
from featx.networks.resolve import resolve_backbone
from featx.runtime.lanes import MOST_LANES, auto_batch_size, in_lanes, lane_count


@pytest.fixture
def torch_threads():
    """Four threads for torch, whatever the machine has."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield 4
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pictures():
    """Thirty different pictures."""
    return np.random.default_rng(0).integers(0, 256, (30, 40, 40, 3), dtype=np.uint8)


@pytest.fixture
def passes(monkeypatch):
    """The size of each batch, and the most of them that were in the network at once."""
    noted = {"sizes": [], "now": 0, "most": 0}
    lock = threading.Lock()
    embed = Backbone.embed

    def noting(self, pixels, *args, **options):
        if self.device == "meta":
            return embed(self, pixels, *args, **options)
        with lock:
            noted["sizes"].append(len(pixels))
            noted["now"] += 1
            noted["most"] = max(noted["most"], noted["now"])
        time.sleep(0.05)  # long enough to be seen by the others
        try:
            return embed(self, pixels, *args, **options)
        finally:
            with lock:
                noted["now"] -= 1

    monkeypatch.setattr(Backbone, "embed", noting)
    return noted


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


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_embeddings_are_the_same_bits_with_any_number_of_lanes(torch_threads, pictures, monkeypatch, precision):
    source = resolve_backbone("efficientnet_lite0", image_size=64)
    found = []
    for lanes in (1, 2, 4):
        monkeypatch.setattr("featx.extraction.extract.lane_count", lambda device, lanes=lanes: lanes)
        options = {"views": [source.view(None, "auto")], "cache": None, "precision": precision}
        found.append(extract_embeddings(as_sources(pictures), source, **options).embeddings[0])
    assert np.array_equal(found[0], found[1])
    assert np.array_equal(found[0], found[2])


def test_images_are_split_among_the_lanes(torch_threads, pictures, tiny, passes):
    source = resolve_backbone(**tiny)
    for n_images, size, expected in [
        (30, 8, {2}),
        (30, "auto", {6}),
        (30, 2, {1}),
        (30, 1, {1}),
        (8, "auto", {2}),
        (7, "auto", {7}),
    ]:
        passes.update(sizes=[], most=0)
        images = as_sources(pictures[:n_images])
        extract_embeddings(images, source, views=[("features", "avg")], cache=None, batch_size=size)
        assert set(passes["sizes"]) == expected
        assert sum(passes["sizes"]) == n_images
        assert (passes["most"] > 1) == (n_images > 7 and size != 1)
        assert size == "auto" or passes["most"] * max(passes["sizes"]) <= size


class Jotting(nn.Module):
    """A module that keeps something from one batch to the next, and that cannot be traced."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)

    def forward(self, x):
        if x.shape[0] == 0:
            raise ValueError("no images")
        self.last = self.conv(x).mean((2, 3))
        return self.last


def test_modules_of_ones_own_get_one_batch_at_a_time(torch_threads, pictures, passes):
    transformer = CNNFeatureTransformer(Jotting(), layer="output", image_size=32, cache=None, batch_size=4)
    assert transformer.fit_transform(pictures).shape == (30, 4)
    assert passes["most"] == 1


def test_networks_without_a_graph_get_one_batch_at_a_time(torch_threads, pictures, tiny, passes, monkeypatch):
    monkeypatch.setattr("featx.torch_modules.graphs.trace", lambda module, images=None: None)
    source = resolve_backbone(**tiny, random_state=77)
    found = extract_embeddings(as_sources(pictures), source, views=[("features", "avg")], cache=None, batch_size=4)
    assert found.n_forwarded == 30
    assert passes["most"] == 1


@pytest.mark.parametrize("limit", ["TURN_SECONDS", "TURN_BYTES", "TURN_ROWS"])
def test_turns_end_and_all_images_are_dealt_with(torch_threads, pictures, tiny, tmp_path, monkeypatch, limit):
    monkeypatch.setattr(forwarding, limit, {"TURN_ROWS": 7}.get(limit, 0))
    monkeypatch.setattr(forwarding, "PAUSE_SECONDS", 0.0)
    source, cache = resolve_backbone(**tiny), EmbeddingCache(tmp_path / "cache")
    turns, advanced = [], []

    @contextlib.contextmanager
    def turn(self, name):
        turns.append(name)
        yield

    monkeypatch.setattr(EmbeddingCache, "turn", turn)
    view = source.view("features", "avg")
    options = {"views": [view], "cache": cache, "batch_size": 4}
    extract_embeddings(as_sources(pictures[3:20:4]), source, **options)
    expected = extract_embeddings(as_sources(pictures), source, views=[view], cache=None).embeddings[0]
    turns.clear()
    plan = ForwardTask(source, (view,), "float32", "cpu", 4, 2, raises=True, lanes=2)
    images = as_sources(pictures)
    outcome = forwarding.forward_images(
        plan, list(images), [image.digest() for image in images], cache, advanced.append
    )
    assert len(turns) > 3
    assert sum(advanced) == 30
    assert min(advanced) >= 0
    assert outcome.n_forwarded == 25
    assert [digest for digest, _ in outcome.results] == [image.digest() for image in images]
    rows = cache.get(
        source.spec(view, "float32"),
        np.frombuffer(b"".join(digest for digest, _ in outcome.results), np.uint8).reshape(-1, 32),
    )[0]
    assert np.array_equal(rows, expected)
