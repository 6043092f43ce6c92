"""A node of Ray on this machine, also where the machine is busy."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest

PR_SET_PDEATHSIG = 1
ATTEMPTS = 3
START_SECONDS = 120
# Where a port is chosen by an agent of the node, the node ends itself unless it hears of it within 15 seconds.
PORTS = ["port", "dashboard-agent-grpc-port", "dashboard-agent-listen-port", "runtime-env-agent-port"]
# Workers are nice by 15 more than their node, and get next to nothing beside other programs; a token of another node's
# is not taken by this one; and workers are killed where other programs leave less than 5 % of the memory.
SETTINGS = {
    "RAY_worker_niceness": "0",
    "RAY_AUTH_MODE": "disabled",
    "RAY_memory_monitor_refresh_ms": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
}


class NoNodeError(Exception):
    """Ray does not start; the message has what it said last."""


@contextlib.contextmanager
def ray_node(n_cpus=2):
    """Start a node of its own, have this process connected to it, and yield its address; end it after the block."""
    with contextlib.ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in SETTINGS.items():
            environment.setenv(name, value)
        import ray

        said = ""
        for _ in range(ATTEMPTS):
            # The paths of its sockets have to be short.
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True))
            log = stack.enter_context(open(f"{folder}/log", "w+"))
            address, process = _start(n_cpus, folder, log)
            stack.callback(_stop, process)
            if _connected(ray, address, process):
                stack.callback(ray.shutdown)
                yield address
                return
            log.seek(0)
            said = " ".join(log.read().split())[-300:]
        raise NoNodeError(f"no node of Ray starts here: {said}")


def _start(n_cpus, folder, log):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in PORTS]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        numbers = [each.getsockname()[1] for each in sockets]
    ports = [f"--{name}={number}" for name, number in zip(PORTS, numbers, strict=True)]
    small = ["--include-dashboard=false", "--disable-usage-stats", "--object-store-memory=100000000"]
    node = ["start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--num-cpus={n_cpus}", f"--temp-dir={folder}"]
    run = [sys.executable, "-m", "ray.scripts.scripts", *node, *ports, *small]
    process = subprocess.Popen(
        run, stdout=log, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_end_with_parent
    )
    return f"127.0.0.1:{numbers[0]}", process


def _end_with_parent():
    """Have this process terminated when the one that started it is killed: a node would be left behind."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _connected(ray, address, process):
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(Exception):  # of several kinds, until it answers
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            return True
        time.sleep(1)
    return False


def _stop(process):
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=60)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
