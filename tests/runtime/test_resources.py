"""Promised: numbers of threads follow `n_jobs`, as joblib counts them."""

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
