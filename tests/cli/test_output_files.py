"""Promised: output files are checked before hours are spent, and replaced as a whole or left."""

import os

import pytest
from click.testing import CliRunner

from featx import FeatxError, ParameterError
from featx.cli import main
from featx.cli.output_files import check_output, check_outputs, write_output

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of POSIX")


@posix
@pytest.mark.parametrize(("command", "name"), [("fit", "model.skops"), ("extract", "embeddings.h5")])
def test_a_command_refuses_a_pipe_before_it_reads_anything(command, name, tmp_path):
    os.mkfifo(tmp_path / name)
    done = CliRunner().invoke(main, [command, "nowhere", "-o", str(tmp_path / name)])
    assert done.exit_code == 2
    assert "device, pipe or socket" in done.stderr
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing/m.skops", "there is no folder"), ("file/m.skops", "no folder|Not a d"), ("folder", "it is a folder")],
)
def test_a_file_that_could_not_be_written_is_refused_with_the_reason(name, reason, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(ParameterError, match=f"cannot write .*{name}: .*({reason})"):
        check_output(tmp_path / name)
    check_output(tmp_path / "folder" / "m.skops")
    check_output(tmp_path / "file")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@posix
def test_a_pipe_may_be_written_in_place_and_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    check_output(tmp_path / "pipe", in_place=True)
    with pytest.raises(ParameterError, match="device, pipe or socket"):
        check_output(tmp_path / "pipe")


def test_a_list_of_failures_that_will_stay_empty_is_told_of(remarks):
    check_outputs(None, {"failures": None, "on_error": "raise"})
    check_outputs(None, {"failures": "bad.json", "on_error": "skip"})
    assert remarks() == []
    check_outputs(None, {"failures": "bad.json", "on_error": "raise"})
    assert remarks() == ["--failures has no effect with --on-error raise: the first unreadable image ends the command"]


def test_an_output_is_replaced_as_a_whole_or_left(tmp_path, monkeypatch):
    write_output(tmp_path / "a.csv", b"one")
    write_output(tmp_path / "a.csv", b"two")
    assert (tmp_path / "a.csv").read_bytes() == b"two"

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FeatxError, match=r"cannot write .*a\.csv: No space left on device\. Choose another place"):
        write_output(tmp_path / "a.csv", b"three")
    assert (tmp_path / "a.csv").read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["a.csv"]
