"""Promised: Ctrl-C ends a command whatever it is doing, and it says what was kept."""

import os
import signal
import threading
import time

import click
import pytest

from featx.cli import main
from featx.cli.interrupts import forget_kept, note_kept, print_stopped, prompt_interrupts
from featx.exceptions import ModelFileError
from processes import interrupt

# Computes for minutes inside one call, as a support vector machine may: a signal does not end it.
SLOW_IN_C = """
import hashlib, signal
from featx.cli.interrupts import prompt_interrupts
signal.signal(signal.SIGINT, signal.default_int_handler)
with prompt_interrupts():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000_000)
"""


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


@pytest.fixture
def kept():
    """Begin like a command that has kept nothing yet, and leave nothing to the next."""
    forget_kept()
    yield
    forget_kept()


def test_what_was_kept_is_named_where_it_is_there_and_new(kept, tmp_path, capsys):
    folder, old = tmp_path / "runs", tmp_path / "old.ckpt"
    folder.mkdir()
    old.touch()
    note_kept("the runs in runs", folder)
    note_kept("the epochs in old.ckpt", old, since=time.time() + 60)
    note_kept("the epochs in missing.ckpt", tmp_path / "missing.ckpt")
    print_stopped()
    note_kept("the embeddings are in the cache")
    (folder / "0.npz").touch()
    print_stopped()
    forget_kept()
    print_stopped()
    captured = capsys.readouterr()
    assert captured.err.splitlines() == [
        "featx: stopped; nothing was kept",
        "featx: stopped; the runs in runs and the embeddings are in the cache; run the same command to go on",
        "featx: stopped; nothing was kept",
    ]
    assert captured.out == ""


def test_signals_are_as_before_when_a_command_is_done():
    before = signal.set_wakeup_fd(-1)
    with prompt_interrupts() as interrupted:
        assert not interrupted.is_set()
        inner = signal.set_wakeup_fd(-1)
        signal.set_wakeup_fd(inner)
        assert inner != before
    assert signal.set_wakeup_fd(before) == before
    assert not [thread for thread in threading.enumerate() if thread.name == "interrupts"]


def test_a_thread_that_gets_no_signals_is_left_alone():
    def run():
        with prompt_interrupts() as interrupted:
            found.append(interrupted.is_set())

    found = []
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert found == [False]
