"""Promised: work that is shared out among processes ends, with the rows or with an error that says how to go on."""

import contextlib
import os
import re
import socket
import threading
import time
from dataclasses import replace
from pathlib import Path

import fsspec
import joblib
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from sklearn.linear_model import RidgeClassifier as Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from backends import IMAGES, LAST, AtOnce, Killed, Processes, Spark, dask_client, extraction
from featx import CNNFeatureTransformer
from featx._version import __version__
from featx.cache import EmbeddingCache
from featx.cache.folder import SpecFolder
from featx.cli import main
from featx.exceptions import BackboneError, CacheError, ImageDecodeError, WorkerError
from featx.extraction import distribute, share_worker
from featx.extraction.extract import extract_embeddings
from featx.images.sources import as_sources
from featx.networks.resolve import resolve_backbone


class OtherDisk(Processes):
    """Processes to which the path of the cache means another folder."""

    folder = None
    sees_marker = False

    def submit(self, func, callback=None):
        func.items = [(call, ((self._there(home), share),), {}) for call, ((home, share),), _ in func.items]
        return super().submit(func, callback)

    def _there(self, home):
        if self.sees_marker:
            self.folder.mkdir(exist_ok=True)
            (self.folder / home.marker).touch()
        return replace(home, root=self.folder)


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


@pytest.fixture
def extract(tiny, cache):
    return extraction(tiny, cache)


@pytest.fixture
def expected(extract):
    return extract(cache=None).embeddings[0]


# Backends


@pytest.mark.parametrize("kind", [Processes, AtOnce, Spark, "multiprocessing"])
def test_backends_of_every_kind_share_the_work(kind, extract, expected, forwards):
    with joblib.parallel_config(kind if isinstance(kind, str) else kind(), n_jobs=2):
        result = extract()
    assert result.n_forwarded == 40
    np.testing.assert_allclose(result.embeddings[0], expected, rtol=1e-4, atol=1e-5)
    forwards.since()
    assert extract().n_forwarded == forwards.since() == 0


def test_what_was_done_before_an_error_is_kept(extract, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    with joblib.parallel_config(AtOnce(), n_jobs=2), pytest.raises(ImageDecodeError, match=r"bad\.png"):
        extract([*IMAGES, str(bad)])
    assert extract().n_forwarded <= 20


@pytest.mark.parametrize("backend", ["threading", "sequential"])
def test_threads_have_nothing_to_share_out(backend, extract, monkeypatch):
    monkeypatch.setattr(distribute, "forward_share", None)
    with joblib.parallel_config(backend, **({} if backend == "sequential" else {"n_jobs": 2})):
        assert extract().n_forwarded == 40


# Searches


@pytest.mark.parametrize("kind", [Processes, AtOnce])
def test_tasks_of_another_take_turns_whatever_backend_they_are_offered(kind, extract, tmp_path, monkeypatch):
    monkeypatch.setattr(distribute, "forward_share", None)
    met = threading.Barrier(2, timeout=60)

    def work(_):
        met.wait()
        return extract(cache=EmbeddingCache(tmp_path / "cache")).n_forwarded

    with joblib.parallel_config(kind(), n_jobs=2):
        assert sum(joblib.Parallel()(joblib.delayed(work)(n) for n in range(2))) == 40


# Workers with another disk


def elsewhere(tmp_path, *, sees_marker):
    kind = type("Elsewhere", (OtherDisk,), {"folder": tmp_path / "other", "sees_marker": sees_marker})
    return joblib.parallel_config(kind(), n_jobs=2)


def test_rows_of_workers_with_another_disk_come_home(extract, cache, expected, forwards, tmp_path, monkeypatch):
    monkeypatch.setattr(share_worker, "VISIBLE_SECONDS", 0.1)
    forwards.since()
    with elsewhere(tmp_path, sees_marker=False):
        assert np.array_equal(extract().embeddings[0], expected)
    assert forwards.since() == 40
    assert extract().n_forwarded == 0
    assert cache.verify().clean
    assert not (tmp_path / "other").exists()
    assert not list((tmp_path / "cache").glob("*.marker"))


def test_what_a_worker_sends_is_checked(extract, tmp_path, monkeypatch):
    monkeypatch.setattr(share_worker, "VISIBLE_SECONDS", 0.1)
    segments = share_worker._segments

    def damaged(*arguments):
        return [(spec, name, content[:-1] + bytes([content[-1] ^ 1])) for spec, name, content in segments(*arguments)]

    monkeypatch.setattr(share_worker, "_segments", damaged)
    with elsewhere(tmp_path, sees_marker=False), pytest.raises(CacheError, match="is damaged"):
        extract()
    assert extract().n_forwarded == 40


def test_rows_that_do_not_arrive_end_the_run_after_one_round(extract, forwards, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(distribute, "ARRIVAL_SECONDS", 0.3)
    with elsewhere(tmp_path, sees_marker=True), pytest.raises(CacheError) as caught:
        extract()
    assert forwards.since() == 40
    worker = f"process {os.getpid()} on {socket.gethostname()}"
    assert caught.value.message == f"40 rows that {worker} has written to {tmp_path / 'other'} did not arrive here"
    assert "cache=DIR" in caught.value.next_step
    assert [record.message.count("looking again") for record in caplog.records] == [1]


def test_rows_that_arrive_late_are_waited_for(extract, forwards, expected, monkeypatch):
    names, late = SpecFolder.names, time.monotonic() + 1.5

    def stale(self):
        own = threading.current_thread() is threading.main_thread()
        return set() if own and time.monotonic() < late else names(self)

    monkeypatch.setattr(SpecFolder, "names", stale)
    forwards.since()
    with joblib.parallel_config(Processes(), n_jobs=2):
        np.testing.assert_allclose(extract().embeddings[0], expected, rtol=1e-4, atol=1e-5)
    assert forwards.since() == 40


# Rounds


def test_a_round_that_brings_nothing_is_the_last(extract, forwards, cache, monkeypatch):
    monkeypatch.setattr(share_worker, "task_is_cancelled", lambda: True)
    shares = []
    real = share_worker.forward_share
    monkeypatch.setattr(distribute, "forward_share", lambda *arguments: shares.append(1) or real(*arguments))
    forwards.since()
    with joblib.parallel_config(Processes(), n_jobs=2), pytest.raises(CacheError) as caught:
        extract()
    assert forwards.since() == 0
    assert 0 < len(shares) <= 8
    worker = f"the process {os.getpid()} on {socket.gethostname()}"
    assert caught.value.message == f"{worker}, which writes to {cache.root}, has brought none of 40 rows"
    assert "cache=DIR" in caught.value.next_step
    monkeypatch.undo()
    assert extract().n_forwarded == 40


# Rows that are kept nowhere


def test_workers_that_have_nothing_to_do_are_named(extract, expected, monkeypatch, caplog):
    monkeypatch.setattr(distribute, "forward_share", None)
    with joblib.parallel_config(Processes(), n_jobs=2):
        extract(IMAGES[:30], cache=None)
        assert not caplog.records
        for _ in range(2):
            assert np.array_equal(extract(cache=None).embeddings[0], expected)
    with joblib.parallel_config("threading", n_jobs=2):
        extract(cache=None)
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith("this process alone forwards 40 images, not the 2 workers of joblib's Processes: ")
    assert "cache=DIR" in said


# What workers are given and tell


class OtherFiles(Processes):
    """Processes that find other files in place of the images, or none."""

    def __init__(self, *args, found=None, **options):
        super().__init__(*args, **options)
        self.found = found

    def submit(self, func, callback=None):
        func.items = [(call, ((home, self._there(share)),), {}) for call, ((home, share),), _ in func.items]
        return super().submit(func, callback)

    def _there(self, share):
        there = [replace(i, content=str(self.found)) if isinstance(i.content, str) else i for i in share.images]
        return replace(share, images=there)


@pytest.fixture
def files(tmp_path):
    """The images as files, with what they should be embedded as; one of them is no image."""
    paths = [str(tmp_path / f"{n}.png") for n in range(40)]
    for path, pixels in zip(paths, IMAGES, strict=True):
        Image.fromarray(pixels).save(path)
    return paths


@pytest.mark.parametrize("found", ["none.png", "another.png"])
def test_images_that_a_worker_cannot_open_are_sent_to_it(found, extract, expected, files, tmp_path, forwards):
    Image.fromarray(IMAGES[0] // 2).save(tmp_path / "another.png")
    keys = [image.digest() for image in as_sources(files)]
    forwards.since()
    with joblib.parallel_config(OtherFiles(found=tmp_path / found), n_jobs=2):
        result = extract(files, keys=keys)
    assert forwards.since() == 40
    assert np.array_equal(result.embeddings[0], expected)


def test_images_of_a_store_that_only_this_process_sees_are_sent(extract, expected, files, tmp_path, forwards):
    store, urls = fsspec.filesystem("memory"), [f"memory://{tmp_path.name}/{n}.png" for n in range(40)]
    for path, url in zip(files, urls, strict=True):
        store.pipe(url, Path(path).read_bytes())
    forwards.since()
    with joblib.parallel_config(OtherFiles(found="memory://nowhere.png"), n_jobs=2):
        assert np.array_equal(extract(urls).embeddings[0], expected)
    assert forwards.since() == 40


def test_a_worker_that_may_not_write_to_the_cache_sends_its_rows(extract, expected, forwards, monkeypatch):
    here = threading.main_thread()
    monkeypatch.setattr(EmbeddingCache, "writable", lambda self: threading.current_thread() is here)
    adopted, adopt = [], EmbeddingCache.adopt
    monkeypatch.setattr(EmbeddingCache, "adopt", lambda self, *found: adopted.append(1) or adopt(self, *found))
    forwards.since()
    with joblib.parallel_config(Processes(), n_jobs=2):
        assert np.array_equal(extract().embeddings[0], expected)
    assert forwards.since() == 40
    assert len(adopted) == 8


def test_two_clients_at_once_share_a_cache(extract, expected, cache, forwards):
    met, found = threading.Barrier(2, timeout=60), []

    def client():
        met.wait()
        with joblib.parallel_config(Processes(), n_jobs=2):
            found.append(extract(cache=EmbeddingCache(cache.root)).embeddings[0])

    forwards.since()
    clients = [threading.Thread(target=client) for _ in range(2)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert 40 <= forwards.since() <= 80
    assert len(found) == 2
    for rows in found:
        np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)
    assert cache.verify().clean
    assert not list(cache.root.glob("*.marker"))


def test_what_cannot_be_read_is_an_entry_of_the_ledger(extract, files, tmp_path):
    good = [image.digest() for image in as_sources(files)]
    Path(files[3]).write_bytes(b"no image")
    os.remove(files[5])
    keys = [*good[:3], as_sources(files)[3].digest(), *good[4:]]
    for backend in (Processes(), OtherFiles(found=tmp_path / "none")):
        with joblib.parallel_config(backend, n_jobs=2):
            result = extract(files, keys=keys, on_error="skip", cache=EmbeddingCache(tmp_path / repr(backend)[-9:-1]))
        assert [failure.index for failure in result.failures] == [3, 5]
        assert "cannot be read" in result.failures[0].reason or "format" in result.failures[0].reason
        assert result.failures[1].reason == "No such file or directory"
        assert result.n_forwarded == 38


def test_workers_in_another_directory_find_images_and_cache(tiny, photos, tmp_path, monkeypatch):
    folder = os.path.dirname(photos["camera"])
    monkeypatch.chdir(folder)
    given = []

    class Noting(Processes):
        def submit(self, func, callback=None):
            given.extend(arguments for _, (arguments,), _ in func.items)
            return super().submit(func, callback)

    names = [os.path.relpath(path, folder) for path in photos.values()]
    source = resolve_backbone(**tiny)
    with joblib.parallel_config(Noting(), n_jobs=2):
        cache = EmbeddingCache(os.path.relpath(tmp_path / "cache", folder))
        extract_embeddings(as_sources(names), source, views=[LAST], cache=cache, batch_size=2)
    sent = [image.content for _, share in given for image in share.images]
    assert sent == [os.path.join(folder, name) for name in names]
    assert all(home.root.is_absolute() and home.root.samefile(tmp_path / "cache") for home, _ in given)


def test_workers_with_another_version_are_refused(extract, forwards):
    class Older(Processes):
        def submit(self, func, callback=None):
            func.items = [
                (call, ((replace(home, specs=("0" * 64,), versions="featx 0.1"), share),), {})
                for call, ((home, share),), _ in func.items
            ]
            return super().submit(func, callback)

    with joblib.parallel_config(Older(), n_jobs=2), pytest.raises(BackboneError, match="under other names") as caught:
        extract()
    assert "same version" in caught.value.next_step
    assert "here featx 0.1)" in caught.value.message
    assert forwards.since() == 0


def test_workers_with_another_network_are_refused(extract, forwards):
    class Other(Processes):
        def submit(self, func, callback=None):
            func.items = [
                (call, ((replace(home, outputs=(1.01 * home.outputs[0],)), share),), {})
                for call, ((home, share),), _ in func.items
            ]
            return super().submit(func, callback)

    with joblib.parallel_config(Other(), n_jobs=2), pytest.raises(BackboneError, match="gives other outputs") as caught:
        extract()
    assert f"(featx {__version__}, torch {torch.__version__}" in caught.value.message
    assert "Bring the same weights" in caught.value.next_step
    assert forwards.since() == 0


# Workers that are lost


def test_what_a_lost_worker_was_at_is_given_to_the_others(extract, expected, forwards, caplog):
    class OnceKilled(Killed):
        killed = 0

        def lose(self, future):
            self.killed += 1
            self.jobs = [None, None] if self.killed < 9 else self.jobs
            super().lose(future)

        def submit(self, func, callback=None):
            return super(Killed, self).submit(func, callback) if self.killed else super().submit(func, callback)

    forwards.since()
    with joblib.parallel_config(OnceKilled(), n_jobs=2):
        assert np.array_equal(extract().embeddings[0], expected)
    assert forwards.since() == 40
    said = [record.getMessage() for record in caplog.records if "worker 3 died" in record.getMessage()]
    assert len(said) == 1
    assert said[0].endswith("The rest is given to other workers")


def test_shares_of_others_are_not_lost_with_one(extract, expected, forwards, tmp_path, monkeypatch, caplog):
    class LosingOne(OtherDisk, AtOnce):
        folder, sees_marker, lost, answered = tmp_path / "other", False, [], threading.Event()

        def submit(self, func, callback=None):
            if self.lost:
                return super().submit(func, lambda result: (callback(result), self.answered.set()))
            self.lost.append(func)
            return self._get_pool().apply_async(self.fail, callback=callback, error_callback=callback)

        def fail(self):
            assert self.answered.wait(60)
            raise OSError("actor 1 died")

    monkeypatch.setattr(share_worker, "VISIBLE_SECONDS", 0.1)
    forwards.since()
    with joblib.parallel_config(LosingOne(), n_jobs=2):
        assert np.array_equal(extract().embeddings[0], expected)
    assert forwards.since() == 40
    (said,) = [record.getMessage() for record in caplog.records]
    assert re.search(r"actor 1 died\); [1-9]\d* of 40 images are done and kept in ", said)


def test_rows_of_the_workers_that_ended_are_kept_when_another_is_lost(extract, expected, forwards):
    forwards.since()
    with joblib.parallel_config(Killed(), n_jobs=2), pytest.raises(WorkerError) as caught:
        extract()
    done = forwards.since()
    assert 0 < done < 40
    assert "joblib's Killed failed (MemoryError: worker 3 died); " in caught.value.message
    assert " of 40 images are done and kept in " in caught.value.message
    assert "run out of memory" in caught.value.next_step
    assert isinstance(caught.value, RuntimeError)
    np.testing.assert_allclose(extract().embeddings[0], expected, rtol=1e-4, atol=1e-5)


def test_a_command_whose_workers_are_lost_ends_in_one_line(photos, tmp_path):
    for label in ("a", "b"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(8):
            Image.fromarray(IMAGES[number + 8 * (label == "b")]).save(tmp_path / "data" / label / f"{number}.png")
    arguments = ["extract", str(tmp_path / "data"), "-o", str(tmp_path / "out.h5"), "--backbone", "squeezenet1_1"]
    options = ["--weights", "none", "--image-size", "32", "--batch-size", "2"]
    with joblib.parallel_config(Killed(), n_jobs=2):
        result = CliRunner().invoke(main, [*arguments, *options])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
    last = result.stderr.strip().splitlines()
    assert "worker 3 died" in " ".join(last)
    assert not (tmp_path / "out.h5").exists()


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")  # of the libraries of dask, as it ends
def test_a_search_under_dask_forwards_each_image_once(tiny, tmp_path):
    counts = tmp_path / "counts"
    counts.mkdir()

    def count(folder):
        import featx.extraction.forward as module

        compute = module._forward

        def counting(plan, images):
            (folder / f"{len(images)}-{time.monotonic_ns()}-{os.getpid()}").touch()
            return compute(plan, images)

        module._forward = counting

    labels = np.arange(40) % 2
    pipeline = make_pipeline(CNNFeatureTransformer(**tiny, batch_size=4, cache=str(tmp_path / "cache")), Ridge())
    with contextlib.ExitStack() as stack:
        client = dask_client(stack, tmp_path)
        client.run(count, counts)
        with joblib.parallel_config("dask"):
            GridSearchCV(pipeline, {"ridgeclassifier__alpha": [0.1, 1.0]}, cv=3).fit(np.stack(IMAGES), labels)
    assert sum(int(name.split("-")[0]) for name in os.listdir(counts)) == 40
