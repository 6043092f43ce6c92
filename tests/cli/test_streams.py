"""Promised: whatever a command's streams are, it ends with a line and an exit code, and remarks are lines too."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from featx.cli import main
from featx.cli.streams import write_text
from featx.exceptions import FeatxError

pytestmark = pytest.mark.skipif(os.name == "nt", reason="streams of POSIX")
FEATX = [sys.executable, "-c", "from featx.cli import main; main()"]
FULL = Path("/dev/full")


def run(*arguments, stdout):
    return subprocess.run([*FEATX, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60)


def shell(redirection):
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *FEATX, "cache", "info"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [["cache", "info"], ["--help"]], ids=["result", "help"])
def test_a_full_standard_output_is_said_in_a_line(arguments):
    with FULL.open("w") as full:
        done = run(*arguments, stdout=full)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "featx: cannot use standard output: No space left on device. Free some space, or choose another place."
    ]


def test_a_reader_that_has_closed_ends_the_command_as_a_signal_would():
    reader, writer = os.pipe()
    os.close(reader)
    done = run("cache", "info", stdout=writer)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_a_closed_standard_output_is_refused_and_a_closed_standard_error_does_without():
    closed = shell(">&-")
    assert closed.returncode == 2
    assert closed.stderr.splitlines() == ["featx: cannot use standard output: it is closed. Choose another place."]
    silent = shell("2>&-")
    assert silent.returncode == 0
    assert "embeddings" in silent.stdout


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (MemoryError(), "featx: there is not enough memory. Choose a smaller --batch-size or --image-size."),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "featx: there is not enough memory."),
        (OSError(28, "No space left on device", "/d/x"), "featx: cannot use /d/x: No space left on device. Free some"),
        (PermissionError(13, "Permission denied", "/d/x"), "featx: cannot use /d/x: Permission denied. Choose another"),
    ],
    ids=["memory", "torch", "disk", "permission"],
)
def test_what_the_system_refuses_is_no_bug(error, line, monkeypatch, tmp_path):
    def refused(store):
        raise error

    monkeypatch.setattr("featx.cache.EmbeddingCache.info", refused)
    done = CliRunner().invoke(main, ["cache", "info", "--cache", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.startswith(line)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")
def test_a_file_that_a_full_disk_does_not_take_is_named():
    with pytest.raises(FeatxError, match="cannot write /dev/full: No space left on device"):
        write_text("/dev/full", "text")
