"""Promised: any number of processes share one cache; no row gets lost or wrong, nobody waits forever."""

import dataclasses
import os
import time
from pathlib import Path

import numpy as np
import pytest

from featx.cache import EmbeddingCache, store
from featx.cache.segment import Segment
from networks import TINY
from processes import driven, flattened, flattening, forked
from specs import SPEC

BATCH = 16


def all_succeed(children, deadline):
    """Wait for children that must succeed before the deadline; what hangs is taken for a deadlock."""
    left = set(children)
    while left:
        assert time.monotonic() < deadline, f"{len(left)} processes still wait"
        for child in list(left):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                left.discard(child)
                assert status == 0
        time.sleep(0.01)


def pictures(count):
    """Return so many images in memory, their digests and the embeddings that they must get."""
    from featx.cache.digests import digest_array

    pixels, expected = flattened(count)
    digests = np.frombuffer(b"".join(digest_array(image) for image in pixels), np.uint8).reshape(-1, 32)
    return pixels, digests, expected


class Crowd:
    """What the processes of one trial share, and what each of them does."""

    def __init__(self, folder, seed, count):
        from featx.extraction import forward as forwarding

        # A commit for every batch: what is tried is the store.
        forwarding.TURN_SECONDS, forwarding.PAUSE_SECONDS = 0.0, 0.001
        self.root, self.stop, self.seed, self.count = Path(folder) / "cache", Path(folder) / "stop", seed, count
        self.log = os.open(Path(folder) / "forwarded", os.O_CREAT | os.O_RDWR | os.O_APPEND)
        self.pixels, self.digests, self.expected = pictures(count)
        self.source, self.views, self.spec = flattening()

    def extracting(self, number):
        """Extract overlapping sets in any order, duplicates among them."""
        from featx.extraction.extract import extract_embeddings
        from featx.images.sources import as_sources

        # As if on several machines that share a disk: those do not take turns, and compute some images twice.
        store.machine = lambda: f"machine{number % 2}"
        chance = np.random.default_rng([self.seed, number])
        cache = EmbeddingCache(self.root)
        for _ in range(2):
            chosen = chance.integers(0, self.count, self.count * 2 // 3)
            images = as_sources([self.pixels[i] for i in chosen])
            result = extract_embeddings(images, self.source, views=self.views, cache=cache, batch_size=BATCH)
            assert result.embeddings[0].tobytes() == self.expected[chosen].tobytes(), "a wrong row was served"
            os.write(self.log, b"x" * result.n_forwarded)
        assert cache.damaged == []

    def reading(self, everything_stays):
        """Read what is there and see that it is right, and that it does not go away."""
        cache, before = EmbeddingCache(self.root), np.zeros(self.count, bool)
        while not self.stop.exists():
            embeddings, found = cache.get(self.spec, self.digests)
            assert embeddings[found].tobytes() == self.expected[found].tobytes(), "a wrong row was served"
            if everything_stays:
                assert found[before].all(), "a committed row got lost"
            before = found
            report = cache.verify()
            assert report.clean, report.problems
            cache.info()
            time.sleep(0.005)
        assert cache.damaged == []

    def compacting(self):
        cache = EmbeddingCache(self.root)
        while not self.stop.exists():
            cache.compact()
            time.sleep(0.005)

    def pruning_what_is_stale(self):
        """Put rows that nobody uses and prune them, while the others are compacted."""
        cache, others = EmbeddingCache(self.root), dataclasses.replace(SPEC, layer=f"of {os.getpid()}")
        while not self.stop.exists():
            for start in range(0, 60, 20):
                cache.put(others, self.digests[start : start + 20], self.expected[start : start + 20])
            os.utime(self.root / others.digest / "spec.json", (1e9, 1e9))
            assert cache.prune(max_age=3600) > 0
            assert not cache.contains(others, self.digests).any(), "a pruned row came back"

    def pruning_everything(self):
        cache = EmbeddingCache(self.root)
        for _ in range(20):
            time.sleep(0.02)
            cache.prune(max_bytes=0)

    def run(self, workers, attendants, seconds):
        """Let the workers come to their end among the attendants, and these after them."""
        deadline = time.monotonic() + seconds
        workers = [forked(call, *args) for call, *args in workers]
        attendants = [forked(call, *args) for call, *args in attendants]
        all_succeed(workers, deadline)
        self.stop.touch()
        all_succeed(attendants, deadline)
        self.stop.unlink()


def crowd_that_loses_nothing(folder, seed, workers, count):
    print(f"seed {seed}, {workers} workers: {folder}")
    crowd = Crowd(folder, seed, count)
    attendants = [(crowd.reading, True), (crowd.compacting,), (crowd.pruning_what_is_stale,)]
    crowd.run([(crowd.extracting, n) for n in range(workers)], attendants, 50 * workers)
    cache = EmbeddingCache(crowd.root)
    embeddings, found = cache.get(crowd.spec, crowd.digests)
    drawn = [np.random.default_rng([seed, n]).integers(0, count, (2, count * 2 // 3)) for n in range(workers)]
    assert found[np.unique(drawn)].all()
    cache.compact()
    info = {info.spec: info for info in cache.info()}[crowd.spec]
    assert (info.rows, info.segments) == (len(np.unique(drawn)), 1)
    print(f"{os.fstat(crowd.log).st_size} rows were computed, {info.rows} are kept")
    embeddings, found = cache.get(crowd.spec, crowd.digests)
    assert embeddings[found].tobytes() == crowd.expected[found].tobytes()
    assert found.sum() == len(np.unique(drawn))
    assert cache.verify().clean
    assert not list(crowd.root.glob("*/tmp-*"))


def crowd_whose_rows_are_pruned(folder, seed, workers, count):
    print(f"seed {seed}, {workers} workers: {folder}")
    crowd = Crowd(folder, seed, count)
    attendants = [(crowd.reading, False), (crowd.compacting,)]
    crowd.run([(crowd.extracting, n) for n in range(workers)] + [(crowd.pruning_everything,)], attendants, 50 * workers)
    cache = EmbeddingCache(crowd.root)
    assert cache.verify().clean
    cache.compact()
    assert not list(crowd.root.glob("*/tmp-*"))


def two_crowds(folder, seed, workers, count):
    for trial in (crowd_that_loses_nothing, crowd_whose_rows_are_pruned):
        here = Path(folder) / trial.__name__
        here.mkdir()
        trial(here, seed, workers, count)


@pytest.mark.parametrize(
    ("seed", "workers", "count"),
    [(0, 3, 150), *(pytest.param(seed, 8, 300, marks=pytest.mark.long) for seed in range(1, 6))],
)
def test_crowds_that_extract_read_compact_and_prune_get_every_row_and_lose_none(tmp_path, seed, workers, count):
    driven(two_crowds, str(tmp_path), seed, workers, count, timeout=60 * workers, warm=True)


@pytest.mark.parametrize("change", ["compact", "prune"])
def test_rows_that_go_between_being_found_and_being_read_are_found_anew_or_missing(tmp_path, change, monkeypatch):
    _, digests, expected = pictures(90)
    reader, other = EmbeddingCache(tmp_path), EmbeddingCache(tmp_path)
    for start in range(0, 90, 30):
        other.put(SPEC, digests[start : start + 30], expected[start : start + 30])
    read = Segment.read

    def late(self, *args):
        monkeypatch.setattr(Segment, "read", read)
        other.compact() if change == "compact" else other.prune(max_bytes=0)
        return read(self, *args)

    monkeypatch.setattr(Segment, "read", late)
    embeddings, found = reader.get(SPEC, digests)
    assert found.all() if change == "compact" else not found.any()
    assert embeddings[found].tobytes() == expected[found].tobytes()
    assert reader.damaged == []


# Grid searches

HEADS = {"head__C": [0.01, 1.0]}


def search(folder, images, labels, cache, *, jobs, backend):
    """Search heads over one cache; leave the scores in a file."""
    import joblib
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler

    from featx import CNNFeatureTransformer

    pipeline = Pipeline(
        [
            ("features", CNNFeatureTransformer(**TINY, batch_size=4, cache=cache)),
            ("scale", StandardScaler()),
            ("head", LogisticRegression(max_iter=1000)),
        ]
    )
    with joblib.parallel_config(backend):
        found = GridSearchCV(pipeline, HEADS, cv=4, n_jobs=jobs, scoring="neg_log_loss").fit(images, labels)
    np.save(folder / f"scores{os.getpid()}.npy", found.cv_results_["mean_test_score"])


def compact_until(cache, stop):
    while not stop.exists():
        EmbeddingCache(cache).compact()
        time.sleep(0.01)


def two_searches(folder, backend):
    # Imported once for all children, with what this network needs.
    import sklearn.linear_model
    import sklearn.model_selection  # noqa: F401
    import torchvision.transforms.v2  # noqa: F401

    import featx.extraction.extract
    import featx.extraction.transformer  # noqa: F401
    from featx.networks.resolve import resolve_backbone

    resolve_backbone(**TINY)
    folder = Path(folder)
    chance = np.random.default_rng(0)
    labels = np.arange(40) % 2
    images = chance.integers(0, 200, (40, 32, 32, 3)) + 40 * labels[:, None, None, None]
    data = images.astype(np.uint8), labels, folder / "cache"
    compacting = forked(compact_until, folder / "cache", folder / "stop")
    searching = [forked(lambda: search(folder, *data, jobs=4, backend=backend)) for _ in range(2)]
    all_succeed(searching, time.monotonic() + 240)
    (folder / "stop").touch()
    all_succeed([compacting], time.monotonic() + 60)
    cache = EmbeddingCache(folder / "cache")
    assert cache.verify().clean
    cache.compact()
    assert [(info.rows, info.segments) for info in cache.info()] == [(40, 1)]
    assert not list(cache.root.glob("*/tmp-*"))
    alone = forked(lambda: search(folder, *data[:2], folder / "other", jobs=1, backend="threading"))
    all_succeed([alone], time.monotonic() + 60)
    scores = np.array([np.load(path) for path in folder.glob("scores*.npy")])
    assert len(scores) == 3
    np.testing.assert_allclose(scores, np.tile(scores[0], (3, 1)), rtol=1e-3)


@pytest.mark.long
@pytest.mark.parametrize("backend", ["multiprocessing", "loky"])
def test_two_cold_grid_searches_of_four_processes_each_on_one_cache_score_like_one_alone(tmp_path, backend):
    driven(two_searches, str(tmp_path), backend, timeout=400, warm=True)
