"""Promised: BLAS and OpenMP have one thread inside of the context, and as many as before after it."""

import sklearn.linear_model  # noqa: F401 (loads libraries)
from threadpoolctl import threadpool_info, threadpool_limits

from featx.runtime.one_thread import one_thread


def threads():
    return [library["num_threads"] for library in threadpool_info()]


def test_libraries_have_one_thread_inside_and_what_they_had_outside():
    with threadpool_limits(3):
        before = threads()
        assert 3 in before
        for _ in range(2):
            with one_thread():
                assert set(threads()) == {1}
            assert threads() == before
