"""Promised: tasks run on any joblib backend, and failures of backends are one error with a next step."""

import contextlib
import threading
import time

import joblib
import numpy as np
import pytest

from backends import LAST, AtOnce, Killed, Processes, extraction
from featx import evaluate_heads
from featx.cache import EmbeddingCache
from featx.exceptions import WorkerError
from featx.runtime.tasks import TASKS_PER_WORKER, Workers


@pytest.fixture
def cache(tmp_path):
    return EmbeddingCache(tmp_path / "cache")


@pytest.fixture
def extract(tiny, cache):
    return extraction(tiny, cache)


def test_results_come_by_slices_where_a_backend_gives_them_all_at_once():
    begun = []
    with joblib.parallel_config(AtOnce(), n_jobs=2), Workers() as workers:
        results = workers.results(lambda n: begun.append(n) or n, [(n,) for n in range(20)])
        assert next(results) == 0
        assert sorted(begun) == list(range(2 * TASKS_PER_WORKER))
        assert list(results) == list(range(1, 20))


def test_results_come_as_they_arrive_where_their_order_does_not_matter():
    first = threading.Event()

    def work(number):
        if number == 0:
            assert first.wait(60)
        return number

    with joblib.parallel_config(Processes(), n_jobs=2), Workers(ordered=False) as workers:
        results = workers.results(work, ((n,) for n in range(4)))
        assert next(results) == 1
        first.set()
        assert sorted(results) == [0, 2, 3]


def test_what_has_ended_before_an_interrupt_is_kept_where_order_does_not_matter():
    class Interrupted(AtOnce):
        def submit(self, func, callback=None):
            vars(self).setdefault("jobs", []).append(super().submit(func, callback))
            return self.jobs[-1]

        @contextlib.contextmanager
        def retrieval_context(self):
            for job in self.jobs[:3]:
                job.wait()
            raise KeyboardInterrupt
            yield

    ended = threading.Event()
    try:
        for ordered, kept in ((False, [0, 1, 2]), (True, [])):
            found = []
            with joblib.parallel_config(Interrupted(), n_jobs=2), pytest.raises(KeyboardInterrupt):
                with Workers(ordered=ordered) as workers:
                    for result in workers.results(lambda n: n if n < 3 else ended.wait(60), [(n,) for n in range(9)]):
                        found.append(result)
            assert sorted(found) == kept
    finally:
        ended.set()


def test_calls_are_taken_as_workers_become_free():
    taken = []
    calls = (taken.append(n) or (n,) for n in range(1000))
    with joblib.parallel_config(Processes(), n_jobs=2), Workers(ordered=False) as workers:
        results = workers.results(lambda n: time.sleep(0.01) or n, calls)
        next(results)
        results.close()
    assert len(taken) < 100


def test_what_a_task_raises_is_raised_as_it_is():
    def fail(error):
        raise error

    with Workers(n_jobs=1) as workers, pytest.raises(KeyError) as caught:
        list(workers.results(fail, [(KeyError("a"),)]))
    assert caught.traceback[-1].name == "fail"
    assert caught.value.__cause__ is None


def test_a_loop_in_this_process_leaves_the_workers_to_share_out(extract):
    with joblib.parallel_config(Processes(), n_jobs=2):
        counts = joblib.Parallel(n_jobs=1)(joblib.delayed(lambda: Workers().process_count())() for _ in range(2))
    assert counts == [2, 2]


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
    X = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    with joblib.parallel_config(Killed(), n_jobs=2), pytest.raises(WorkerError, match="worker 3 died"):
        evaluate_heads({LAST: X}, np.arange(60) % 3, heads=["logistic"], n_jobs=2)
