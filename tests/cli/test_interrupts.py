"""Promised: Ctrl-C ends a command whatever it is doing, and it says what was kept."""

import os
import signal
import time

import click
import pytest
from featx.cli import main
from processes import interrupt

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
