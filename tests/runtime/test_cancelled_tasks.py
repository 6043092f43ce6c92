"""Promised: a task of dask's notices that it was cancelled, and nothing else takes itself for one."""

import contextlib
import time

import pytest

from backends import dask_client
from featx.runtime.cancelled_tasks import task_is_cancelled


def test_what_is_no_task_is_not_cancelled():
    assert not task_is_cancelled()


@pytest.mark.cluster
@pytest.mark.filterwarnings("ignore")
def test_a_cancelled_task_of_dask_ends_by_itself(tmp_path):
    def wait(folder):
        (folder / "begun").touch()
        while not task_is_cancelled():
            time.sleep(0.05)
        (folder / "ended").touch()

    with contextlib.ExitStack() as stack:
        client = dask_client(stack, tmp_path)
        future = client.submit(wait, tmp_path)
        for name, action in (("begun", future.cancel), ("ended", lambda: None)):
            deadline = time.monotonic() + 60
            while not (tmp_path / name).exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)
            action()
