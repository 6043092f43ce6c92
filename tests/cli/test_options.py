"""Promised: outputs are checked before hours are spent, and options stand for the parameters of the library."""

import os

import pytest
from click.testing import CliRunner
from featx.cli import main

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")


@posix
@pytest.mark.parametrize(("command", "name"), [("fit", "model.skops"), ("extract", "embeddings.h5")])
def test_a_command_refuses_a_pipe_before_it_reads_anything(command, name, tmp_path):
    os.mkfifo(tmp_path / name)
    done = CliRunner().invoke(main, [command, "nowhere", "-o", str(tmp_path / name)])
    assert done.exit_code == 2
    assert "device, pipe or socket" in done.stderr
    assert os.listdir(tmp_path) == [name]
