"""Promised: a worker commits where the folder is shared, sends segments where not, and stops when nobody waits."""

from dataclasses import replace

import numpy as np
import pytest

from backends import IMAGES, LAST
from featx.cache import EmbeddingCache
from featx.exceptions import CacheError, MissingDependencyError, WeightsError, WorkerError
from featx.extraction import share_worker
from featx.extraction.forward_task import ForwardTask
from featx.extraction.share_worker import forward_share, network_outputs, versions_here
from featx.extraction.shares import Home, Share
from featx.images.sources import as_sources
from featx.networks.resolve import resolve_backbone


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


@pytest.fixture
def task(tiny, cache):
    source = resolve_backbone(**tiny)
    return ForwardTask.of(source, [LAST], store=cache, precision="float32", device="cpu", n_jobs=None)


@pytest.fixture
def home(task, cache):
    cache.root.mkdir()
    (cache.root / "marker").touch()
    specs = tuple(spec.digest for spec in task.specs)
    return Home(root=cache.root, marker="marker", specs=specs, outputs=network_outputs(task), versions=versions_here(),
                batch_size=4, neighbours={}, n_workers=2)  # fmt: skip


@pytest.fixture
def share():
    images = list(as_sources(IMAGES[:12]))
    return Share(list(range(12)), images, [image.digest() for image in images])


def test_rows_are_committed_where_the_marker_is_seen(task, home, share, cache):
    result = forward_share(task, home, share)
    assert result.is_home
    assert not result.segments
    assert sum(info.rows for info in cache.info()) == result.forwarded.n_forwarded == 12


def test_segments_are_returned_where_it_is_not(task, home, share, cache, monkeypatch):
    monkeypatch.setattr(share_worker, "VISIBLE_SECONDS", 0)
    result = forward_share(task, replace(home, marker="other"), share)
    assert not result.is_home
    assert cache.info() == []
    for _, name, content in result.segments:
        cache.adopt(task.specs[0], name, content)
    assert sum(info.rows for info in cache.info()) == 12


def test_a_worker_stops_when_nobody_waits_for_it(task, home, share, cache, forwards):
    forward_share(task, home, share)  # sees the marker
    home.marker_path.unlink()
    again = forward_share(task, home, share)
    assert again.forwarded.results == []
    assert forwards.since() == 12


def test_the_first_bad_image_ends_a_share_if_it_ends_the_extraction(task, home, share):
    bad = as_sources([b"no\0image"] * 12)
    share = Share(share.rows, [*share.images, *bad], [*share.digests, *(bytes([n]) * 32 for n in range(12))])
    result = forward_share(task, home, share)
    assert 0 < len(result.forwarded.results) < 24
    assert result.unopened == []
    skipping = forward_share(replace(task, raises=False), home, share)
    assert [error is None for _, error in skipping.forwarded.results] == [True] * 12 + [False] * 12


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (CacheError("the disk of /x is full", "Free some."), CacheError),
        (WeightsError("/a.pth: no such file", "Copy it."), WeightsError),
        (MissingDependencyError("timm", "timm:x", "timm"), WorkerError),
    ],
)
def test_what_is_wrong_on_a_worker_names_it(error, kind, task, home, share, monkeypatch):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr(share_worker, "forward_images", fail)
    with pytest.raises(kind) as caught:
        forward_share(task, home, share)
    assert caught.value.message == f"on the worker on {share_worker.socket.gethostname()}: {error.message}"
    assert caught.value.next_step == error.next_step


def test_the_network_is_built_once_for_all_shares(task, home, share, monkeypatch):
    forward_share(task, home, share)
    monkeypatch.setattr("featx.networks.backbone.Backbone.__init__", None)
    monkeypatch.setattr(share_worker, "network_outputs", None)
    other = list(as_sources(IMAGES[12:20]))
    forward_share(task, home, Share(list(range(8)), other, [image.digest() for image in other]))


def test_cores_are_divided_among_the_workers_of_a_host(task, home, share, monkeypatch):
    threads = []
    monkeypatch.setattr(share_worker, "core_count", lambda: 16)
    monkeypatch.setattr(share_worker, "thread_count", lambda n_jobs: 16 if n_jobs is None else n_jobs)
    real = share_worker.forward_images

    def noting(task, *arguments, **options):
        threads.append(task.threads)
        return real(task, *arguments, **options)

    monkeypatch.setattr(share_worker, "forward_images", noting)
    host = share_worker.socket.gethostname()
    for change in ({}, {"neighbours": {host: 4}}, {"neighbours": {"other": 4}, "n_workers": 99}):
        forward_share(task, replace(home, **change), share)
    forward_share(replace(task, n_jobs=3), home, share)
    assert threads == [8, 4, 1, 3]
    assert np.array_equal(network_outputs(task)[0], home.outputs[0])
