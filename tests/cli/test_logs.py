"""Promised: warnings, notes and steps are a line each on standard error, and only where they are wanted."""

import io
import logging
import sys
import warnings

import click
import pytest
from click.testing import CliRunner

from featx import resolve_backbone
from featx.cli import main
from featx.cli.logs import announce
from featx.display.notes import note_step
from featx.exceptions import TrainingWarning


@pytest.fixture
def remarking(monkeypatch):
    """Commands that warn and log twice."""

    def remark(*others):
        for _ in range(2):
            warnings.warn("the loss\nrises", TrainingWarning, stacklevel=1)
            logging.getLogger("featx").warning("out of memory: %d images", 3)
        return []

    monkeypatch.setattr("featx.cache.EmbeddingCache.info", remark)
    monkeypatch.setattr("featx.workflows.extract.write_embeddings", remark)


@pytest.mark.filterwarnings("always")
def test_warnings_and_remarks_are_a_line_each_without_a_files_path(remarking, tmp_path):
    done = CliRunner().invoke(main, ["cache", "info", "--cache", str(tmp_path)])
    assert done.stderr.splitlines() == ["warning: the loss rises", "note: out of memory: 3 images"]


@pytest.mark.filterwarnings("always")
def test_quiet_keeps_them_back(remarking, tmp_path):
    arguments = ["extract", "sample:photos", "-o", str(tmp_path / "o.h5")]
    loud, quiet = (CliRunner().invoke(main, [*arguments, *more]) for more in ([], ["-q"]))
    assert "warning: the loss rises" in loud.stderr.splitlines()
    assert quiet.stderr == ""


def test_pipes_and_quiet_commands_get_results_and_notes_only(monkeypatch):
    pytest.importorskip("torch")  # so that it is loaded, which is a step, too

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    for options, stream, shown in (({"quiet": False}, Terminal(), True), ({"quiet": True}, Terminal(), False),
                                   ({"quiet": False}, io.StringIO(), False)):  # fmt: skip
        monkeypatch.setattr(sys, "stderr", stream)
        with click.Context(click.Command("fit")):
            announce(options, "looking through photos")
            resolve_backbone("squeezenet1_1", weights=None, random_state=id(stream) % 1000).load("cpu")
        expected = "looking through photos ...\nloading the network squeezenet1_1 ...\n" if shown else ""
        assert click.unstyle(stream.getvalue()) == expected
    monkeypatch.setattr(sys, "stderr", Terminal())
    for name, value, codes in (("TERM", "xterm", True), ("TERM", "dumb", False), ("NO_COLOR", "1", False)):
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setenv(name, value)
        with click.Context(click.Command("fit")):
            announce({"quiet": False}, f"reading {name} {value}")
        assert ("\x1b" in sys.stderr.getvalue().splitlines()[-1]) == codes
    note_step("after the command")
    assert "after" not in stream.getvalue()
