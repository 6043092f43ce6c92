"""Promised: a worker that is killed ends in an error, and not in waiting for it forever."""

import contextlib
import multiprocessing
import os
import time

import joblib
import numpy as np
import pytest

from backends import IMAGES, LAST, Killed, dask_client, extraction
from featx.cache import EmbeddingCache
from featx.exceptions import WorkerError
from featx.extraction.extract import extract_embeddings
from featx.images.sources import as_sources


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
