"""Promised: a worker that is killed ends in an error, and not in waiting for it forever."""

import contextlib
import multiprocessing
import os
import time

import joblib
import numpy as np
import pytest

from backends import IMAGES, LAST, Killed, Spark, dask_client, extraction
from featx.cache import EmbeddingCache
from featx.exceptions import WorkerError
from featx.extraction.extract import extract_embeddings
from featx.images.sources import as_sources
from featx.runtime import lost_tasks
from featx.runtime.tasks import Workers


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


@pytest.fixture
def extract(tiny, cache):
    return extraction(tiny, cache)


@pytest.fixture
def expected(extract):
    return extract(cache=None).embeddings[0]


class Forks(Killed):
    """As a pool of multiprocessing, which forgets what a process that was killed was at."""

    has_futures = False

    def lose(self, future):
        multiprocessing.get_context("fork").Process(target=lambda: time.sleep(1.5) or os.kill(os.getpid(), 9)).start()


def test_a_killed_process_that_nobody_misses_is_no_endless_wait(extract):
    with joblib.parallel_config(Forks(), n_jobs=2), pytest.raises(WorkerError, match="was ended by signal 9"):
        extract()
    assert extract().n_forwarded < 40


def work(number, folder):
    """Note that it was begun; then do what the number says."""
    (folder / str(number)).touch()
    deadline = time.monotonic() + 60
    if number in (0, 7):  # once the others are done
        while len(list(folder.iterdir())) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        os.kill(os.getpid(), 9) if number == 0 else os._exit(3)
    elif number == 3:  # is at work when the other is killed
        time.sleep(1.5)
    elif number == 8:
        time.sleep(600)
    elif number == 9:
        raise KeyError("a")
    return number


def arrived(numbers, folder, backend="multiprocessing"):
    """Return the results that come, and the error after them."""
    results = []
    with joblib.parallel_config(backend, n_jobs=2), Workers(ordered=False) as workers:
        try:
            for result in workers.results(work, [(number, folder) for number in numbers]):
                results.append(result)
        except Exception as error:
            return sorted(results), error
    return sorted(results), None


@pytest.mark.parametrize(("deadly", "how"), [(0, "by signal 9"), (7, "with exit code 3")])
def test_a_killed_process_of_a_pool_costs_its_task_alone(deadly, how, tmp_path):
    results, error = arrived([1, deadly, 2, 3, 4, 5], tmp_path)
    assert results == [1, 2, 3]
    assert isinstance(error, WorkerError)
    assert f"was ended {how}" in error.message


def test_others_that_do_not_answer_are_waited_for_in_vain_only_so_long(tmp_path, monkeypatch):
    monkeypatch.setattr(lost_tasks, "PATIENCE_SECONDS", 1.0)
    for name in "abc":
        (tmp_path / name).touch()
    results, error = arrived([0, 8], tmp_path)
    assert results == []
    assert "was ended by signal 9" in error.message


class Unreadable:
    """An argument that cannot be unpickled elsewhere."""

    def __reduce__(self):
        return int, ("x",)


def test_arguments_that_a_pool_cannot_read_end_in_an_error(tmp_path):
    results, error = arrived([Unreadable()], tmp_path)
    assert results == []
    assert "was ended with exit code 1" in error.message


def test_results_of_spark_are_kept_when_a_task_fails(tmp_path):
    assert arrived([1, 2, 3, 4, 5], tmp_path, Spark()) == ([1, 2, 3, 4, 5], None)
    results, error = arrived([1, 9, 2, 3, 4], tmp_path, Spark())
    assert results == [1, 2, 3]
    assert isinstance(error, KeyError)


def test_an_executor_of_spark_that_is_lost_costs_its_task(tmp_path):
    class Lost(Spark):
        def run(self, func):
            if func.items[0][1][0][0] == 2:
                raise OSError("executor 2 was lost")
            return func()

    results, error = arrived([1, 2, 3, 4, 5], tmp_path, Lost())
    assert results == [1, 3, 4]
    assert isinstance(error, WorkerError)
    assert "executor 2 was lost" in error.message


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

                def deadly(task, images, names):
                    if any(int(image.min()) == 255 for image in images):
                        os.kill(os.getpid(), 9)
                    return compute(task, images, names)

                module._forward = deadly

        client.register_plugin(Poison())
        with joblib.parallel_config("dask"), pytest.raises(WorkerError, match=r"KilledWorker.*died") as caught:
            extract(images)
    assert "run out of memory" in caught.value.next_step
    assert extract(images).n_forwarded < 20
