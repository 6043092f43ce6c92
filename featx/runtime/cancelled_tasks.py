"""Tell a task in a worker that it was cancelled: dask cannot end the thread that runs it."""

from __future__ import annotations

import sys

__all__ = ["task_is_cancelled"]


def task_is_cancelled() -> bool:
    """Tell whether the task of dask's that this thread runs is cancelled; False in every other thread.

    Processes of other backends are killed.
    """
    worker_module = sys.modules.get("distributed.worker")
    if worker_module is None:
        return False
    key = getattr(worker_module.thread_state, "key", None)
    if key is None:
        return False
    task = worker_module.get_worker().state.tasks.get(key)
    return task is None or task.state == "cancelled"
