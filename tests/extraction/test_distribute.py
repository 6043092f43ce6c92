"""Promised: work that is shared out among processes ends, with the rows or with an error that says how to go on."""

import contextlib
import multiprocessing
import os
import socket
import threading
import time
from concurrent.futures import Future

import joblib
import numpy as np
import pytest
from click.testing import CliRunner
from featx.cache import EmbeddingCache
from featx.cache.folder import SpecFolder
from featx.cli import main
from joblib._parallel_backends import ThreadingBackend
from sklearn.linear_model import RidgeClassifier as Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from featx import CNNFeatureTransformer, evaluate_heads
from featx.exceptions import CacheError, ImageDecodeError, WorkerError
from featx.extraction import distribute
from featx.extraction.extract import ensure_embeddings, extract_embeddings
from featx.images.sources import as_sources
from featx.networks.resolve import resolve_backbone
from featx.runtime.tasks import TASKS_PER_WORKER, Workers

LAST = ("features.12", "avg")
RNG = np.random.default_rng(0)
IMAGES = list(RNG.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8))


class Processes(ThreadingBackend):
    """Threads that say they are processes, so that patches reach them."""

    supports_sharedmem = False

    def get_nested_backend(self):
        # As dask's does: the same cluster, at level 0.
        return type(self)(), 2


class AtOnce(Processes):
    """As those of Ray and multiprocessing: all results at the end."""

    supports_return_generator = False


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


class Killed(Processes):
    """As joblib has dask's: what is given up is noted in the future and nowhere else."""

    has_futures = True

    def submit(self, func, callback=None):
        jobs = self.__dict__.setdefault("jobs", [])
        if len(jobs) < 2:
            jobs.append(super().submit(func, callback))
            return jobs[-1]
        lost = Future()

        def lose():
            for job in jobs:
                job.wait()
            self.lose(lost)

        threading.Thread(target=lose).start()
        return lost if self.has_futures else None

    def lose(self, future):
        future.set_exception(MemoryError("worker 3 died"))


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


@pytest.fixture
def extract(tiny, cache):
    source = resolve_backbone(**tiny)

    def call(images=IMAGES, **options):
        options = {"views": [LAST], "cache": cache, "batch_size": 4, **options}
        return extract_embeddings(as_sources(images), source, **options)

    call.source = source
    call.spec = source.spec(LAST, "float32")
    return call


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


def test_results_come_by_slices_where_a_backend_gives_them_all_at_once():
    begun = []
    with joblib.parallel_config(AtOnce(), n_jobs=2), Workers() as workers:
        results = workers.results(lambda n: begun.append(n) or n, [(n,) for n in range(20)])
        assert next(results) == 0
        assert sorted(begun) == list(range(2 * TASKS_PER_WORKER))
        assert list(results) == list(range(1, 20))


def test_what_was_done_before_an_error_is_kept(extract, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    with joblib.parallel_config(AtOnce(), n_jobs=2), pytest.raises(ImageDecodeError, match=r"bad\.png"):
        extract([*IMAGES, str(bad)])
    assert extract().n_forwarded <= 20


def test_what_a_task_raises_is_raised_as_it_is():
    def fail(error):
        raise error

    with Workers(n_jobs=1) as workers, pytest.raises(KeyError) as caught:
        list(workers.results(fail, [(KeyError("a"),)]))
    assert caught.traceback[-1].name == "fail"
    assert caught.value.__cause__ is None


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


def test_a_loop_in_this_process_leaves_the_workers_to_share_out(extract):
    with joblib.parallel_config(Processes(), n_jobs=2):
        counts = joblib.Parallel(n_jobs=1)(joblib.delayed(lambda: Workers().process_count())() for _ in range(2))
    assert counts == [2, 2]


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


@pytest.fixture
def losing(monkeypatch):
    """Have the cache lose its rows so many times after they were put."""

    def lose(times):
        put = EmbeddingCache.put

        def forgetful(self, spec, digests, embeddings):
            nonlocal times
            put(self, spec, digests, embeddings)
            if times:
                times -= 1
                for segment in (self.root / spec.digest).glob("*.h5"):
                    segment.unlink()

        monkeypatch.setattr(EmbeddingCache, "put", forgetful)

    return lose


def test_a_cache_that_was_pruned_meanwhile_is_filled_again(extract, losing, expected, forwards):
    losing(2)
    forwards.since()
    np.testing.assert_array_equal(extract().embeddings[0], expected)
    assert forwards.since() == 120


def test_a_cache_that_keeps_nothing_ends_with_an_error(extract, losing, cache, forwards):
    losing(1000)
    with pytest.raises(CacheError, match=r"40 of 40 images have no rows in .*cache, though .* 3 times: something"):
        ensure_embeddings(as_sources(IMAGES), extract.source, views=[LAST], store=cache)
    assert forwards.since() == 120


def test_what_a_cache_does_not_keep_is_held_in_memory(extract, losing, expected, forwards, caplog):
    losing(1000)
    forwards.since()
    np.testing.assert_array_equal(extract().embeddings[0], expected)
    assert forwards.since() == 160
    assert [record.message.rpartition(". ")[2] for record in caplog.records] == [
        "What is computed now is held in memory for this call"
    ]


def test_a_cache_that_loses_some_rows_each_time_ends_too(extract, expected, monkeypatch, cache):
    """Fewer are missing after each round than before it, and never none."""
    put = EmbeddingCache.put

    def some(self, spec, digests, embeddings):
        for segment in (self.root / spec.digest).glob("*.h5"):
            segment.unlink()
        half = max(1, len(digests) // 2)
        put(self, spec, digests[:half], embeddings[:half])

    monkeypatch.setattr(EmbeddingCache, "put", some)
    with pytest.raises(CacheError, match="images have no rows"):
        ensure_embeddings(as_sources(IMAGES), extract.source, views=[LAST], store=cache)
    np.testing.assert_array_equal(extract().embeddings[0], expected)


def test_a_segment_that_is_damaged_at_once_is_computed_again(extract, expected, monkeypatch):
    put, spoiled = EmbeddingCache.put, []

    def damage(self, spec, digests, embeddings):
        put(self, spec, digests, embeddings)
        if not spoiled:
            spoiled.append(next((self.root / spec.digest).glob("*.h5")))
            with open(spoiled[0], "r+b") as file:
                file.seek(-1, os.SEEK_END)
                last = file.read(1)[0]
                file.seek(-1, os.SEEK_END)
                file.write(bytes([last ^ 1]))

    monkeypatch.setattr(EmbeddingCache, "put", damage)
    result = extract()
    np.testing.assert_array_equal(result.embeddings[0], expected)
    assert len(result.damaged) == 1
    assert result.n_forwarded == 80


@pytest.mark.parametrize("shared", [True, False])
def test_files_that_change_meanwhile_and_their_copies_come_to_an_end(shared, extract, tmp_path, forwards):
    paths = [str(tmp_path / f"{n}.npy.png") for n in range(8)]
    from PIL import Image

    for number, path in enumerate(paths):
        Image.fromarray(IMAGES[number]).save(path)
    keys = [source.digest() for source in as_sources(paths)]
    for number, path in enumerate(paths):
        Image.fromarray(IMAGES[number + 8]).save(path)
    # Each file is passed three times, and is no longer what its key says.
    with joblib.parallel_config(Processes() if shared else "sequential", **({"n_jobs": 2} if shared else {})):
        found = extract(paths * 3, keys=keys * 3, batch_size=2).embeddings[0]
    now = extract(paths).embeddings[0]
    np.testing.assert_array_equal(found, np.concatenate([now] * 3))


def test_images_that_cannot_be_read_are_no_reason_for_another_round(extract, tmp_path, forwards):
    missing = [str(tmp_path / f"{n}.png") for n in range(40)]
    with joblib.parallel_config(Processes(), n_jobs=2):
        result = extract(missing, keys=[bytes([n]) * 32 for n in range(40)], on_error="skip")
    assert len(result.failures) == 40
    assert forwards.since() == 0


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


SAID = {
    "lock": (TypeError("cannot pickle '_thread.lock' object"), "can be pickled"),
    "loky": (RuntimeError("A task has failed to un-serialize. Please ensure that ..."), "can be pickled"),
    "dask": (RuntimeError("Attempted to run task 'cloudpickle_wrapper' on 4 workers"), "run out of memory"),
}


@pytest.mark.parametrize("name", SAID)
def test_the_next_step_goes_by_what_happened(name, extract):
    error, step = SAID[name]

    class Failing(Processes):
        def submit(self, func, callback=None):
            raise error

    with joblib.parallel_config(Failing(), n_jobs=2), pytest.raises(WorkerError, match=step) as caught:
        extract()
    assert str(error) in caught.value.message


def test_a_backend_that_cannot_be_reached_says_so(extract):
    class Away(Processes):
        def effective_n_jobs(self, n_jobs):
            raise TimeoutError("no worker after 10 seconds")

    with joblib.parallel_config(Away(), n_jobs=2), pytest.raises(WorkerError, match="no worker after 10 seconds"):
        extract()


def test_tuning_whose_workers_are_lost_says_so():
    X = RNG.normal(size=(60, 5)).astype(np.float32)
    with joblib.parallel_config(Killed(), n_jobs=2), pytest.raises(WorkerError, match="worker 3 died"):
        evaluate_heads({LAST: X}, np.arange(60) % 3, heads=["logistic"], n_jobs=2)


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


class Forks(Killed):
    """As a pool of multiprocessing, which forgets what a process that was killed was at."""

    has_futures = False

    def lose(self, future):
        multiprocessing.get_context("fork").Process(target=lambda: time.sleep(1.5) or os.kill(os.getpid(), 9)).start()


def test_a_killed_process_that_nobody_misses_is_no_endless_wait(extract):
    with joblib.parallel_config(Forks(), n_jobs=2), pytest.raises(WorkerError, match="was ended by signal 9"):
        extract()
    assert extract().n_forwarded < 40


class Deadly:
    """An image that ends whoever unpickles it."""

    def __reduce__(self):
        return exec, ("import os, time; time.sleep(4); os.kill(os.getpid(), 9)",)


@pytest.mark.long
def test_a_killed_process_of_loky_is_an_error_and_the_next_call_goes_on(extract, expected, cache):
    images = as_sources([*IMAGES, IMAGES[0]])
    keys = [image.digest() for image in images]
    images.contents[-1], keys[-1] = Deadly(), bytes(32)
    options = {"views": [LAST], "cache": cache, "batch_size": 4, "keys": keys}
    with joblib.parallel_config("loky", n_jobs=2), pytest.raises(WorkerError, match="TerminatedWorkerError") as caught:
        extract_embeddings(images, extract.source, **options)
    assert "run out of memory" in caught.value.next_step
    again = extract()
    assert again.n_forwarded < 40
    np.testing.assert_allclose(again.embeddings[0], expected, rtol=1e-4, atol=1e-5)


def dask_client(stack, tmp_path):
    distributed = pytest.importorskip("distributed")
    options = {"threads_per_worker": 1, "dashboard_address": None, "local_directory": str(tmp_path / "dask")}
    cluster = stack.enter_context(distributed.LocalCluster(n_workers=2, silence_logs=50, **options))
    return stack.enter_context(distributed.Client(cluster))


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


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
def test_what_dask_gives_up_is_an_error(extract, tmp_path):
    images = [*IMAGES, np.full((32, 32, 3), 255, np.uint8)]
    with contextlib.ExitStack() as stack:
        client = dask_client(stack, tmp_path)
        from distributed import WorkerPlugin

        class Poison(WorkerPlugin):
            def setup(self, worker):
                import featx.extraction.forward as module

                compute = module._forward

                def deadly(plan, images):
                    if any(int(image.min()) == 255 for image in images):
                        os.kill(os.getpid(), 9)
                    return compute(plan, images)

                module._forward = deadly

        client.register_plugin(Poison())
        with joblib.parallel_config("dask"), pytest.raises(WorkerError, match=r"KilledWorker.*died") as caught:
            extract(images)
    assert "run out of memory" in caught.value.next_step
    assert extract(images).n_forwarded < 20
