"""Backends of joblib that behave as those of other libraries do, and an extraction to distribute over them."""

import threading
from concurrent.futures import Future
from multiprocessing.pool import ThreadPool

import cloudpickle
import numpy as np
import pytest
from joblib._parallel_backends import ParallelBackendBase, SequentialBackend, ThreadingBackend
from joblib._utils import _TracebackCapturingWrapper

from featx.extraction.extract import extract_embeddings
from featx.images.sources import as_sources
from featx.networks.resolve import resolve_backbone

LAST = ("features.12", "avg")
IMAGES = list(np.random.default_rng(0).integers(0, 256, (40, 32, 32, 3), dtype=np.uint8))


def extraction(network, cache):
    """Return a function that extracts the images, or others, into the cache; with its source and spec."""
    source = resolve_backbone(**network)

    def call(images=IMAGES, **options):
        options = {"views": [LAST], "cache": cache, "batch_size": 4, **options}
        return extract_embeddings(as_sources(images), source, **options)

    call.source = source
    call.spec = source.spec(LAST, "float32")
    return call


class Processes(ThreadingBackend):
    """Threads that say they are processes, so that patches reach them."""

    supports_sharedmem = False

    def get_nested_backend(self):
        # As dask's does: the same cluster, at level 0.
        return type(self)(), 2


class AtOnce(Processes):
    """As those of Ray and multiprocessing: all results at the end."""

    supports_return_generator = False


class Spark(ParallelBackendBase):
    """As that of joblibspark 0.6: asked for results in order, what travels is pickled, errors are returned."""

    def effective_n_jobs(self, n_jobs):
        return n_jobs

    def configure(self, n_jobs=1, parallel=None, **options):
        self.parallel, self.pool, self.n_jobs = parallel, ThreadPool(n_jobs), n_jobs
        return n_jobs

    def submit(self, func, callback=None):
        sent = cloudpickle.dumps(func)
        there = lambda: cloudpickle.dumps(self.run(cloudpickle.loads(sent)))  # noqa: E731
        run = _TracebackCapturingWrapper(lambda: cloudpickle.loads(there()))
        return self.pool.apply_async(run, callback=callback, error_callback=callback)

    def run(self, func):
        return func()

    def abort_everything(self, ensure_ready=True):
        self.terminate()
        if ensure_ready:
            self.configure(n_jobs=self.parallel.n_jobs, parallel=self.parallel, **self.parallel._backend_args)

    def terminate(self):
        self.pool.terminate()

    def get_nested_backend(self):
        return SequentialBackend(nesting_level=1), None


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


def dask_client(stack, tmp_path):
    """Return a client of a cluster of two processes, which ends with the stack."""
    distributed = pytest.importorskip("distributed")
    options = {"threads_per_worker": 1, "dashboard_address": None, "local_directory": str(tmp_path / "dask")}
    cluster = stack.enter_context(distributed.LocalCluster(n_workers=2, silence_logs=50, **options))
    return stack.enter_context(distributed.Client(cluster))
