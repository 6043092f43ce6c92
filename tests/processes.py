"""A call goes in and is made in processes that may be killed; and a network whose embeddings are known beforehand."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import numpy as np
import pytest


def driven(call, *args, timeout):
    """Make a call of a test module in a process that has computed nothing, so that it can fork; end all of them."""
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    module = Path(call.__code__.co_filename)
    code = f"from {module.stem} import {call.__name__} as call; call(*{args!r})"
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        options = {"stdout": said, "stderr": subprocess.STDOUT, "start_new_session": True}
        process = subprocess.Popen([sys.executable, "-u", "-c", code], cwd=module.parent, **options)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout)
            status = process.poll()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        text = said.read()
    assert status == 0, f"{'took too long' if status is None else status}\n{text}"
    print(text)


def forked(call, *args):
    """Start a child that makes a call and ends without cleaning up."""
    child = os.fork()
    if not child:
        try:
            call(*args)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return child


def was_killed(child):
    """Wait for a child and tell whether it was killed; otherwise it must have succeeded."""
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)


def flattening():
    """A network whose embeddings are the pixels, bit for bit, whatever the batch; its views and their spec."""
    # Imported once for all children.
    import joblib  # noqa: F401
    import torchvision.transforms.v2  # noqa: F401
    from torch import nn

    import featx.extraction  # noqa: F401
    from featx.networks import resolve_backbone

    source = resolve_backbone(nn.Sequential(nn.Flatten()), image_size=8, resize="squash")
    views = [source.view("output", "auto")]
    return source, views, source.spec(views[0], "float32")


def flattened(count):
    """Images of 8 x 8 pixels, and the embeddings that they must get, reckoned without featx."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    mean, std = (np.float32(v) * np.float32(255) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return pixels, ((pixels - mean) / std).transpose(0, 3, 1, 2).reshape(count, 192)
