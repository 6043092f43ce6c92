"""A call goes in and is made in processes that may be killed; and a network whose embeddings are known beforehand."""

import atexit
import contextlib
import functools
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import traceback
from pathlib import Path

import numpy as np
import pytest

# Imports once what takes seconds. Every program runs in a child of its own that knows nothing of the others.
_SERVER = """
import json, multiprocessing, os, sys, types
import joblib, sklearn.linear_model, sklearn.model_selection, torch, torchvision.transforms.v2
import featx.networks.reference_outputs, featx.networks.custom_modules
import featx.extraction.extract, featx.extraction.transformer
for line in sys.stdin:
    code, arguments, folder, said, settings, forgetting = json.loads(line)
    child = os.fork()
    if child:
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    status = 1
    try:
        os.setsid()
        for number, file in enumerate((os.devnull, said, said)):
            os.dup2(os.open(file, os.O_RDWR | os.O_APPEND), number)
        sys.stdin = open(0)
        os.environ.clear()
        os.environ.update(settings)
        os.chdir(folder)
        multiprocessing.current_process().authkey = os.urandom(32)
        for name in [name for name in sys.modules if forgetting and name.partition(".")[0] == "featx"]:
            del sys.modules[name]
        sys.argv = ["-c", *arguments]
        main = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), vars(main))
        status = 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(status)
"""


@functools.cache
def _server():
    command = [sys.executable, "-u", "-c", _SERVER]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

    def end():
        process.stdin.close()
        process.stdout.close()
        process.wait()

    atexit.register(end)
    return process


def python(code, *arguments, folder, settings=None, forgetting=False, timeout=120):
    """Run code as the program of a process of its own, which comes out of one that has computed nothing.

    PyTorch and scikit-learn are imported there already, and so is featx, unless it is `forgetting`. Return the exit
    status, None after the timeout, and all that was said.
    """
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    server = _server()
    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as said:
        places = [str(argument) for argument in arguments], str(folder), said.name
        request = json.dumps([code, *places, {**os.environ, **(settings or {})}, forgetting])
        server.stdin.write(request.encode() + b"\n")
        child = int(server.stdout.readline())
        ended, _, _ = select.select([server.stdout], [], [], timeout)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        status = int(server.stdout.readline())
        return status if ended else None, said.read()


def interruptible(code, *arguments, **options):
    """Start a script whose SIGINT works as in a terminal; a background job's is ignored."""
    start = "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", start + textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, **pipes, **options)


def driven(call, *args, timeout, warm=False):
    """Make a call of a test module in a process that has computed nothing, so that it can fork; end all of them.

    A `warm` one has PyTorch and featx imported.
    """
    if not hasattr(os, "fork"):
        pytest.skip("this system has no fork")
    module = Path(call.__code__.co_filename)
    code = f"from {module.stem} import {call.__name__} as call; call(*{args!r})"
    status, text = (python if warm else _cold)(code, folder=module.parent, timeout=timeout)
    assert status == 0, f"{'took too long' if status is None else status}\n{text}"
    print(text)


def _cold(code, *, folder, timeout):
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        options = {"stdout": said, "stderr": subprocess.STDOUT, "start_new_session": True}
        process = subprocess.Popen([sys.executable, "-u", "-c", code], cwd=folder, **options)
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout)
            status = process.poll()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        said.seek(0)
        return status, said.read()


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

    import featx.extraction.extract  # noqa: F401
    from featx.networks.resolve import resolve_backbone

    source = resolve_backbone(nn.Sequential(nn.Flatten()), image_size=8, resize="squash")
    views = [source.view("output", "auto")]
    return source, views, source.spec(views[0], "float32")


def flattened(count):
    """Images of 8 x 8 pixels, and the embeddings that they must get, reckoned without featx."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    mean, std = (np.float32(v) * np.float32(255) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return pixels, ((pixels - mean) / std).transpose(0, 3, 1, 2).reshape(count, 192)


def interrupt(arguments, cache, ready, *, after=0.0, timeout=60):
    """Start a command, send SIGINT some time after `ready` says so; return how it ended, its errors and its time.

    The time is in shares of what a command may take to end: five seconds (two on a quiet machine), or as long as it
    took to be ready where the machine is a busy one.
    """
    environment = {**os.environ, "FEATX_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        started = time.monotonic()
        end = started + timeout
        while not ready(process):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.05)
        time.sleep(after)
        os.killpg(process.pid, signal.SIGINT)  # a terminal signals the processes that the command has started, too
        began = time.monotonic()
        allowed = max(5, began - after - started)
        _, errors = process.communicate(timeout=max(30, 2 * allowed))
        seconds = time.monotonic() - began
        print(f"{seconds:.2f} s of {allowed:.2f}")
        return process.returncode, seconds / allowed, errors
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
