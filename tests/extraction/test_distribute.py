"""Promised: work that is shared out among processes ends, with the rows or with an error that says how to go on."""

import contextlib
import os
import socket
import threading
import time

import joblib
import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.linear_model import RidgeClassifier as Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from backends import IMAGES, LAST, AtOnce, Killed, Processes, dask_client, extraction
from featx import CNNFeatureTransformer
from featx.cache import EmbeddingCache
from featx.cache.folder import SpecFolder
from featx.cli import main
from featx.exceptions import CacheError, ImageDecodeError, WorkerError
from featx.extraction import distribute
from featx.extraction.extract import extract_embeddings
from featx.images.sources import as_sources
from featx.networks.resolve import resolve_backbone


class OtherDisk(Processes):
    """Processes to which the path of the cache means another folder."""

    folder = None
    sees_files = False

    def submit(self, func, callback=None):
        func.items = [(call, (self._there(arguments),), {}) for call, (arguments,), _ in func.items]
        return super().submit(func, callback)

    def _there(self, arguments):
        moved = [EmbeddingCache(self.folder) if isinstance(a, EmbeddingCache) else a for a in arguments]
        if self.sees_files:
            self.folder.mkdir(exist_ok=True)
            for name in (a for a in arguments if isinstance(a, str)):
                (self.folder / name).touch()
        return tuple(moved)


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


@pytest.mark.parametrize("kind", [Processes, AtOnce, "multiprocessing"])
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
    monkeypatch.setattr(distribute, "_forward_chunk", None)
    with joblib.parallel_config(backend, **({} if backend == "sequential" else {"n_jobs": 2})):
        assert extract().n_forwarded == 40


# Searches


@pytest.mark.parametrize("kind", [Processes, AtOnce])
def test_tasks_of_another_take_turns_whatever_backend_they_are_offered(kind, extract, tmp_path, monkeypatch):
    monkeypatch.setattr(distribute, "_forward_chunk", None)
    met = threading.Barrier(2, timeout=60)

    def work(_):
        met.wait()
        return extract(cache=EmbeddingCache(tmp_path / "cache")).n_forwarded

    with joblib.parallel_config(kind(), n_jobs=2):
        assert sum(joblib.Parallel()(joblib.delayed(work)(n) for n in range(2))) == 40


# Workers with another disk


def elsewhere(tmp_path, *, sees_files):
    kind = type("Elsewhere", (OtherDisk,), {"folder": tmp_path / "other", "sees_files": sees_files})
    return joblib.parallel_config(kind(), n_jobs=2)


def test_workers_with_another_disk_compute_nothing(extract, forwards, tmp_path, monkeypatch):
    monkeypatch.setattr(distribute, "VISIBLE_SECONDS", 0.1)
    with elsewhere(tmp_path, sees_files=False), pytest.raises(CacheError) as caught:
        extract()
    assert forwards.since() == 0
    assert caught.value.message.startswith(f"the worker on {socket.gethostname()} has another folder at {tmp_path}")
    assert "cache=DIR" in caught.value.next_step
    assert not (tmp_path / "other").exists()
    assert not list((tmp_path / "cache").glob("*.sign"))


def test_rows_that_do_not_arrive_end_the_run_after_one_round(extract, forwards, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(distribute, "ARRIVAL_SECONDS", 0.3)
    with elsewhere(tmp_path, sees_files=True), pytest.raises(CacheError) as caught:
        extract()
    assert forwards.since() == 40
    place = f"{socket.gethostname()} at {tmp_path / 'cache'}"
    assert caught.value.message == f"40 rows were computed on {place} and did not arrive here"
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


# What workers are given and tell


def test_a_file_that_a_worker_cannot_open_is_named_with_its_host(extract, tmp_path):
    paths = [str(tmp_path / f"{n}.png") for n in range(8)]
    with joblib.parallel_config(Processes(), n_jobs=2):
        result = extract(paths, keys=[bytes([n]) * 32 for n in range(8)], on_error="skip")
    assert {failure.reason for failure in result.failures} == {f"No such file or directory on {socket.gethostname()}"}
    assert [failure.name for failure in result.failures] == paths


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
    sent = [image.content for arguments in given for image in arguments[0]]
    assert sent == [os.path.join(folder, name) for name in names]
    assert all(
        arguments[2].root.is_absolute() and arguments[2].root.samefile(tmp_path / "cache") for arguments in given
    )


def test_workers_with_another_version_are_refused(extract, forwards):
    class Older(Processes):
        def submit(self, func, callback=None):
            for _, (arguments,), _ in func.items:
                arguments[4][:] = ["0" * 64]
            return super().submit(func, callback)

    with joblib.parallel_config(Older(), n_jobs=2), pytest.raises(Exception, match="files the embeddings of") as caught:
        extract()
    assert "same version" in caught.value.next_step
    assert forwards.since() == 0


# Workers that are lost


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
    from PIL import Image

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
