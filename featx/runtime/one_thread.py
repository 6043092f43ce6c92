"""Keep the threads of BLAS and OpenMP to one, while processes or many small computations share the cores."""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager

from threadpoolctl import ThreadpoolController

__all__ = ["one_thread"]


def one_thread() -> AbstractContextManager[object]:
    """Return a context in which BLAS and OpenMP compute with one thread.

    Unlike `threadpoolctl.threadpool_limits`, it looks through the libraries of the process once, which takes as long as
    a fit of a small head. Those of numpy, scipy and scikit-learn are loaded when these are imported.
    """
    return _controller().limit(limits=1)


@functools.cache
def _controller() -> ThreadpoolController:
    import sklearn  # noqa: F401 (it loads the last of the libraries)

    return ThreadpoolController()
