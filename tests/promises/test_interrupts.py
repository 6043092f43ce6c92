"""Promised: Ctrl-C ends a command within two seconds, keeps what is committed, and says how to go on."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import click
import numpy as np
import pytest
from commands import NETWORK as TINY
from featx.cli import main
from PIL import Image

from featx import EmbeddingCache
from featx.exceptions import ModelFileError

# Computes for minutes inside one call, as a support vector machine may: a signal does not end it.
SLOW_IN_C = """
import hashlib, signal
from featx.cli.interrupts import prompt_interrupts
signal.signal(signal.SIGINT, signal.default_int_handler)
with prompt_interrupts():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000_000)
"""
# A shell's background jobs, of which pytest may be one, ignore SIGINT and hand that down.
MAIN = """
import signal, sys
from featx.cli import main
from featx.extraction import forward as forwarding
forwarding.TURN_SECONDS = 0.1
signal.signal(signal.SIGINT, signal.default_int_handler)
main(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        (root / name).mkdir()
        for number in range(60):
            Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(root / name / f"{number}.png")
    return root


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
        _, errors = process.communicate(timeout=30)
        seconds = time.monotonic() - began
        print(f"{seconds:.2f} s of {allowed:.2f}")
        return process.returncode, seconds / allowed, errors
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def rows(cache):
    return sum(info.rows for info in EmbeddingCache(cache).info())


NETWORK = ["--backbone", "resnet18", "--weights", "none", "--batch-size", "2"]
COMMANDS = {
    "extract": ["-o", "out.h5", *NETWORK],
    "fit": ["-o", "out.skops", *NETWORK],
    "finetune": ["-o", "out.skops", *NETWORK, "--checkpoint", "out.ckpt", "--epochs", "50"],
    "compare": ["--strategy", "frozen", "--strategy", "finetuned", *NETWORK],
}


@pytest.mark.parametrize(
    "command", ["extract", *(pytest.param(name, marks=pytest.mark.long) for name in ("finetune", "fit", "compare"))]
)
def test_a_command_stops_and_keeps_what_is_committed(command, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = ["-c", MAIN, command, str(folder), *COMMANDS[command]]
    code, share, errors = interrupt(run, tmp_path / "cache", lambda _: rows(tmp_path / "cache") > 0)
    assert code == 130, errors
    assert share < 1
    assert "run the same command to go on" in errors
    assert "Traceback" not in errors
    cache = EmbeddingCache(tmp_path / "cache")
    assert rows(tmp_path / "cache") > 0
    assert cache.verify().clean
    assert not (tmp_path / "out.h5").exists()


# What has a command work on for minutes once its images are extracted, and by which files one sees that it does.
LATER = {
    "fit": (["-o", "out.skops", "--head", "mlp", "--cv", "40", *TINY], "cache/*/*.h5"),
    "fit in processes": (
        ["-o", "out.skops", "--head", "mlp", "--cv", "40", "--n-jobs", "2", *TINY],
        "cache/*/*.h5",
    ),
    "finetune": (
        ["-o", "out.skops", "--checkpoint", "out.ckpt", "--epochs", "9999", "--no-early-stopping", *TINY],
        "out.ckpt",
    ),
    "compare": (["--repeats", "99", "--folder", "runs", *TINY], "runs/*.npz"),
}


@pytest.mark.long
@pytest.mark.parametrize("after", [0.1, 2.0])
@pytest.mark.parametrize("name", LATER)
def test_a_command_that_is_past_its_extraction_stops_as_soon(name, after, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options, files = LATER[name]

    def ready(_):
        return rows(tmp_path / "cache") >= 120 and any(tmp_path.glob(files))

    run = ["-c", MAIN, name.split()[0], str(folder), *options]
    code, share, errors = interrupt(run, tmp_path / "cache", ready, after=after)
    assert code == 130, errors
    assert share < 1
    assert errors.splitlines()[-1].endswith("run the same command to go on"), errors
    # A worker of joblib's that is interrupted while it starts shows where.
    assert "Traceback" not in errors or "processes" in name, errors
    assert EmbeddingCache(tmp_path / "cache").verify().clean
    assert not list(tmp_path.glob("*out.skops*"))


def test_a_library_that_does_not_ask_python_is_ended_too(tmp_path):
    def ready(process):
        return process.stdout.readline() == "ready\n"

    code, share, errors = interrupt(["-c", SLOW_IN_C], tmp_path, ready)
    assert code == 130
    assert share < 1
    assert "featx: stopped" in errors


def test_an_error_that_ctrl_c_caused_is_no_error(monkeypatch, capsys):
    """torch's writer, interrupted while it saves a checkpoint, raises a RuntimeError of its own."""

    def saving(self, ctx):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(5)
        except KeyboardInterrupt:
            raise ModelFileError("cannot write the checkpoint") from None

    monkeypatch.setattr(click.Group, "invoke", saving)
    # A shell starts what runs in the background deaf to it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(SystemExit) as stop:
            main(["cache", "info"], standalone_mode=True)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stop.value.code == 130
    assert capsys.readouterr().err == "featx: stopped; nothing was kept\n"
