"""Promised: numbers of threads follow `n_jobs`, and freed memory is kept unless the user has chosen otherwise."""

import sys

import pytest

from featx.exceptions import ParameterError
from featx.runtime import resources


@pytest.mark.parametrize(("n_jobs", "expected"), [(None, 8), (-1, 8), (-2, 7), (-20, 1), (1, 1), (3, 3), (40, 40)])
def test_threads_are_counted_as_joblib_counts_jobs(monkeypatch, n_jobs, expected):
    monkeypatch.setattr(resources, "core_count", lambda: 8)
    assert resources.thread_count(n_jobs) == expected


@pytest.mark.parametrize("n_jobs", [0, 1.5, "2", True])
def test_other_numbers_of_jobs_are_refused(n_jobs):
    with pytest.raises(ParameterError, match="got n_jobs="):
        resources.thread_count(n_jobs)


@pytest.fixture
def mallopt(monkeypatch):
    """The calls of mallopt, in place of the C library's."""
    calls = []

    class Library:
        def __init__(self, name):
            self.mallopt = lambda parameter, value: calls.append((parameter, value)) or 1

    monkeypatch.setattr(resources.ctypes, "CDLL", Library)
    for name in resources.ALLOCATOR_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    return calls


@pytest.mark.skipif(sys.platform != "linux", reason="an allocator of Linux")
def test_freed_memory_is_kept_unless_the_environment_has_chosen(mallopt, monkeypatch):
    assert resources.keep_freed_memory.__wrapped__()
    assert mallopt == [(-3, 1 << 30), (-1, 1 << 30)]
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.trim_threshold=0")
    assert not resources.keep_freed_memory.__wrapped__()
    assert len(mallopt) == 2


def test_a_c_library_without_that_is_left_alone(monkeypatch):
    def missing(name):
        raise OSError("no such library")

    monkeypatch.setattr(resources.ctypes, "CDLL", missing)
    assert not resources.keep_freed_memory.__wrapped__()
