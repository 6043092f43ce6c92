"""Promised: lanes, turns and small memory change no embedding, and modules that keep state get one batch at a time."""

import contextlib
import threading
import time

import numpy as np
import pytest
import torch
from torch import nn

from featx import CNNFeatureTransformer
from featx.cache import EmbeddingCache
from featx.exceptions import BackboneError
from featx.extraction import forward as forwarding
from featx.extraction.extract import extract_embeddings
from featx.extraction.forward_task import ForwardTask
from featx.images.sources import as_sources
from featx.networks.backbone import Backbone
from featx.networks.resolve import resolve_backbone
from featx.runtime.lanes import Lanes


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


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_embeddings_are_the_same_bits_with_any_number_of_lanes(torch_threads, pictures, monkeypatch, precision):
    source = resolve_backbone("efficientnet_lite0", image_size=64)
    found = []
    for lanes in (1, 2, 4):
        monkeypatch.setattr("featx.runtime.lanes.lane_count", lambda device, lanes=lanes: lanes)
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
        yield lambda: None

    monkeypatch.setattr(EmbeddingCache, "turn", turn)
    view = source.view("features", "avg")
    options = {"views": [view], "cache": cache, "batch_size": 4}
    extract_embeddings(as_sources(pictures[3:20:4]), source, **options)
    expected = extract_embeddings(as_sources(pictures), source, views=[view], cache=None).embeddings[0]
    turns.clear()
    task = ForwardTask(
        source=source, views=(view,), precision="float32", device="cpu", threads=2, lanes=Lanes(most=2, batch_size=4)
    )
    images = as_sources(pictures)
    result = forwarding.forward_images(task, list(images), [image.digest() for image in images], cache, advanced.append)
    assert len(turns) > 3
    assert sum(advanced) == 30
    assert min(advanced) >= 0
    assert result.n_forwarded == 25
    assert [digest for digest, _ in result.results] == [image.digest() for image in images]
    rows = cache.get(
        source.spec(view, "float32"),
        np.frombuffer(b"".join(digest for digest, _ in result.results), np.uint8).reshape(-1, 32),
    )[0]
    assert np.array_equal(rows, expected)


def test_a_batch_beyond_the_devices_memory_is_passed_in_parts(pictures, monkeypatch, caplog):
    embed, sizes = Backbone.embed, []

    def scarce(self, pixels, views, **options):
        sizes.append(len(pixels))
        if len(pixels) > 5:
            raise torch.OutOfMemoryError("no memory")
        return embed(self, pixels, views, **options)

    source = resolve_backbone("squeezenet1_1", weights=None, image_size=32, random_state=5)

    def extract(n_images, **options):
        images = as_sources(pictures[:n_images])
        return extract_embeddings(images, source, views=[("features.12", "avg")], cache=None, **options).embeddings[0]

    expected = extract(20)
    source.load("cpu").largest_batch = None
    monkeypatch.setattr(Backbone, "embed", scarce)
    found = extract(20, batch_size=10)
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max(), rtol=0)
    # Learnt once: the second batch is not tried whole.
    assert sizes == [10, 5, 5, 5, 5]
    assert [r.getMessage() for r in caplog.records] == [
        "out of memory on cpu: batches are computed in parts of 5 images from here on"
    ]
    source.load("cpu").largest_batch = None
    monkeypatch.setattr(Backbone, "embed", lambda *a, **k: (_ for _ in ()).throw(torch.OutOfMemoryError("none")))
    with pytest.raises(BackboneError, match="single image"):
        extract(4)
